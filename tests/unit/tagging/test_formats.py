"""Versions in the formats of other ecosystems, checked with their own libraries where these are installed."""

from __future__ import annotations

import re
from itertools import pairwise

import packaging.version
import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError
from release.tagging.formats import FORMATS, format_version
from release.versions.calver import parse_calver
from release.versions.model import Version
from release.versions.semver import parse

ASCENDING = [
    "0.0.0-dev.7.g3f2a9c1b7d40",
    "0.9.0",
    "1.4.2",
    "1.4.3-dev.5.g3f2a9c1b7d40",
    "1.4.3-dev.12.g0350536aaaaa",
    "1.4.3",
    "1.5.0-alpha.1",
    "1.5.0-alpha.1.dev.2.g3f2a9c1b7d40",
    "1.5.0-beta.2",
    "1.5.0-rc.1",
    "1.5.0-rc.1.dev.3.g3f2a9c1b7d40",
    "1.5.0-rc.2",
    "1.5.0",
    "1.10.0",
]

TABLE = [
    ("1.4.2", "semver", "1.4.2"),
    ("1.4.2+b.5", "semver", "1.4.2+b.5"),
    ("1.4.2", "pep440", "1.4.2"),
    ("1.4.3-dev.5.g3f2a9c1b7d40", "pep440", "1.4.3.dev5+g3f2a9c1b7d40"),
    ("1.5.0-rc.1", "pep440", "1.5.0rc1"),
    ("1.5.0-rc1", "pep440", "1.5.0rc1"),
    ("1.5.0-alpha", "pep440", "1.5.0a0"),
    ("1.5.0-Beta.3", "pep440", "1.5.0b3"),
    ("1.5.0-preview.3", "pep440", "1.5.0rc3"),
    ("1.5.0-dev.3", "pep440", "1.5.0.dev3"),
    ("1.5.0-rc.1.dev.5.g3f2a", "pep440", "1.5.0rc2.dev5+g3f2a"),
    ("1.5.0-dev.3.dev.5.g3f2a", "pep440", "1.5.0.dev3+5.g3f2a"),
    ("1.4.2+Build-07.x", "pep440", "1.4.2+build.7.x"),
    ("1.4.2-foo.1", "npm", "1.4.2-foo.1"),
    ("1.4.2+b", "cargo", "1.4.2+b"),
    ("1.4.2", "maven", "1.4.2"),
    ("1.4.3-dev.5.g3f2a", "maven", "1.4.3-SNAPSHOT"),
    ("1.5.0-rc.1", "maven", "1.5.0-rc-1"),
    ("1.5.0-alpha", "maven", "1.5.0-alpha"),
    ("1.5.0-rc.1.dev.5.g3f2a", "maven", "1.5.0-rc-2-SNAPSHOT"),
    ("1.5.0-rc.1", "debian", "1.5.0~rc.1"),
    ("1.4.2+b.5", "debian", "1.4.2+b.5"),
]

REFUSED = [
    ("1.2.3-4", "pep440", "not one word and one number"),
    ("1.2.3-rc.1.2", "pep440", "not one word and one number"),
    ("1.2.3-foo.1", "pep440", "not `foo`"),
    ("1.2.3+a--b", "pep440", "letters and digits between dots"),
    ("1.2.3+b", "npm", "dropped"),
    (f"1.2.{2**53}", "npm", "numbers go up to"),
    (f"1.2.3-{2**53}", "npm", "numbers go up to"),
    (f"1.2.{2**64}", "cargo", "numbers go up to"),
    ("1.2.3-foo.1", "maven", "after the release"),
    ("1.2.3-a.1", "maven", "after the release"),
    ("1.2.3+b", "maven", "no build metadata"),
    ("1.2.3-4", "maven", "not one word and one number"),
    ("1.2.3-x-y", "debian", "package's revision"),
    ("1.2.3", "calver", "versions: calver"),
]


@pytest.mark.parametrize(("version", "name", "expected"), TABLE)
def test_versions_are_written_in_each_format(version: str, name: str, expected: str) -> None:
    assert format_version(parse(version), name) == expected


@pytest.mark.parametrize(("version", "name", "why"), REFUSED)
def test_version_that_a_format_cannot_express_is_an_error(version: str, name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)) as caught:
        format_version(parse(version), name)
    assert f"`{version}`" in caught.value.message


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "calver"])
def test_calendar_version_in_another_format_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="calendar version"):
        format_version(parse_calver("2024.10.03"), name)


def test_calendar_version_keeps_its_zeros() -> None:
    assert format_version(parse_calver("2024.10.03"), "calver") == "2024.10.03"


def test_unknown_format_is_an_error_with_the_known_formats() -> None:
    with pytest.raises(ConfigError) as caught:
        format_version(parse("1.0.0"), "gem")
    assert caught.value.hint == "formats: semver, pep440, npm, cargo, maven, debian, calver"


def test_pep440_versions_sort_in_the_order_of_their_semver_versions() -> None:
    written = [packaging.version.Version(format_version(parse(text), "pep440")) for text in ASCENDING]
    assert all(lower < higher for lower, higher in pairwise(written))


def test_pep440_sorts_commits_after_a_development_release_before_the_next_one() -> None:
    texts = ["1.5.0-dev.3", *(f"1.5.0-dev.3.dev.{count}.gf" for count in (9, 10)), "1.5.0-dev.4"]
    written = [packaging.version.Version(format_version(parse(text), "pep440")) for text in texts]
    assert all(lower < higher for lower, higher in pairwise(written))


words = st.sampled_from(["alpha", "beta", "dev", "rc", "a", "b", "preview", "foo", "x-y", "4", "01x"])
versions = st.builds(
    Version,
    major=st.integers(0, 10**20),
    minor=st.integers(0, 99),
    patch=st.integers(0, 99),
    prerelease=st.one_of(
        st.just(""),
        words,
        st.builds("{}.{}".format, words, st.integers(0, 99)),
        st.builds(
            "{}.{}.dev.{}.g{:x}".format, words, st.integers(0, 9), st.integers(1, 99), st.integers(0, 2**40)
        ),
        st.builds("dev.{}.g{:x}".format, st.integers(1, 999), st.integers(0, 2**40)),
    ),
    build_metadata=st.sampled_from(["", "", "b.5", "007", "a--b", "X"]),
)


@given(versions)
def test_written_versions_are_valid_and_normalised_in_their_format(version: Version) -> None:
    for name in ("semver", "npm", "cargo"):
        text = written(version, name)
        assert text is None or semver.Version.is_valid(text)
    text = written(version, "pep440")
    assert text is None or str(packaging.version.Version(text)) == text


def written(version: Version, name: str) -> str | None:
    try:
        return format_version(version, name)
    except ConfigError:
        return None
