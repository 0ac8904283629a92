"""The form of build options in plans, records and labels is frozen, since images, logs and plan files contain it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from release.build_spec import BuildSpec
from release.config.load import load
from release.plan.freshness import moved_since
from release.plan.inputs import inputs_label
from release.plan.model import Plan, plain
from release.plan.operands import Record
from release.plan.release import plan_release
from release.plan.release_image import needs_build
from tests.support.releases.subjects import DECISION, EVERYWHERE, holds, subject

#: Text of `build:` -> the hash of the plan, and the digest in the image's label; written down before `BuildSpec`.
GOLDEN = {
    "{}": (
        "7c99b6b165b96bcf0079a6880b3bca687711ae7c154ff1148703c7386f6648d3",
        "ed73f1dd418be33b5c96a86a7a2c01b1b93dc73d63e842aaeeb000bc4bf053b5",
    ),
    "{builder: layers}": (
        "8ea6b3e2df542978c6e5204285057fa9596e178de0ff45e6de6f52a8afbced4b",
        "ed73f1dd418be33b5c96a86a7a2c01b1b93dc73d63e842aaeeb000bc4bf053b5",
    ),
    "{builder: docker, target: final}": (
        "a82e72af9b6381c77f8c1e8bf575c8c55f7b8e6b88c49a73943f31b9c372570c",
        "95bcae4d68520c5723c662bb0e92659c985dd0f91c0269b35fa25fc09076c908",
    ),
    "{builder: layers, args: {B: '{{version}}', A: secret}, compression: zstd}": (
        "5bd129a4e09c3b2bc198efeaa15043947895672c09ae17e0757a9464b9e4ee56",
        "0f2f0f3285e93c08d710fd8c116779132ebb850a9fc3307eb90f53ab7f4878fe",
    ),
    "{builder: layers, context: ./src/, dockerfile: ./src/D, platforms: [linux/s390x, linux/amd64]}": (
        "84b021a413aaad19a142d557a37f543cc59f4c092eb5580de328acc779f6839c",
        "d8730fbf8e5c5c37517e212f07c4ba60b46d7857c9ccf7f957bce198b967201b",
    ),
    "{builder: docker, context: a, dockerfile: a/D, target: t, args: {X: y}, platforms: [linux/arm64],"
    " compression: gzip-reproducible}": (
        "ed023e95e1ca61f67b3fd11fb1f1f022e5bc40d92dd1feb1467a39bb56d810f4",
        "89c8a72c9f1c31c94b85cfb93be14a7a61935886b9ba843da154e98b896309ed",
    ),
}


def planned(text: str) -> tuple[Plan, str]:
    """Return the plan and the inputs label of the build that `build: TEXT` configures."""
    build = load(f"image: a/b\nbuild: {text}", "shipmark.yml", {}).components[0].build
    decision = msgspec.structs.replace(DECISION, annotations={"team": "a"})
    return plan_release([subject(build=build, decision=decision)]), inputs_label(build, {"team": "a"})


@pytest.mark.parametrize("text", GOLDEN)
def test_plan_hash_and_inputs_label_of_given_build_options_never_change(text: str) -> None:
    plan, label = planned(text)
    assert (plan.hash, label) == (GOLDEN[text][0], f"shipmark.inputs/1:{GOLDEN[text][1]}")


def test_plan_has_names_but_no_values_of_build_arguments() -> None:
    plan, _ = planned("{args: {B: '{{version}}', A: hunter2, C: '${NPM_TOKEN}'}}")
    text = msgspec.json.encode(plain(plan)).decode()
    assert '"args":["A","B","C"]' in text
    assert [secret for secret in ("hunter2", "NPM_TOKEN", "{{version}}") if secret in text] == []


def test_planned_record_has_the_given_build_inputs_and_the_defaults_of_version_0_1_0() -> None:
    def inputs(text: str) -> Any:
        plan, _ = planned(text)
        facts = [step.operands.fact for step in plan.steps if isinstance(step.operands, Record)]
        return next(fact["inputs"] for fact in facts if fact["kind"] == "planned")

    labels = {"labels": {"org.opencontainers.image.version": "1.4.2"}}
    defaults = {"context": ".", "dockerfile": "Dockerfile", "platforms": [], "args": []}
    assert inputs("{}") == {**defaults, **labels}
    assert inputs("{target: t, builder: layers, compression: zstd}") == {**defaults, "stage": "t", **labels}
    assert inputs("{context: ./a, dockerfile: a/D, args: {B: x, A: y}, platforms: [b, a]}") == {
        **labels,
        "context": "./a",
        "dockerfile": "a/D",
        "platforms": ["a", "b"],
        "args": ["A", "B"],
    }


def test_chosen_builder_is_in_the_plan_but_does_not_make_it_stale() -> None:
    """The builder is in the plan file but is not an input, so a runner with another builder may execute the plan."""
    docker, layers = (
        plan_release([subject(build=BuildSpec(), builder=name)]) for name in ("docker", "layers")
    )
    assert len({docker.hash, layers.hash, plan_release([subject(build=BuildSpec())]).hash}) == 3
    named = [
        step["operands"].get("builder") for step in plain(docker)["steps"] if step["kind"] == "build-image"
    ]
    assert named == ["docker"]
    assert moved_since(plain(docker), layers, frozenset()) == ()


@pytest.mark.parametrize("channel", ["release", "branch"])
def test_builder_is_needed_only_if_the_image_must_be_built(channel: Any) -> None:
    decision = msgspec.structs.replace(DECISION, channel=channel)
    assert needs_build(subject(decision=decision))
    assert not needs_build(subject(decision=decision, held=holds(EVERYWHERE)))
    assert not needs_build(subject(decision=msgspec.structs.replace(decision, tags=())))
