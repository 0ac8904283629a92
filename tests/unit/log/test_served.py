"""Comparison of the labels of an image in a registry with the log's record of its release."""

from __future__ import annotations

from typing import Any

import pytest

from release.log.fold import fold
from release.log.served import contradiction, has_own_version
from release.log.state import ReleaseState
from release.oci import OCI_MANIFEST, ImageFacts
from release.tagging.labels import INPUTS, REVISION, VERSION
from tests.support.logs.facts import COMMIT, MemoryStore, built, digest, key, planned, writer

ONE, TWO = "shipmark.inputs/1:" + "1" * 64, "shipmark.inputs/1:" + "2" * 64
OTHER = "f" * 40


def recorded(via: str = "build", **plan: Any) -> ReleaseState:
    store = MemoryStore()
    writer(store).append([planned(**plan), built(via=via)])
    state = fold(store.read()).release(key("r"))
    assert state is not None
    return state


def labelled(
    revision: str = COMMIT, version: str = "1.4.2", inputs: str = "", disputed: tuple[str, ...] = ()
) -> ImageFacts:
    labels = {REVISION: revision, VERSION: version, INPUTS: inputs}
    return ImageFacts(
        digest=digest("i"),
        media_type=OCI_MANIFEST,
        labels={name: text for name, text in labels.items() if text},
        platforms=("linux/amd64",),
        disputed=disputed,
    )


@pytest.mark.parametrize(
    ("plan", "image", "why"),
    [
        ({}, labelled(), None),
        ({}, labelled(inputs=ONE), None),  # 0.1.0 recorded no label
        ({"inputs_label": ONE}, labelled(), None),  # 0.1.0 wrote none into the image
        ({"inputs_label": ONE}, labelled(inputs="other/2:abc"), None),
        ({"inputs_label": ONE}, labelled(inputs=ONE), None),
        ({"inputs_label": ONE}, labelled(inputs=TWO), f"the image says inputs {TWO}, the log {ONE}"),
        ({}, labelled(revision=OTHER), f"the image says commit {OTHER}, the log {COMMIT}"),
        ({}, labelled(revision=""), f"the image says commit nothing, the log {COMMIT}"),
        ({}, labelled(version="1.4.1"), "the image says version 1.4.1, the log 1.4.2"),
        ({}, labelled(version=""), "the image says version nothing, the log 1.4.2"),
        ({"image_version": "1.4.1"}, labelled(version="1.4.1"), None),
        ({"inputs": {"labels": {VERSION: "mine", REVISION: "short"}}}, labelled("short", "mine"), None),
        ({"inputs": {"labels": {REVISION: OTHER}}}, labelled(OTHER), f"the image says commit {OTHER}"),
        ({}, labelled(disputed=("x", REVISION)), f"its platforms disagree about `{REVISION}`"),
        ({}, labelled(disputed=("x",)), None),
    ],
)
def test_labels_of_an_image_that_contradict_the_log_are_reported_with_the_reason(
    plan: dict[str, Any], image: ImageFacts, why: str | None
) -> None:
    found = contradiction(recorded(**plan), image)
    assert found == why or (why is not None and (found or "").startswith(why))


def test_any_version_skips_the_comparison_of_the_version_label_but_not_of_the_commit() -> None:
    assert contradiction(recorded(), labelled(version="1.4.2-dev.1"), any_version=True) is None
    assert contradiction(recorded(), labelled(revision=OTHER), any_version=True) is not None


@pytest.mark.parametrize(
    ("via", "plan", "own"),
    [
        ("build", {}, True),
        ("reuse", {}, False),
        ("adopt", {}, False),
        ("adopt", {"inputs_label": ONE}, True),
        ("build", {"channel": "branch"}, False),
    ],
)
def test_whether_an_image_has_its_own_version_label_depends_on_how_it_was_obtained(
    via: str, plan: dict[str, Any], own: bool
) -> None:
    assert has_own_version(recorded(via, **plan)) is own
