"""Finds the build arguments whose values would stand in the history of the image. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from release.build.dockerfile.instructions import Arg, Dockerfile, Stage
from release.build.dockerfile.scope import global_scope
from release.build.dockerfile.stage_graph import base_of, effective_instructions, target_stage
from release.oci.image_json import Platform


def published_arguments(
    dockerfile: Dockerfile, target: str | None, given: Mapping[str, str], platforms: Sequence[Platform]
) -> tuple[str, ...]:
    """The names in `given` that the stage `target` declares, or a stage that it is built on.

    BuildKit writes the values of these arguments into the history: `RUN |1 NAME=value …`. Other stages leave only
    files. Arguments that `ONBUILD` of a base image declares are not known here.
    """
    found: dict[str, None] = {}
    for platform in platforms:
        scope = global_scope(dockerfile, given, platform)
        stage: Stage | str | None = target_stage(dockerfile, target)
        while isinstance(stage, Stage):
            for instruction in effective_instructions(dockerfile, stage, scope):
                if isinstance(instruction, Arg):
                    found |= dict.fromkeys(name for name in instruction.names if name in given)
            stage = base_of(dockerfile, stage, scope)
    return tuple(found)
