"""The order of a promotion's steps, and which steps its plan leaves out because they are done."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from release.errors import RefusedError
from release.plan.model import Plan, Slot
from release.plan.operands import CheckTarget, MoveTag, PushContent
from release.plan.ownership import goes_back
from release.plan.promote import Destination, Promotion, plan_promotion
from release.tagging.model import Candidate, FixedTag, Held, HeldTags, Line, MovingTag, Withheld
from release.versions.model import Version
from tests.support.releases.subjects import COMMIT, DIGEST, IMAGE, OTHER

TO = "registry.example.com/prod"
CANDIDATE = Candidate(commit=COMMIT, version=Version(major=1, minor=4, patch=2))
FREE = Destination(
    target=TO,
    fixed=(FixedTag(name="1.4.2", reason="asked for", policy="version"),),
    moving=(
        MovingTag(name="1.4", reason="asked for", line=Line(kind="release", major=1, minor=4)),
        MovingTag(name="latest", reason="asked for", line=Line(kind="release")),
    ),
    names=("stable",),
)


def promotion(*destinations: Destination, **changes: Any) -> Promotion:
    given: dict[str, Any] = {
        "project": IMAGE,
        "source": IMAGE,
        "digest": DIGEST,
        "destinations": destinations or (FREE,),
        "commit": COMMIT,
        "candidate": CANDIDATE,
        "version": "1.4.2",
    }
    return Promotion(**{**given, **changes})


def holding(digest: str, version: str = "1.4.2", **changes: Any) -> Destination:
    held = tuple(
        Held(target=TO, tag=tag, state="held", digest=digest, version=version, revision=COMMIT)
        for tag in FREE.tags
    )
    return msgspec.structs.replace(FREE, held=HeldTags(held=held), **changes)


def ids(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def operands(plan: Plan, step_id: str) -> Any:
    return next(step for step in plan.steps if step.id == step_id).operands


def test_promotion_has_the_phases_and_step_order_of_a_release() -> None:
    plan = plan_promotion(promotion())
    assert [(step.phase, step.id) for step in plan.steps] == [
        ("preflight", "check:log"),
        ("preflight", f"check:{TO}"),
        ("permission", f"check-push:{TO}"),
        ("content", f"content:{TO}"),
        ("fixed", f"tag:{TO}:1.4.2"),
        ("moving", f"move:{TO}:1.4"),
        ("moving", f"move:{TO}:latest"),
        ("moving", f"move:{TO}:stable"),
        ("moving", f"record:promoted:{TO}"),
    ]
    assert [phase.name for phase in plan.phases if phase.visible] == ["fixed", "moving"]


def test_promotion_steps_use_the_digest_of_the_source() -> None:
    plan = plan_promotion(promotion())
    content, check = operands(plan, f"content:{TO}"), operands(plan, f"check:{TO}")
    assert isinstance(content, PushContent)
    assert (content.image, content.sources) == (DIGEST, (IMAGE,))
    assert isinstance(check, CheckTarget)
    assert check.expected.digests == (DIGEST,)
    move = operands(plan, f"move:{TO}:latest")
    assert isinstance(move, MoveTag)
    assert (move.candidate, move.line) == (CANDIDATE, Line(kind="release"))


def test_promoted_record_comes_after_all_moving_tags_and_wide_tags_after_narrow_ones() -> None:
    steps = {step.id: step for step in plan_promotion(promotion()).steps}
    assert steps[f"move:{TO}:latest"].after == (f"move:{TO}:1.4",)
    assert set(steps[f"record:promoted:{TO}"].after) == {
        f"move:{TO}:1.4",
        f"move:{TO}:latest",
        f"move:{TO}:stable",
    }


def test_promoted_record_has_source_target_digest_and_reason() -> None:
    plan = plan_promotion(promotion(msgspec.structs.replace(FREE, follows=7), release="a" * 64, reason="go"))
    fact = operands(plan, f"record:promoted:{TO}").fact
    assert {
        name: fact[name] for name in ("kind", "from", "to", "digest", "release", "reason", "follows")
    } == {
        "kind": "promoted",
        "from": IMAGE,
        "to": TO,
        "digest": DIGEST,
        "release": "a" * 64,
        "reason": "go",
        "follows": 7,
    }
    assert Slot(slot=f"tagged:tag:{TO}:1.4.2", optional=True) in fact["tags"]
    assert None not in fact.values()


def test_recorded_promotion_is_neither_pushed_nor_recorded_again() -> None:
    plan = plan_promotion(promotion(holding(DIGEST, recorded=True)))
    assert f"check-push:{TO}" not in ids(plan)
    assert f"record:promoted:{TO}" not in ids(plan)


def test_unrecorded_promotion_is_recorded_without_a_push() -> None:
    plan = plan_promotion(promotion(holding(DIGEST)))
    assert f"check-push:{TO}" not in ids(plan)
    assert f"record:promoted:{TO}" in ids(plan)


def test_promoting_a_tag_from_a_higher_version_is_refused_without_allow_backward() -> None:
    place = holding(OTHER, version="2.0.0")
    with pytest.raises(RefusedError, match=r"holds 2\.0\.0, which is higher than 1\.4\.2"):
        plan_promotion(promotion(place))
    plan = plan_promotion(promotion(place, allow_backward=True))
    assert operands(plan, f"move:{TO}:stable").allow_backward


@pytest.mark.parametrize(
    ("ours", "theirs", "back"),
    [
        ("1.4.2", "1.4.3", True),
        ("1.4.2", "1.4.2", False),
        ("1.4.2", "1.4.2-rc.1", False),
        ("1.4.2", None, False),
        (None, "1.4.2", False),
        ("main", "1.4.2", False),
    ],
)
def test_promoted_tag_goes_back_only_from_a_higher_to_a_lower_version(
    ours: str | None, theirs: str | None, back: bool
) -> None:
    assert goes_back(ours, Held(target=TO, tag="stable", state="held", version=theirs)) is back


def test_promotion_plan_hash_changes_with_the_digests_of_the_tags() -> None:
    assert plan_promotion(promotion()).hash == plan_promotion(promotion()).hash
    assert plan_promotion(promotion(holding(OTHER))).hash != plan_promotion(promotion()).hash


def test_withheld_tag_of_a_promotion_is_recorded_and_has_no_move_step() -> None:
    held = Withheld(name="latest", reason="2.0.0 is higher")
    plan = plan_promotion(promotion(msgspec.structs.replace(FREE, moving=FREE.moving[:1], withheld=(held,))))
    assert f"move:{TO}:latest" not in ids(plan)
    tags = operands(plan, f"record:promoted:{TO}").fact["tags"]
    assert {"name": "latest", "result": "withheld", "reason": "2.0.0 is higher"} in tags


def test_promotion_to_two_targets_has_unique_step_ids() -> None:
    other = msgspec.structs.replace(FREE, target="registry.example.com/stage")
    plan = plan_promotion(promotion(FREE, other))
    assert len(set(ids(plan))) == len(plan.steps)
    assert ids(plan).count("check:log") == 1
