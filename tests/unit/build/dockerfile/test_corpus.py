"""The corpus of Dockerfiles resembles people's, and each file needs the features that its row lists."""

from __future__ import annotations

import re

import pytest

from release.build.dockerfile.features.names import FEATURES
from release.build.dockerfile.features.needs import needs_of
from release.build.dockerfile.parser import parse
from release.oci.image_json import parse_platform
from tests.support.corpus import Case, cases, files

PEOPLE = [case for case in cases() if case.group == "people"]
#: Pattern in the text -> percent of 76 Dockerfiles of well-known repositories.
SHARES = {
    r"(?m)^RUN": 97,
    r"(?ms)^FROM.*^FROM": 73,
    r"COPY .*--from=": 72,
    r"(?m)^FROM .*\$\{?(?!BUILD|TARGET)": 60,
    r"\b(TARGET|BUILD)(PLATFORM|ARCH|OS|VARIANT)": 47,
    r"(?m)^# syntax=": 43,
    r"FROM --platform": 40,
    r"<<-?['\"]?\w": 30,
    r"type=cache": 21,
    r"busybox@|BASE_DIGEST": 18,
    r"FROM scratch": 17,
    r"(?m)^VOLUME": 17,
    r"type=bind|--mount=target": 14,
    r"--link": 13,
    r"(?m)^SHELL": 12,
    r"(?m)^HEALTHCHECK": 11,
    r"--chown": 8,
    r"--chmod": 7,
    r"ADD .*(\{url|\{git)": 9,
    r"type=tmpfs": 4,
    r"type=secret": 3,
    r"# check=": 3,
    r"--exclude": 1,
}
#: Features that no container of a test has, or that only a test of their own needs.
ELSEWHERE = {
    "add-archive-chown",
    "add-keep-git-dir",
    "command-empty",
    "copy-from-empty",
    "copy-source-outside",
    "stage-name-twice",
    "workdir-user",
    "workdir-user-name",
    "copy-chown-empty",
    "copy-chown-name",
    "copy-chown-odd",
    "copy-chown-part-empty",
    "copy-chown-root",
    "copy-parents-excluded",
    "expansion-required",
    "from-place",
    "from-stage-argument",
    "frontend",
    "healthcheck-start-interval",
    "mount-secret-env",
    "mount-ssh",
    "run-device",
    "run-network",
    "run-security",
    "stage-index",
}


def test_every_dockerfile_of_the_corpus_is_a_case() -> None:
    assert [f"{case.name}.Dockerfile" for case in cases()] == [path.name for path in files()]
    assert len(PEOPLE) >= 60


@pytest.mark.parametrize(("pattern", "percent"), SHARES.items())
def test_corpus_uses_features_as_often_as_real_dockerfiles(pattern: str, percent: int) -> None:
    found = sum(bool(re.search(pattern, case.text({}))) for case in PEOPLE)
    assert abs(100 * found / len(PEOPLE) - percent) < 2


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_each_corpus_dockerfile_needs_exactly_its_listed_features(case: Case) -> None:
    needs = needs_of(
        parse(case.text()), target=case.target, given=case.args, platform=parse_platform("linux/amd64")
    )
    assert needs.features == case.features


def test_the_corpus_covers_every_feature_except_those_listed_as_tested_elsewhere() -> None:
    assert FEATURES - {feature for case in cases() for feature in case.features} == ELSEWHERE
