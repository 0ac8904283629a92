"""Relations between the stages of a Dockerfile: bases, sources, and the stages that a target needs. Pure.

Names are resolved as in BuildKit 0.34 (`frontend/dockerfile/dockerfile2llb/convert.go`): `FROM` takes the name of an
earlier stage, `COPY --from=` the name or the index of one, `RUN --mount=from=` the name of one; any other text is an
image.
"""

from __future__ import annotations

import posixpath

from release.build.dockerfile.instructions import (
    Add,
    Copy,
    Dockerfile,
    From,
    Instruction,
    OnBuild,
    Run,
    Stage,
    Workdir,
)
from release.build.dockerfile.references import hint_for, is_reference
from release.build.dockerfile.scope import Scope
from release.build.dockerfile.stage_references import (
    SCRATCH,
    at,
    named,
    not_earlier,
    require_no_circle,
    written_mounts,
    written_source,
)
from release.errors import BuildError
from release.oci.image_json import Platform, parse_platform
from release.oci.platforms import SYSTEMS

# Bases that do not lie in a registry. Only the builder `layers` reads such bases, and only layouts and daemon images.
_PLACES = ("oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "dir:")
_ANY = parse_platform("linux/amd64")  # where only `--platform=` of a stage counts


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
    """The operand of `FROM`: an earlier stage, the name of an image, or None for `scratch`. Raises `BuildError`."""
    image = scope.expand(stage.base, stage.base.image)
    earlier = [each for each in dockerfile.stages[: stage.index] if each.name == image]
    if earlier:
        return earlier[-1]
    if not image:
        raise BuildError(
            f"{at(dockerfile, stage.base)}: `{stage.base.text}` names no image",
            hint="give its variable a value, or a default with `ARG` before the first `FROM`",
        )
    return None if image == SCRATCH else image


def is_place(image: str) -> bool:
    """Whether a base is named with the transport of a layout, archive, folder or daemon: `oci:vendor/base`."""
    return image.startswith(_PLACES)


def stage_platform(dockerfile: Dockerfile, stage: Stage, scope: Scope, platform: Platform) -> Platform:
    """The platform in `FROM --platform=…`; without that flag, `platform`. Raises `BuildError`."""
    written = stage.base.flag("platform")
    if not written:
        return platform
    text = scope.expand(stage.base, written)
    if not text:
        raise BuildError(
            f"{at(dockerfile, stage.base)}: `--platform={written}` is empty: `{stage.base.text}`",
            hint="give its variable a value with `ARG` before the first `FROM`, or remove the flag",
        )
    if text.lower() in SYSTEMS:  # the architecture is that of the machine that builds, as in BuildKit
        text = "/".join(filter(None, (text, scope.args["BUILDARCH"], scope.args["BUILDVARIANT"])))
    try:
        return parse_platform(text)
    except BuildError as error:
        raise BuildError(
            f"{at(dockerfile, stage.base)}: {error.message}: `{stage.base.text}`", hint=error.hint
        ) from error


def expanded_bases(dockerfile: Dockerfile, scope: Scope) -> tuple[str, ...]:
    """The operand of each `FROM`, with variables replaced."""
    return tuple(scope.expand(stage.base, stage.base.image) for stage in dockerfile.stages)


def source_of(dockerfile: Dockerfile, stage: Stage, instruction: Instruction) -> Stage | str | None:
    """The operand of `COPY --from=`: an earlier stage, the name of an image, or None for the context.

    Raises `BuildError` for a later stage, and for a variable.
    """
    found = written_source(dockerfile, instruction)
    if isinstance(found, Stage) and found.index >= stage.index:
        raise not_earlier(dockerfile, instruction, f"`{instruction.flag('from')}` to copy from")
    return found


def mounted_from(dockerfile: Dockerfile, stage: Stage, instruction: Instruction) -> tuple[Stage | str, ...]:
    """The earlier stages and the images in `RUN --mount=from=`. Raises `BuildError` for a later stage."""
    found: list[Stage | str] = []
    for name in written_mounts(dockerfile, instruction):
        source = named(dockerfile, name)
        if source is not None and source.index >= stage.index:
            raise not_earlier(dockerfile, instruction, f"`{name}` to mount")
        found.append(name if source is None else source)
    return tuple(found)


def effective_instructions(dockerfile: Dockerfile, stage: Stage, scope: Scope) -> tuple[Instruction, ...]:
    """The instructions that are executed in a stage: the `ONBUILD` triggers of the stage below it, then its own.

    The triggers of a base image are not known here.
    """
    base = base_of(dockerfile, stage, scope)
    triggers = [
        each.trigger
        for each in (base.instructions if isinstance(base, Stage) else ())
        if isinstance(each, OnBuild)
    ]
    return (*triggers, *stage.instructions)


def needed_stages(dockerfile: Dockerfile, target: str | None, scope: Scope) -> tuple[Stage, ...]:
    """The stages that `target` needs, in the order of the file: BuildKit and `layers` skip the others.

    `scope`: of the `FROM` lines. Raises `BuildError` for a target that does not exist, and for operands that are
    invalid in every stage, needed or not.
    """
    for stage in dockerfile.stages:  # BuildKit resolves these operands in every stage
        image, empty = base_of(dockerfile, stage, scope), scope.unset_in(stage.base.image)
        _require_reference(dockerfile, stage.base, image, empty)
        stage_platform(dockerfile, stage, scope, _ANY)
        for instruction in stage.instructions:
            mounted = (
                name for name in written_mounts(dockerfile, instruction) if not named(dockerfile, name)
            )
            for source in (written_source(dockerfile, instruction), *mounted):
                _require_reference(dockerfile, instruction, source, ())
    wanted: dict[int, Stage] = {}
    waiting = [target_stage(dockerfile, target)]
    while waiting:
        stage = waiting.pop()
        if stage.index in wanted:
            continue
        wanted[stage.index] = stage
        used = [base_of(dockerfile, stage, scope)]
        for instruction in effective_instructions(dockerfile, stage, scope):
            used.append(source_of(dockerfile, stage, instruction))
            used += mounted_from(dockerfile, stage, instruction)
        waiting += [each for each in used if isinstance(each, Stage)]
    require_no_circle(dockerfile)
    return tuple(wanted[index] for index in sorted(wanted))


def has_layer(dockerfile: Dockerfile, target: str | None, scope: Scope) -> bool:
    """Whether the image of `target` gets a file or a folder: from a base image, or by an instruction.

    `scope`: of the `FROM` lines.
    """
    stage = target_stage(dockerfile, target)
    while not any(map(_makes_layer, effective_instructions(dockerfile, stage, scope))):
        base = base_of(dockerfile, stage, scope)
        if not isinstance(base, Stage):
            return base is not None
        stage = base
    return True


def _makes_layer(instruction: Instruction) -> bool:
    if isinstance(instruction, Workdir):
        return bool(posixpath.normpath(f"/{instruction.path}").strip("/"))
    return isinstance(instruction, Add | Copy | Run)


def stages_up_to(dockerfile: Dockerfile, target: str | None) -> tuple[Stage, ...]:
    """The stages that the classic builder of a Docker daemon builds: the target and all before it."""
    return dockerfile.stages[: target_stage(dockerfile, target).index + 1]


def local_sources(instruction: Copy | Add) -> tuple[str, ...]:
    """The sources that are not here-documents."""
    words = {heredoc.word for heredoc in instruction.heredocs}
    return tuple(source for source in instruction.sources if source not in words)


def _require_reference(
    dockerfile: Dockerfile, instruction: Instruction, image: Stage | str | None, empty: tuple[str, ...]
) -> None:
    """Raise `BuildError` for the name of an image that is malformed. `empty`: variables in it that have no value."""
    if not isinstance(image, str) or is_reference(image) or is_place(image):
        return
    stage = named(dockerfile, image)
    if stage is not None:
        hint = f"the stage is called `{stage.name}`"
    elif empty:
        hint = f"give `{empty[0]}` a value: `build: {{args: …}}`, or a default with `ARG` before the first `FROM`"
    else:
        hint = hint_for(image)
    use = "base" if isinstance(instruction, From) else "source"
    raise BuildError(
        f"{at(dockerfile, instruction)}: the {use} `{image}` is not the name of an image: `{instruction.text}`",
        hint=hint,
    )
