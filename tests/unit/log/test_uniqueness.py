"""Version tags and releases that the log binds to one digest."""

from __future__ import annotations

from typing import Any

import pytest

from release.errors import TagConflict
from release.log.uniqueness import UniqueTags
from tests.support.logs.facts import digest, fact, key, pushed, released


def claims(*facts: dict[str, Any]) -> UniqueTags:
    made = UniqueTags()
    for each in facts:
        made.add(each)
    return made


def test_recording_a_version_tag_with_another_digest_than_in_the_log_is_a_conflict() -> None:
    held = claims(pushed(image="i"))
    with pytest.raises(TagConflict, match=r"acme/app:1\.4\.2` is `sha256:6969") as caught:
        held.require_free([pushed(release="other", image="j")])
    assert digest("i") in caught.value.message
    assert digest("j") in caught.value.message


def test_recording_a_version_tag_with_the_digest_in_the_log_is_accepted() -> None:
    claims(pushed(image="i")).require_free([pushed(release="other", image="i", attempt="z")])


@pytest.mark.parametrize(
    "free",
    [
        pushed(image="j", target="elsewhere/app"),
        pushed(image="j", tag="1.4.3"),
        pushed(image="j", tags=[{"name": "1.4.2", "result": "withheld"}]),
        pushed(image="j", tags=[{"name": "1.4.2", "digest": digest("j"), "policy": "first-wins"}]),
    ],
)
def test_a_recorded_version_tag_binds_neither_other_targets_nor_other_or_withheld_tags(
    free: dict[str, Any],
) -> None:
    claims(pushed(image="i")).require_free([free])


@pytest.mark.parametrize("tag", ["sha-3f2a9c1b7d40", "pr-12-3f2a9c1b7d40"])
def test_sha_and_pull_request_tags_may_be_recorded_with_another_digest(tag: str) -> None:
    claims(pushed(image="i", tag=tag)).require_free([pushed(image="j", tag=tag)])


def test_tag_recorded_with_the_policy_version_binds_its_digest_whatever_its_name() -> None:
    tags = [{"name": "sha-1", "digest": digest("i"), "policy": "version"}]
    again = [{"name": "sha-1", "digest": digest("j"), "policy": "version"}]
    with pytest.raises(TagConflict):
        claims(pushed(tags=tags)).require_free([pushed(tags=again)])


def test_second_image_recorded_as_released_for_one_release_is_a_conflict() -> None:
    held = claims(released(image="i"))
    held.require_free([released(image="i", attempt="b"), released(release="s", image="j")])
    with pytest.raises(TagConflict, match=f"release {key('r')[:12]} is `sha256:69"):
        held.require_free([released(image="j")])


def test_image_recorded_as_lost_no_longer_binds_its_tags_and_its_release() -> None:
    held = claims(pushed(image="i"), released(image="i"), fact("abandoned", reason="gone", lost=digest("i")))
    held.require_free([pushed(image="j"), released(image="j")])


def test_abandoned_record_without_a_lost_image_of_the_release_keeps_its_tags_bound() -> None:
    held = claims(pushed(image="i"), fact("abandoned", reason="its run is over"))
    with pytest.raises(TagConflict):
        held.require_free([pushed(image="j")])
    other = claims(pushed(image="i"), fact("abandoned", release="s", lost=digest("i")))
    with pytest.raises(TagConflict):
        other.require_free([pushed(image="j")])


def test_first_of_two_contradicting_records_binds_the_tag() -> None:
    held = claims(pushed(image="i"), pushed(image="j"), released(image="i"), released(image="j"))
    held.require_free([pushed(image="i"), released(image="i")])
    with pytest.raises(TagConflict):
        held.require_free([pushed(image="j")])


@pytest.mark.parametrize("odd", [{"tags": "all"}, {"tags": [7]}, {"image": "i"}, {"tags": None}])
def test_log_records_of_unexpected_shape_raise_no_error(odd: dict[str, Any]) -> None:
    claims({**pushed(), "image": {"digest": ""}, **odd}, {**released(), **odd})
