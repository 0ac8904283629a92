"""Turns the inputs of docker/metadata-action into a command line, for the drop-in `ci/github/metadata`."""

from __future__ import annotations

from collections.abc import Mapping

from release.cli.action.inputs import unknown_inputs

#: Input -> the option of `shipmark metadata`. `github-token` is accepted and not used: no API is asked.
OPTIONS: Mapping[str, str] = {
    "context": "--context",
    "images": "--images",
    "tags": "--tags",
    "flavor": "--flavor",
    "labels": "--labels",
    "annotations": "--annotations",
    "sep-tags": "--sep-tags",
    "sep-labels": "--sep-labels",
    "sep-annotations": "--sep-annotations",
    "bake-target": "--bake-target",
}
KNOWN = (*OPTIONS, "github-token")


def arguments(inputs: Mapping[str, str]) -> list[str]:
    """The command line for the inputs. Unknown inputs are left out, as docker/metadata-action does."""
    return [
        "metadata",
        *(f"{option}={inputs[name]}" for name, option in OPTIONS.items() if name in inputs),
        "--github-output",
    ]


def warnings(inputs: Mapping[str, str]) -> list[str]:
    """A warning for each input that docker/metadata-action does not have."""
    return [f"there is no input `{name}`: {hint}" for name, hint in unknown_inputs(inputs, KNOWN)]
