"""A plan is fresh while nothing changed except by earlier attempts of the same release."""

from __future__ import annotations

from typing import Any

import msgspec

from release.build_spec import BuildSpec
from release.plan.freshness import moved_since
from release.plan.model import plain
from release.plan.release import plan_release
from release.plan.supply import FROM, Supply
from release.tagging.model import Held
from tests.support.releases.subjects import DECISION, DIGEST, OTHER, holds, subject


def earlier(**changes: Any) -> Any:
    return plain(plan_release([subject(**changes)]))


def test_plan_is_fresh_when_nothing_changed() -> None:
    assert moved_since(earlier(), plan_release([subject()]), frozenset()) == ()


def test_plan_is_stale_if_a_tag_was_moved_and_both_digests_are_named() -> None:
    before = holds({"latest": DIGEST}, version="1.4.1", revision="e" * 40)
    after = holds({"latest": OTHER}, version="1.4.1", revision="f" * 40)
    moved = moved_since(earlier(held=before), plan_release([subject(held=after)]), frozenset())
    assert moved == (f"`ghcr.io/acme/app:latest` was {DIGEST} and is {OTHER}",)


def test_tag_set_by_an_earlier_attempt_of_the_release_keeps_the_plan_fresh() -> None:
    after = plan_release([subject(held=holds({"1.4.2": DIGEST}))])
    assert moved_since(earlier(), after, frozenset({DIGEST})) == ()
    assert moved_since(earlier(), after, frozenset()) != ()


def test_changed_build_input_makes_a_plan_stale() -> None:
    now = plan_release([subject(build=BuildSpec(builder="layers", context="elsewhere"))])
    assert moved_since(earlier(), now, frozenset()) == ("input `context` of `app` changed",)


def test_changed_tag_decision_makes_a_plan_stale() -> None:
    decision = msgspec.structs.replace(DECISION, tags=DECISION.tags[:-1])
    moved = moved_since(earlier(), plan_release([subject(decision=decision)]), frozenset())
    assert moved == ("the decision about `latest` of `app` changed",)


def test_another_image_at_the_place_of_from_makes_a_plan_stale() -> None:
    def given(digest: str) -> dict[str, Any]:
        said = Held(target=FROM, tag=digest, state="held", digest=digest, revision=DECISION.commit)
        return {"supply": Supply(digest=digest, places=("oci:a",), said=said)}

    before = earlier(**given(DIGEST))
    assert moved_since(before, plan_release([subject(**given(DIGEST))]), frozenset()) == ()
    moved = moved_since(before, plan_release([subject(**given(OTHER))]), frozenset({DIGEST}))
    assert moved == (f"`image given for app` was {DIGEST} and is {OTHER}",)


def test_plan_of_another_commit_is_stale() -> None:
    decision = msgspec.structs.replace(DECISION, commit="f" * 40)
    moved = moved_since(earlier(), plan_release([subject(decision=decision)]), frozenset())
    assert "another release" in moved[0]
    assert "f" * 40 in moved[0]
