"""What may be true once is true once."""

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


def test_a_version_tag_has_one_digest_for_ever() -> None:
    held = claims(pushed(image="i"))
    with pytest.raises(TagConflict, match=r"acme/app:1\.4\.2` is `sha256:6969") as caught:
        held.require_free([pushed(release="other", image="j")])
    assert digest("i") in caught.value.message
    assert digest("j") in caught.value.message


def test_the_same_digest_is_no_conflict() -> None:
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
def test_other_places_are_free(free: dict[str, Any]) -> None:
    claims(pushed(image="i")).require_free([free])


@pytest.mark.parametrize("tag", ["sha-3f2a9c1b7d40", "pr-12-3f2a9c1b7d40"])
def test_first_wins_tags_may_be_made_anew_after_they_were_pruned(tag: str) -> None:
    claims(pushed(image="i", tag=tag)).require_free([pushed(image="j", tag=tag)])


def test_a_tag_that_looks_like_first_wins_may_be_a_version_tag() -> None:
    tags = [{"name": "sha-1", "digest": digest("i"), "policy": "version"}]
    again = [{"name": "sha-1", "digest": digest("j"), "policy": "version"}]
    with pytest.raises(TagConflict):
        claims(pushed(tags=tags)).require_free([pushed(tags=again)])


def test_a_release_is_released_once() -> None:
    held = claims(released(image="i"))
    held.require_free([released(image="i", attempt="b"), released(release="s", image="j")])
    with pytest.raises(TagConflict, match=f"release {key('r')[:12]} is `sha256:69"):
        held.require_free([released(image="j")])


def test_what_is_lost_binds_no_longer() -> None:
    held = claims(pushed(image="i"), released(image="i"), fact("abandoned", reason="gone", lost=digest("i")))
    held.require_free([pushed(image="j"), released(image="j")])


def test_an_abandoned_attempt_alone_gives_nothing_back() -> None:
    held = claims(pushed(image="i"), fact("abandoned", reason="its run is over"))
    with pytest.raises(TagConflict):
        held.require_free([pushed(image="j")])
    other = claims(pushed(image="i"), fact("abandoned", release="s", lost=digest("i")))
    with pytest.raises(TagConflict):
        other.require_free([pushed(image="j")])


def test_the_first_claim_stays() -> None:
    held = claims(pushed(image="i"), pushed(image="j"), released(image="i"), released(image="j"))
    held.require_free([pushed(image="i"), released(image="i")])
    with pytest.raises(TagConflict):
        held.require_free([pushed(image="j")])


@pytest.mark.parametrize("odd", [{"tags": "all"}, {"tags": [7]}, {"image": "i"}, {"tags": None}])
def test_odd_shapes_of_later_versions_claim_nothing(odd: dict[str, Any]) -> None:
    claims({**pushed(), "image": {"digest": ""}, **odd}, {**released(), **odd})
