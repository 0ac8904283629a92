"""The inputs of a build: their form in the log and in the label, and which differences count as a change."""

from __future__ import annotations

from typing import Any

import pytest

from release.build_spec import BuildSpec
from release.errors import ConfigError
from release.plan.inputs import SCHEMA, changed_inputs, inputs_label, inputs_of, schema_of


def label(*, labels: dict[str, str] | None = None, args: tuple[str, ...] = (), **options: Any) -> str:
    return inputs_label(BuildSpec(args=dict.fromkeys(args, "x"), **options), labels or {})


def test_inputs_label_of_given_options_never_changes() -> None:
    """Images in registries have these labels: one of a build with defaults only, and one with every option set."""
    assert label() == "shipmark.inputs/1:1d2b5ad220afe7890f00ad781f6e1db9efd4989cee29cf4f2b0fc53f48f77264"
    whole = label(context="src", dockerfile="src/D", target="final", labels={"a": "b"}, args=("B", "A"))
    assert whole == "shipmark.inputs/1:b7abd92fedf3fdd568e504e656e42fef54903ecde86291de9fe8fda739705783"
    assert schema_of(whole) == SCHEMA


@pytest.mark.parametrize(
    "changes",
    [
        {"context": "src"},
        {"dockerfile": "Dockerfile.fat"},
        {"target": "final"},
        {"labels": {"team": "a"}},
        {"labels": {"team": "b"}},
        {"args": ("A",)},
        {"args": ("A", "B")},
    ],
)
def test_every_build_input_changes_the_inputs_label(changes: dict[str, Any]) -> None:
    assert label(**changes) != label()


@pytest.mark.parametrize(
    "changes",
    [
        {"context": "./"},
        {"dockerfile": "./Dockerfile"},
        {"target": ""},
        {"labels": {"built": "{{sha}}", "of": "v{{version}}"}},
        {"labels": {"org.opencontainers.image.version": "mine", "org.opencontainers.image.revision": "mine"}},
        {"labels": {"org.opencontainers.image.source": "https://git.example/x", "dev.shipmark.inputs": "x"}},
    ],
)
def test_written_defaults_and_values_that_vary_with_commit_or_clone_do_not_change_the_inputs_label(
    changes: dict[str, Any],
) -> None:
    assert label(**changes) == label()


def test_order_of_build_arguments_does_not_change_the_inputs_label() -> None:
    assert label(args=("A", "B")) == label(args=("B", "A"))


@pytest.mark.parametrize("labels", [{"größe": "1"}, {"a": "x\0y"}, {"a": "\ud800"}])
def test_image_label_without_a_canonical_form_is_a_config_error(labels: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="cannot be written down") as caught:
        label(labels=labels)
    assert caught.value.hint


def test_recorded_inputs_have_the_members_of_version_0_1_0() -> None:
    """Version 0.1.0 compares every member, and takes a missing one for a change."""
    assert inputs_of(BuildSpec(platforms=("linux/b", "linux/a")), {}) == {
        "context": ".",
        "dockerfile": "Dockerfile",
        "platforms": ["linux/a", "linux/b"],
        "labels": {},
        "args": [],
    }


OLD = inputs_of(BuildSpec(), {})


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ({}, {**OLD, "context": "src"}, ()),
        (OLD, OLD, ()),
        ({"labels": {}}, OLD, ()),
        (OLD, {**OLD, "network": "none"}, ("network",)),
        ({**OLD, "network": "none"}, OLD, ("network",)),
        (OLD, {**OLD, "context": "./"}, ()),
        (OLD, {**OLD, "platforms": ["linux/arm64"]}, ("platforms",)),
        (OLD, {**OLD, "stage": "a", "args": ["A"]}, ("args", "stage")),
        (OLD, {**OLD, "labels": {"org.opencontainers.image.version": "1.4.3-dev.5.gabc"}}, ()),
        (OLD, {**OLD, "labels": {"a": "b"}}, ("labels",)),
    ],
)
def test_changed_inputs_are_listed_and_an_absent_input_equals_its_default(
    before: dict[str, Any], now: dict[str, Any], changed: tuple[str, ...]
) -> None:
    assert changed_inputs(before, now) == changed
