"""Finds instructions that the builder `layers` does not support, before anything is built. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from release.build.dockerfile.instructions import (
    Add,
    Copy,
    Dockerfile,
    From,
    Instruction,
    Maintainer,
    OnBuild,
    Run,
    Stage,
)
from release.build.dockerfile.scope import Scope, global_scope
from release.digits import number_in
from release.errors import BuildError
from release.oci.image_json import Platform, parse_platform

_REMOTE = re.compile(r"(https?|ftp|git|ssh)://|git@", re.IGNORECASE)
# Flags that the builder `layers` carries out. Others (`--parents`, `--exclude`) are refused, since ignoring them would
# copy other files. `ADD` has no `--from`.
_COPY_FLAGS = frozenset({"from", "chown", "chmod", "link"})
_ADD_FLAGS = _COPY_FLAGS - {"from"}
USE_DOCKER = "use `builder: docker`"


def needed_stages(
    dockerfile: Dockerfile, target: str | None, given: Mapping[str, str], platform: Platform
) -> tuple[Stage, ...]:
    """The stages that `target` (None: the last one) needs, in the order of the file.

    Raises `BuildError` for a target that does not exist, and for instructions that the builder does not support.
    """
    scope = global_scope(dockerfile, given, platform)
    wanted: dict[int, Stage] = {}
    last = target_stage(dockerfile, target)
    _require_platform(dockerfile, last, scope, platform)
    waiting = [last]
    while waiting:
        stage = waiting.pop()
        if stage.index in wanted:
            continue
        wanted[stage.index] = stage
        base = base_stage(dockerfile, stage, scope)
        waiting += [base] if base is not None else []
        for instruction in stage.instructions:
            _require_possible(dockerfile, instruction)
            source = source_stage(dockerfile, stage, instruction)
            waiting += [source] if source is not None else []
    return tuple(wanted[index] for index in sorted(wanted))


def target_stage(dockerfile: Dockerfile, target: str | None) -> Stage:
    """The stage `target`; None: the last one. Raises `BuildError`, whose hint lists the stages."""
    if target is None:
        return dockerfile.stages[-1]
    stage = dockerfile.stage(target)
    if stage is None:
        names = ", ".join(f"`{each.name}`" for each in dockerfile.stages if each.name)
        raise BuildError(
            f"`{dockerfile.name}` has no stage `{target}`",
            hint=f"it has {names}" if names else "name a stage with `FROM … AS name`",
        )
    return stage


def base_stage(dockerfile: Dockerfile, stage: Stage, scope: Scope) -> Stage | None:
    """The earlier stage in `FROM`; None for `scratch`. Raises `BuildError` for any other image."""
    image = scope.expand(stage.base, stage.base.image)
    earlier = _earlier(dockerfile, stage, image)
    if earlier is not None:
        return earlier
    if image != "scratch":
        raise BuildError(
            f"{_at(dockerfile, stage.base)}: the builder `layers` cannot start from the image `{image}` yet",
            hint=f"start `FROM scratch` or from an earlier stage, or {USE_DOCKER}",
        )
    return None


def expanded_bases(dockerfile: Dockerfile, given: Mapping[str, str], platform: Platform) -> tuple[str, ...]:
    """The operand of each `FROM`, with variables replaced."""
    scope = global_scope(dockerfile, given, platform)
    return tuple(scope.expand(stage.base, stage.base.image) for stage in dockerfile.stages)


def source_stage(dockerfile: Dockerfile, stage: Stage, instruction: Instruction) -> Stage | None:
    """The earlier stage in `COPY --from=`; None for the context. Raises `BuildError` for an image."""
    name = instruction.flag("from")
    if name is None or not isinstance(instruction, Copy):
        return None
    earlier = _earlier(dockerfile, stage, name)
    if earlier is None:
        raise BuildError(
            f"{_at(dockerfile, instruction)}: there is no earlier stage `{name}` to copy from",
            hint=f"name a stage that stands above; to copy from an image {USE_DOCKER}",
        )
    return earlier


def _earlier(dockerfile: Dockerfile, stage: Stage, name: str) -> Stage | None:
    before = [each for each in dockerfile.stages[: stage.index] if each.name == name.lower()]
    if before:
        return before[-1]
    number = number_in(name, most=stage.index - 1)
    return None if number is None else dockerfile.stages[number]


def _require_platform(dockerfile: Dockerfile, stage: Stage, scope: Scope, platform: Platform) -> None:
    """Raise `BuildError` if a stage's `FROM --platform` differs from the platform of the build."""
    text = stage.base.flag("platform")
    if text is None:
        return
    named = scope.expand(stage.base, text)
    if parse_platform(named) != platform:
        raise BuildError(
            f"{_at(dockerfile, stage.base)}: `FROM --platform={named}`, but the build is for `{platform}`",
            hint=f"remove the flag, or set `build: {{platforms: [{named}]}}`",
        )


def _require_possible(dockerfile: Dockerfile, instruction: Instruction) -> None:
    refusal = _REFUSALS.get(type(instruction))
    if refusal is not None:
        refusal(_at(dockerfile, instruction), instruction)


def _refuse_run(where: str, _: Instruction) -> None:
    raise BuildError(
        f"{where}: the builder `layers` starts no program and cannot do `RUN`",
        hint=f"{USE_DOCKER}, or make the files before the build and `COPY` them",
    )


def _refuse_onbuild(where: str, _: Instruction) -> None:
    raise BuildError(
        f"{where}: the builder `layers` does not support `ONBUILD`", hint=f"{USE_DOCKER}, or remove the line"
    )


def _refuse_maintainer(where: str, instruction: Instruction) -> None:
    name = instruction.name if isinstance(instruction, Maintainer) else ""
    raise BuildError(
        f"{where}: `MAINTAINER` is deprecated, and not supported",
        hint=f'write `LABEL org.opencontainers.image.authors="{name}"`',
    )


def _refuse_parts_of_copy(where: str, instruction: Instruction) -> None:
    _require_flags(where, instruction, _COPY_FLAGS)


def _refuse_parts_of_add(where: str, instruction: Instruction) -> None:
    _require_flags(where, instruction, _ADD_FLAGS)
    for source in instruction.sources if isinstance(instruction, Add) else ():
        refuse_address(where, source)


def refuse_address(where: str, source: str) -> None:
    """Raise `BuildError` for a source of `ADD` that is not a local file."""
    if _REMOTE.match(source):
        raise BuildError(
            f"{where}: the builder `layers` opens no connection and cannot `ADD` the address `{source}`",
            hint=f"fetch and check the file before the build and `COPY` it, or {USE_DOCKER}",
        )


def _require_flags(where: str, instruction: Instruction, known: frozenset[str]) -> None:
    for flag in instruction.flags:
        if flag.name not in known:
            raise BuildError(
                f"{where}: the builder `layers` does not support `{instruction.keyword} --{flag.name}`",
                hint=f"{USE_DOCKER}, or remove it; supported: {', '.join(f'`--{name}`' for name in sorted(known))}",
            )


def _at(dockerfile: Dockerfile, instruction: Instruction | From) -> str:
    return f"{dockerfile.name}:{instruction.line}"


_REFUSALS: Mapping[type[Instruction], Callable[[str, Instruction], None]] = {
    Add: _refuse_parts_of_add,
    Copy: _refuse_parts_of_copy,
    Maintainer: _refuse_maintainer,
    OnBuild: _refuse_onbuild,
    Run: _refuse_run,
}
