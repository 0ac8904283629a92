"""Finds instructions that the builder `layers` does not support, before anything is built. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build.context.tree import Tree
from release.build.dockerfile.features.names import Feature
from release.build.dockerfile.features.needs import BaseSettings, needs_of, unread
from release.build.dockerfile.instructions import Dockerfile, From, Instruction, OnBuild, Stage
from release.build.dockerfile.scope import Scope, global_scope
from release.build.dockerfile.stage_graph import base_of, source_of, stage_platform, target_stage
from release.build.dockerfile.stage_graph import needed_stages as stages_of
from release.build.embedded.named_sources import NamedSources
from release.errors import BuildError
from release.oci.image_json import Platform, parse_platform

#: Features of the builder `layers`: everything that runs no program and fetches no file.
LAYERS_FEATURES: frozenset[Feature] = frozenset(
    {
        "add-archive-chown",
        "check",
        "command-empty",
        "copy-chmod",
        "copy-chmod-empty",
        "copy-chmod-symbolic",
        "copy-chmod-new-folder",
        "copy-chown",
        "copy-chown-empty",
        "copy-chown-new-folder",
        "copy-chown-part-empty",
        "copy-chown-root",
        "copy-exclude",
        "copy-from-empty",
        "copy-from-image",
        "copy-from-stage",
        "copy-link",
        "copy-parents",
        "copy-parents-excluded",
        "copy-several-to-name",
        "copy-several-without-slash",
        "copy-source-outside",
        "env-name-empty",
        "expansion-pattern",
        "expansion-required",
        "expansion-unset",
        "expose-empty",
        "from-image",
        "from-place",
        "from-platform",
        "from-platform-argument",
        "from-stage-argument",
        "healthcheck",
        "healthcheck-start-interval",
        "healthcheck-zero",
        "heredoc",
        "onbuild",
        "platform-argument",
        "shell",
        "stage-index",
        "stage-name-twice",
        "syntax",
        "workdir-empty",
        "workdir-user",
        "workdir-user-name",
    }
)
_BUILDER = "the builder `layers`"
_ANY = parse_platform("linux/amd64")  # the support of a trigger does not depend on the platform
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
    require_supported(dockerfile, target, given, platform)
    scope = global_scope(dockerfile, given, platform)
    _require_platform(dockerfile, target_stage(dockerfile, target), scope, platform)
    stages = stages_of(dockerfile, target, scope)
    for stage in stages:
        base = base_of(dockerfile, stage, scope)
        if isinstance(base, Stage):
            _require_triggers(dockerfile, base)
    return stages


def require_supported(
    dockerfile: Dockerfile,
    target: str | None,
    given: Mapping[str, str],
    platform: Platform,
    bases: BaseSettings = unread,
) -> None:
    """Raise `BuildError` for instructions that the builder does not support. `bases`: what is known of base images."""
    needs = needs_of(dockerfile, target=target, given=given, platform=platform, bases=bases)
    needs.require(LAYERS_FEATURES, _BUILDER)


def needed_images(
    dockerfile: Dockerfile,
    stages: tuple[Stage, ...],
    given: Mapping[str, str],
    platform: Platform,
    named: NamedSources,
) -> tuple[ImageUse, ...]:
    """The base images of `stages`, each once for each platform. `named`: the named contexts of the build."""
    scope = global_scope(dockerfile, given, platform)
    found: dict[tuple[str, str], ImageUse] = {}

    def use(operand: str, of: Platform, instruction: Instruction, *, is_copied: bool) -> None:
        name = named.behind(operand)
        if isinstance(name, Tree):
            return
        key = (name, str(of))
        earlier = found.get(key)
        line = earlier.line if earlier is not None else instruction.line
        is_copied = is_copied or (earlier is not None and earlier.is_copied)
        where = f"{dockerfile.name}:{line}"
        found[key] = ImageUse(name=name, platform=of, where=where, line=line, is_copied=is_copied)

    copied = _copied_stages(dockerfile, stages, scope)
    for stage in stages:
        base = base_of(dockerfile, stage, scope)
        own = stage_platform(dockerfile, stage, scope, platform)
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


def _require_platform(dockerfile: Dockerfile, stage: Stage, scope: Scope, platform: Platform) -> None:
    """Raise `BuildError` if a stage's `FROM --platform` differs from the platform of the build."""
    named = stage_platform(dockerfile, stage, scope, platform)
    if named != platform:
        raise BuildError(
            f"{_at(dockerfile, stage.base)}: `FROM --platform={named}`, but the build is for `{platform}`",
            hint=f"remove the flag, or set `build: {{platforms: [{named}]}}`",
        )


def _require_triggers(dockerfile: Dockerfile, base: Stage) -> None:
    """Raise `BuildError` for an `ONBUILD` instruction of `base` that this builder does not support in a later stage."""
    for instruction in base.instructions:
        if isinstance(instruction, OnBuild):
            require_trigger(instruction.trigger, _at(dockerfile, instruction))


def require_trigger(trigger: Instruction, where: str) -> None:
    """Raise `BuildError` for an `ONBUILD` instruction that this builder does not support as a trigger."""
    if trigger.flag("from") is not None:
        raise BuildError(
            f"{where}: the builder `layers` does not support `ONBUILD {trigger.keyword} --from`",
            hint=f"{USE_DOCKER}, or another base",
        )
    # Of the image that the trigger is executed in nothing is known: it may have accounts and set variables.
    base = From(line=1, end_line=1, text="FROM base", image="base")
    file = Dockerfile(name="", arguments=(), stages=(Stage(index=0, base=base, instructions=(trigger,)),))
    try:
        needs = needs_of(file, target=None, given={}, platform=_ANY)
    except BuildError as error:
        _, _, what = error.message.partition(": ")  # the line is one of `file`
        raise BuildError(f"{where}: {what}", hint=error.hint) from error
    for need in needs.missing(LAYERS_FEATURES):
        raise BuildError(
            f"{where}: {_BUILDER} does not support {need.what}", hint=f"{USE_DOCKER}, or another base"
        )


def _at(dockerfile: Dockerfile, instruction: Instruction | From) -> str:
    return f"{dockerfile.name}:{instruction.line}"
