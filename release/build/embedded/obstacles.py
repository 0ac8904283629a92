"""Finds instructions that the builder `layers` does not support, before anything is built. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

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
# Flags that the builder `layers` carries out. Others (`--checksum`) are refused, since ignoring them would copy other
# files. `ADD` has no `--from` and no `--parents`.
_COPY_FLAGS = frozenset({"from", "chown", "chmod", "link", "exclude", "parents"})
_ADD_FLAGS = _COPY_FLAGS - {"from", "parents"}
USE_DOCKER = "use `builder: docker`"


class ImageUse(msgspec.Struct, frozen=True, kw_only=True):
    """A base image that the build needs. `where`: `Dockerfile:7`, the first instruction that names it, at `line`.

    `is_copied`: whether files are copied from it, or from a stage on top of it.
    """

    name: str
    platform: Platform
    where: str
    line: int
    is_copied: bool


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
        base = base_of(dockerfile, stage, scope)
        if isinstance(base, Stage):
            waiting.append(base)
            _require_triggers(dockerfile, base)
        for instruction in stage.instructions:
            _require_possible(dockerfile, instruction)
            source = source_of(dockerfile, stage, instruction)
            waiting += [source] if isinstance(source, Stage) else []
    return tuple(wanted[index] for index in sorted(wanted))


def needed_images(
    dockerfile: Dockerfile, stages: tuple[Stage, ...], given: Mapping[str, str], platform: Platform
) -> tuple[ImageUse, ...]:
    """The base images of `stages`, each once for each platform."""
    scope = global_scope(dockerfile, given, platform)
    found: dict[tuple[str, str], ImageUse] = {}

    def use(name: str, of: Platform, instruction: Instruction, *, is_copied: bool) -> None:
        key = (name, str(of))
        earlier = found.get(key)
        line = earlier.line if earlier is not None else instruction.line
        is_copied = is_copied or (earlier is not None and earlier.is_copied)
        where = f"{dockerfile.name}:{line}"
        found[key] = ImageUse(name=name, platform=of, where=where, line=line, is_copied=is_copied)

    copied = _copied_stages(dockerfile, stages, scope)
    for stage in stages:
        base = base_of(dockerfile, stage, scope)
        own = stage_platform(stage, scope, platform)
        if isinstance(base, str):
            use(base, own, stage.base, is_copied=stage.index in copied)
        for instruction in stage.instructions:
            source = source_of(dockerfile, stage, instruction)
            if isinstance(source, str):
                use(source, platform, instruction, is_copied=True)
    return tuple(found.values())


def _copied_stages(dockerfile: Dockerfile, stages: tuple[Stage, ...], scope: Scope) -> frozenset[int]:
    """The stages that files are copied from, and those below them."""
    copied: set[int] = set()
    for stage in reversed(stages):  # a stage is used by later ones only
        for instruction in stage.instructions:
            source = source_of(dockerfile, stage, instruction)
            if isinstance(source, Stage):
                copied.add(source.index)
        base = base_of(dockerfile, stage, scope)
        if stage.index in copied and isinstance(base, Stage):
            copied.add(base.index)
    return frozenset(copied)


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


def base_of(dockerfile: Dockerfile, stage: Stage, scope: Scope) -> Stage | str | None:
    """What `FROM` names: an earlier stage, an image, or None for `scratch`."""
    image = scope.expand(stage.base, stage.base.image)
    earlier = _earlier(dockerfile, stage, image)
    if earlier is not None:
        return earlier
    if not image:
        raise BuildError(
            f"{_at(dockerfile, stage.base)}: `FROM` names no image", hint="give its variable a value"
        )
    return None if image == "scratch" else image


def stage_platform(stage: Stage, scope: Scope, platform: Platform) -> Platform:
    """The platform of a stage: that of its `FROM --platform=…`, else that of the build."""
    text = stage.base.flag("platform")
    return platform if text is None else parse_platform(scope.expand(stage.base, text))


def expanded_bases(dockerfile: Dockerfile, given: Mapping[str, str], platform: Platform) -> tuple[str, ...]:
    """The operand of each `FROM`, with variables replaced."""
    scope = global_scope(dockerfile, given, platform)
    return tuple(scope.expand(stage.base, stage.base.image) for stage in dockerfile.stages)


def source_of(dockerfile: Dockerfile, stage: Stage, instruction: Instruction) -> Stage | str | None:
    """What `COPY --from=` names: an earlier stage or an image; None for the context."""
    name = instruction.flag("from")
    if name is None or not isinstance(instruction, Copy):
        return None
    earlier = _earlier(dockerfile, stage, name)
    if earlier is not None:
        return earlier
    if not name or name.isdecimal() or any(each.name == name.lower() for each in dockerfile.stages):
        raise BuildError(
            f"{_at(dockerfile, instruction)}: there is no earlier stage `{name}` to copy from",
            hint="name a stage that stands above, or an image",
        )
    return name


def _earlier(dockerfile: Dockerfile, stage: Stage, name: str) -> Stage | None:
    before = [each for each in dockerfile.stages[: stage.index] if each.name == name.lower()]
    if before:
        return before[-1]
    number = number_in(name, most=stage.index - 1)
    return None if number is None else dockerfile.stages[number]


def _require_platform(dockerfile: Dockerfile, stage: Stage, scope: Scope, platform: Platform) -> None:
    """Raise `BuildError` if a stage's `FROM --platform` differs from the platform of the build."""
    named = stage_platform(stage, scope, platform)
    if named != platform:
        raise BuildError(
            f"{_at(dockerfile, stage.base)}: `FROM --platform={named}`, but the build is for `{platform}`",
            hint=f"remove the flag, or set `build: {{platforms: [{named}]}}`",
        )


def _require_triggers(dockerfile: Dockerfile, base: Stage) -> None:
    """Raise `BuildError` for an `ONBUILD` of `base` that a stage on top of it cannot do."""
    for instruction in base.instructions:
        if isinstance(instruction, OnBuild):
            require_trigger(instruction.trigger, _at(dockerfile, instruction))


def require_trigger(trigger: Instruction, where: str) -> None:
    """Raise `BuildError` for an instruction of `ONBUILD` that this builder cannot do where it takes effect."""
    if trigger.flag("from") is not None:
        raise BuildError(
            f"{where}: the builder `layers` does not support `ONBUILD {trigger.keyword} --from`",
            hint=f"{USE_DOCKER}, or another base",
        )
    refusal = _REFUSALS.get(type(trigger))
    if refusal is not None:
        refusal(where, trigger)


def _require_possible(dockerfile: Dockerfile, instruction: Instruction) -> None:
    refusal = _REFUSALS.get(type(instruction))
    if refusal is not None:
        refusal(_at(dockerfile, instruction), instruction)


def _refuse_run(where: str, _: Instruction) -> None:
    raise BuildError(
        f"{where}: the builder `layers` starts no program and cannot do `RUN`",
        hint=f"{USE_DOCKER}, or make the files before the build and `COPY` them",
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
    Run: _refuse_run,
}
