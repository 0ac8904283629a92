"""The order of a release's steps, and which steps its plan leaves out because they are done."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from release.build_spec import BuildSpec
from release.errors import ConfigError, InputsChanged, RefusedError, TagConflict
from release.plan.evidence import STORE, Recorded
from release.plan.inputs import inputs_of
from release.plan.model import Plan
from release.plan.operands import FindImage, MoveTag, PushContent
from release.plan.release import plan_release
from release.plan.release_input import Target
from release.plan.release_key import release_key
from release.tagging.model import Held, HeldTags, Line, Withheld
from tests.support.releases.subjects import (
    COMMIT,
    DECISION,
    DIGEST,
    EVERYWHERE,
    IMAGE,
    OTHER,
    SHA,
    has,
    holds,
    subject,
)

INPUTS = inputs_of(BuildSpec(), DECISION.labels)


def ids(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def operands(plan: Plan, step_id: str) -> Any:
    return next(step for step in plan.steps if step.id == step_id).operands


def test_release_steps_are_in_the_order_of_their_phases() -> None:
    """Tags are put after every target has the image's blobs; moving tags come after all fixed tags."""
    plan = plan_release([subject()])
    order = {phase.name: number for number, phase in enumerate(plan.phases)}
    listed = sorted(plan.steps, key=lambda step: order[step.phase])
    assert [(step.phase, step.id) for step in listed] == [
        ("preflight", "check:log"),
        ("preflight", f"check:{IMAGE}"),
        ("preflight", "check-builder:app"),
        ("permission", f"check-push:{IMAGE}"),
        ("planned", "record:planned:app"),
        ("obtain", "obtain:app"),
        ("obtain", "record:built:app"),
        ("content", f"content:{IMAGE}"),
        ("fixed", f"tag:{IMAGE}:1.4.2"),
        ("fixed", f"tag:{IMAGE}:{SHA}"),
        ("fixed", f"record:pushed:{IMAGE}"),
        ("released", "record:released:app"),
        ("moving", f"move:{IMAGE}:1.4"),
        ("moving", f"move:{IMAGE}:1"),
        ("moving", f"move:{IMAGE}:latest"),
        ("moving", f"record:moved:{IMAGE}"),
    ]
    visible = [phase.name for phase in plan.phases if phase.visible]
    assert visible == ["fixed", "released", "moving", "attested"]


def test_attestation_steps_come_last_and_are_not_required() -> None:
    targets = (Target(name=IMAGE), Target(name="oci:copy", required=False))
    plan = plan_release([subject(targets=targets, attest=True)])
    assert plan.phases[-1].name == "attested"
    assert [phase.name for phase in plan.phases].index("released") < len(plan.phases) - 1
    steps = [step for step in plan.steps if step.phase == "attested"]
    assert [(step.id, step.required) for step in steps] == [
        (f"attest:{IMAGE}", False),
        ("attest:oci:copy", False),
    ]
    assert steps[1].needs == ("content:oci:copy", "tag:oci:copy:1.4.2", f"tag:oci:copy:{SHA}")
    assert operands(plan, f"attest:{IMAGE}").key == plan.releases[0].key


def test_release_without_the_option_attest_has_no_attestation_step() -> None:
    assert not [step for step in plan_release([subject()]).steps if step.kind == "attest"]


def test_moving_tags_are_moved_from_narrow_to_wide_with_their_line_and_candidate() -> None:
    plan = plan_release([subject()])
    moves = {step.id: step for step in plan.steps if step.kind == "move-tag"}
    assert moves[f"move:{IMAGE}:1"].after == (f"move:{IMAGE}:1.4",)
    assert moves[f"move:{IMAGE}:latest"].after == (f"move:{IMAGE}:1",)
    latest = operands(plan, f"move:{IMAGE}:latest")
    assert isinstance(latest, MoveTag)
    assert (latest.line, latest.candidate) == (Line(kind="release"), DECISION.candidate)


def test_release_key_depends_only_on_project_commit_and_tag() -> None:
    key = release_key(IMAGE, COMMIT, "1.4.2")
    elsewhere = subject(
        targets=(Target(name="registry.example.com/copy"),),
        build=BuildSpec(builder="docker", context="src", args={"A": "hunter2"}),
        held=HeldTags(),
        committed_at=0,
        recorded=Recorded(),
    )
    assert plan_release([subject()]).releases[0].key == key
    assert plan_release([elsewhere]).releases[0].key == key
    assert release_key("ghcr.io/acme/other", COMMIT, "1.4.2") != key
    assert release_key(IMAGE, COMMIT, "1.4.3") != key


def test_plan_of_a_finished_release_has_no_record_or_permission_steps() -> None:
    recorded = Recorded(digest=DIGEST, pushed=(IMAGE,), moved=(IMAGE,), released=True)
    place = has(IMAGE)
    plan = plan_release([subject(held=holds(EVERYWHERE), recorded=recorded, places=(place,))])
    assert {step.kind for step in plan.steps} == {
        "check-log",
        "check-target",
        "find-image",
        "push-content",
        "put-tag",
        "move-tag",
    }


def test_tagged_release_that_the_log_lacks_is_adopted_and_recorded() -> None:
    plan = plan_release([subject(held=holds(EVERYWHERE))])
    found = operands(plan, "obtain:app")
    assert isinstance(found, FindImage)
    assert (found.mode, found.digest, found.sources) == ("adopt", DIGEST, (IMAGE,))
    assert f"check-push:{IMAGE}" not in ids(plan)
    assert [step.id for step in plan.steps if step.kind == "record"] == [
        "record:planned:app",
        "record:built:app",
        f"record:pushed:{IMAGE}",
        "record:released:app",
        f"record:moved:{IMAGE}",
    ]


def test_image_recorded_by_a_killed_run_is_pushed_without_a_build() -> None:
    recorded = Recorded(digest=DIGEST)
    plan = plan_release([subject(recorded=recorded, places=(has(STORE),))])
    found = operands(plan, "obtain:app")
    assert (found.mode, found.digest) == ("resume", DIGEST)
    assert "record:built:app" not in ids(plan)
    pushed = operands(plan, f"content:{IMAGE}")
    assert isinstance(pushed, PushContent)
    assert (pushed.image, pushed.sources) == (DIGEST, (STORE,))


def test_recorded_image_that_no_source_has_is_built_again_after_its_attempt_is_abandoned() -> None:
    plan = plan_release([subject(recorded=Recorded(digest=DIGEST, attempt="first"))])
    assert ids(plan).index("record:abandoned:app") < ids(plan).index("record:planned:app")
    fact = operands(plan, "record:abandoned:app").fact
    assert (fact["attempt"], fact["lost"]) == ("first", DIGEST)
    planned = next(step for step in plan.steps if step.id == "record:planned:app")
    assert planned.after == ("record:abandoned:app",)
    assert DIGEST in fact["reason"]
    assert next(step for step in plan.steps if step.id == "obtain:app").kind == "build-image"


def test_tagged_image_is_preferred_to_a_recorded_image_that_was_not_pushed() -> None:
    here = (has(STORE),)
    elsewhere = holds({"1.4.2": OTHER})
    plan = plan_release([subject(recorded=Recorded(digest=DIGEST), places=here, held=elsewhere)])
    found = operands(plan, "obtain:app")
    assert (found.mode, found.digest) == ("adopt", OTHER)
    seen = Recorded(digest=DIGEST, pushed=(IMAGE,))
    plan = plan_release([subject(recorded=seen, places=here, held=elsewhere)])
    assert operands(plan, "obtain:app").digest == DIGEST


def test_an_image_is_adopted_from_the_commit_tag_if_the_log_lacks_the_release() -> None:
    found = operands(plan_release([subject(held=holds({SHA: OTHER}))]), "obtain:app")
    assert (found.mode, found.digest, found.sources) == ("adopt", OTHER, (IMAGE,))


def test_withheld_moving_tag_gets_a_move_step_if_it_points_to_this_release() -> None:
    line = Line(kind="release")
    withheld = Withheld(name="latest", reason="1.5.0 is higher", line=line)
    tags = tuple(tag for tag in DECISION.tags if tag.name != "latest")
    decision = msgspec.structs.replace(DECISION, tags=tags, withheld=(withheld,))
    ours = Held(target=IMAGE, tag="latest", state="held", digest=DIGEST, revision=COMMIT, version="1.4.2")
    theirs = msgspec.structs.replace(ours, version="1.5.0")
    for held, moves in ((ours, True), (theirs, False)):
        plan = plan_release([subject(decision=decision, held=HeldTags(held=(held,)))])
        assert (f"move:{IMAGE}:latest" in ids(plan)) is moves
        fact = operands(plan, f"record:moved:{IMAGE}").fact
        assert ("latest" in [tag.get("name") for tag in fact["tags"] if isinstance(tag, dict)]) is not moves


def test_resumed_release_records_the_earlier_attempt_and_no_via() -> None:
    plan = plan_release([subject(recorded=Recorded(digest=DIGEST, attempt="first"), places=(has(STORE),))])
    assert "via" not in operands(plan, "record:released:app").fact
    assert operands(plan, "record:planned:app").fact["resumes"] == "first"


def test_commit_tag_stays_on_the_branch_build_of_the_commit() -> None:
    plan = plan_release([subject(held=holds({SHA: OTHER}, version="1.4.2-dev.3.g3f2a9c1b7d40"))])
    decision = plan.releases[0].decision
    assert SHA not in [tag.name for tag in decision.tags]
    assert [one.name for one in decision.withheld] == [SHA]
    assert next(step for step in plan.steps if step.id == "obtain:app").kind == "build-image"


def test_reuse_releases_the_branch_build_without_a_build() -> None:
    held = holds({SHA: OTHER}, version="1.4.2-dev.3.g3f2a9c1b7d40")
    plan = plan_release([subject(held=held, reuse=True)])
    found = operands(plan, "obtain:app")
    assert (found.mode, found.digest) == ("reuse", OTHER)
    assert SHA in [tag.name for tag in plan.releases[0].decision.tags]


def test_reused_release_is_adopted_without_a_log() -> None:
    held = holds({SHA: OTHER, "1.4.2": OTHER}, version="1.4.2-dev.3.g3f2a9c1b7d40")
    found = operands(plan_release([subject(held=held, reuse=True)]), "obtain:app")
    assert (found.mode, found.digest) == ("adopt", OTHER)


def test_reuse_without_a_branch_build_is_refused() -> None:
    with pytest.raises(RefusedError, match="finds no image of commit") as caught:
        plan_release([subject(reuse=True)])
    assert caught.value.hint


def test_two_targets_with_different_images_of_one_release_are_a_conflict() -> None:
    second = "registry.example.com/app"
    held = HeldTags(held=holds({"1.4.2": DIGEST}).held + holds({"1.4.2": OTHER}, target=second).held)
    with pytest.raises(TagConflict) as caught:
        plan_release([subject(targets=(Target(name=IMAGE), Target(name=second)), held=held)])
    assert DIGEST in caught.value.message
    assert OTHER in caught.value.message


def test_resuming_a_pushed_image_with_other_build_inputs_is_refused_and_the_input_named() -> None:
    recorded = Recorded(digest=DIGEST, inputs={**INPUTS, "context": "elsewhere"}, pushed=(IMAGE,))
    with pytest.raises(InputsChanged, match='`context`: `"elsewhere"` then, '):
        plan_release([subject(recorded=recorded, places=(has(IMAGE),))])


def test_image_from_other_build_inputs_that_was_not_pushed_is_built_again() -> None:
    recorded = Recorded(digest=DIGEST, inputs={**INPUTS, "context": "elsewhere"})
    plan = plan_release([subject(recorded=recorded, places=(has(STORE),))])
    assert next(step for step in plan.steps if step.id == "obtain:app").kind == "build-image"


def test_recorded_inputs_have_argument_names_but_no_values_and_no_clone_url() -> None:
    labels = {"org.opencontainers.image.source": "https://git.example.com/x", "team": "a"}
    spec = BuildSpec(args={"VERSION": "{{version}}", "TOKEN": "hunter2"})
    inputs = inputs_of(spec, labels)
    assert inputs["args"] == ["TOKEN", "VERSION"]
    assert inputs["labels"] == {"team": "a"}


def test_target_with_moving_false_gets_no_moving_tags() -> None:
    plan = plan_release([subject(targets=(Target(name=IMAGE, moving=False),))])
    assert not [step for step in plan.steps if step.phase == "moving"]
    assert plan.releases[0].decision.references == (f"{IMAGE}:1.4.2", f"{IMAGE}:{SHA}")


def test_steps_of_an_optional_target_are_not_required() -> None:
    second = Target(name="registry.example.com/app", required=False)
    plan = plan_release([subject(targets=(Target(name=IMAGE), second))])
    assert {step.required for step in plan.steps if second.name in step.id} == {False}
    assert {step.required for step in plan.steps if second.name not in step.id} == {True}


def test_withheld_moving_tag_of_a_release_is_recorded_with_its_reason() -> None:
    withheld = Withheld(name="latest", reason="2.0.0 is higher")
    decision = msgspec.structs.replace(DECISION, tags=DECISION.tags[:4], withheld=(withheld,))
    fact = operands(plan_release([subject(decision=decision)]), f"record:moved:{IMAGE}").fact
    assert {"name": "latest", "result": "withheld", "reason": "2.0.0 is higher"} in fact["tags"]


def test_plan_has_no_steps_for_a_component_without_tags() -> None:
    decision = msgspec.structs.replace(DECISION, tags=())
    assert plan_release([subject(decision=decision)]).steps == ()


def test_key_of_a_release_without_a_fixed_tag_is_made_of_all_its_tags() -> None:
    decision = msgspec.structs.replace(DECISION, tags=DECISION.tags[2:])
    plan = plan_release([subject(decision=decision)])
    assert plan.releases[0].key == release_key(plan.releases[0].project, decision.commit, "1,1.4,latest")
    assert [step.id for step in plan.steps if step.kind == "put-tag"] == []
    # A tag that the guard withholds in one run and not in the next does not change the name.
    withheld = Withheld(name="latest", reason="2.0.0 is higher")
    later = msgspec.structs.replace(decision, tags=decision.tags[:-1], withheld=(withheld,))
    assert plan_release([subject(decision=later)]).releases[0].key == plan.releases[0].key


def test_steps_of_two_components_have_unique_ids_and_scopes() -> None:
    web = subject(component="web", project="ghcr.io/acme/web", targets=(Target(name="ghcr.io/acme/web"),))
    plan = plan_release([subject(), web])
    assert len(set(ids(plan))) == len(plan.steps)
    assert {step.scope for step in plan.steps} == {"", "app", "web"}


def test_plan_of_a_component_and_a_folder_whose_names_are_not_ascii_has_a_hash() -> None:
    """`run` ended with 1 after everything was pushed, since the names are keys of the plan's basis."""
    plan = plan_release([subject(component="ünï cöde", targets=(Target(name="oci:dist/bü"),))])
    assert len(plan.hash) == 64


def test_release_plan_hash_changes_with_the_present_tags() -> None:
    assert plan_release([subject()]).hash == plan_release([subject()]).hash
    moved = holds({"latest": OTHER}, version="1.4.1", revision="f" * 40)
    assert plan_release([subject(held=moved)]).hash != plan_release([subject()]).hash


def test_two_components_that_make_one_tag_are_refused() -> None:
    with pytest.raises(ConfigError, match=f"`app` and `web` both make the tag `{IMAGE}:1.4.2`"):
        plan_release([subject(), subject(component="web")])
    elsewhere = (Target(name=f"{IMAGE}-web"),)
    assert len(plan_release([subject(), subject(component="web", targets=elsewhere)]).releases) == 2


def test_two_components_with_tags_of_their_own_may_share_the_tag_of_the_commit() -> None:
    """The commit's tag goes to whichever is first; the other release is known by its version tag."""
    own = tuple(
        msgspec.structs.replace(tag, name=f"{tag.name}-web") for tag in DECISION.tags if tag.name != SHA
    )
    shared = [tag for tag in DECISION.tags if tag.name == SHA]
    web = subject(component="web", decision=msgspec.structs.replace(DECISION, tags=(*own, *shared)))
    assert len(plan_release([subject(), web]).releases) == 2
