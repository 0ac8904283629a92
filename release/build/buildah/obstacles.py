"""Finds instructions that every version of buildah builds differently from BuildKit, before anything is built. Pure.

The differences were observed with buildah 1.28.2 and 1.39.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from release.build.buildah.base_shell import stages_below
from release.build.context.reach import Reach
from release.build.context.source_pattern import Source
from release.build.context.tree import LinkLoop, Tree
from release.build.dockerfile.instructions import (
    Add,
    Cmd,
    Copy,
    Dockerfile,
    Entrypoint,
    From,
    Instruction,
    OnBuild,
    Run,
    Shell,
    Stage,
    Workdir,
)
from release.build.dockerfile.mounts import mount_form
from release.errors import BuildError
from release.lazy_pattern import pattern
from release.oci.image_json import Platform
from release.secrets.redaction import redact

_OCTAL = pattern(r"0*[0-7]{1,4}")
_USUAL_FOLDER = 0o755
_SPECIAL = pattern(r"[*?\[\]\\]")
_BRACKETED = pattern(r"\[[^\]]*[\[*?]")


def require_alike(dockerfile: Dockerfile, shown: str) -> None:
    """Raise `BuildError` for the first line from which buildah would make another image.

    `shown`: the program's name.
    """
    if dockerfile.escape != "\\":
        raise BuildError(
            f"{dockerfile.name}:1: {shown} does not apply `# escape={dockerfile.escape}` to operands",
            hint="continue lines with a backslash",
        )
    for line, what, hint in sorted(_found(dockerfile)):
        raise BuildError(f"{dockerfile.name}:{line}: {shown} {what}", hint=hint)


def require_plain_matches(reach: Reach, files: Tree, shown: str) -> None:
    """Raise `BuildError` for a wildcard that matches a name with special characters: buildah reads it as a pattern."""
    for source in reach.sources:
        for path in source.matches(files):
            if _SPECIAL.search(path):
                raise BuildError(
                    f"{source.where}: {shown} does not copy `{path}`, which `{source.text}` matches",
                    hint="leave the file out with `.dockerignore`, or copy its folder",
                )


def require_folder_modes(dockerfile: Dockerfile, reach: Reach, files: Tree, shown: str) -> None:
    """Raise `BuildError` for a folder that is copied with `--chmod` to another name, where it keeps the mode 0755.

    `files`: of the context. A folder that `WORKDIR` made gets the mode.
    """
    for stage in dockerfile.stages:
        made = {"/"}
        for instruction in stage.instructions:
            if isinstance(instruction, Workdir):
                made |= {".", "./", instruction.path.rstrip("/")}
            where = f"{dockerfile.name}:{instruction.line}"
            mode = instruction.flag("chmod") or ""
            if not _OCTAL.fullmatch(mode) or int(mode, 8) & 0o777 == _USUAL_FOLDER:
                continue
            for source in (each for each in reach.sources if each.where == where):
                to = source.destination
                if to.rstrip("/") not in made and to not in made and _is_folder(source, files):
                    raise BuildError(
                        f"{where}: {shown} does not give a new folder the mode of `--chmod={mode}`: `{to}`",
                        hint=f"write `WORKDIR {to}` before, and copy to `.`",
                    )


def require_usual_contexts(contexts: Mapping[str, str], shown: str) -> None:
    """Raise `BuildError` for a named context that is a file at an address: buildah unpacks it, or names it otherwise.

    BuildKit takes the file as it is, under the name `context`. `contexts`: those that are no folders.
    """
    for name, address in contexts.items():
        is_repository = address.partition("#")[0].partition("?")[0].endswith(".git")
        if address.startswith(("http://", "https://")) and not is_repository:
            raise BuildError(
                f"`build: {{contexts: …}}`: {shown} does not take the file at `{redact(address)}` (`{name}`) as it is",
                hint="fetch the file before the build and name its folder, or use `builder: buildkit`",
            )


def require_usual_arm(platforms: Sequence[Platform], shown: str) -> None:
    """Raise `BuildError` for a variant of `arm` other than v7."""
    for platform in platforms:
        if platform.architecture == "arm" and platform.variant != "v7":
            raise BuildError(
                f"{shown} builds for `linux/arm/v7` where `{platform}` is asked for",
                hint="choose another builder, or a newer version",
            )


def _is_folder(source: Source, files: Tree) -> bool:
    paths = source.matches(files) if source.is_wild else ["/".join(source.pattern)]
    try:
        nodes = [files.get(files.resolve(path)) for path in paths]
    except LinkLoop:
        return False  # reported for every builder
    return any(node is not None and node.kind == "dir" for node in nodes)


def _found(dockerfile: Dockerfile) -> Iterator[tuple[int, str, str]]:
    for stage in dockerfile.stages:
        yield from _shells(dockerfile, stage)
        yield from _triggers(dockerfile, stage)
        yield from _brackets(stage)
        for instruction in (stage.base, *stage.instructions):
            for name in _names(instruction):
                written = _spelling(dockerfile, stage, name)
                if written is not None and written != name:
                    what = f"does not find the stage `{written}` by the name `{name}`"
                    yield instruction.line, what, f"write `{written}`"


def _shells(dockerfile: Dockerfile, stage: Stage) -> Iterator[tuple[int, str, str]]:
    """Commands in shell form behind a `SHELL` instruction, which buildah runs by `/bin/sh -c` and not by that shell."""
    _, *below = stages_below(dockerfile, stage)
    is_set = any(isinstance(each, Shell) for base in below for each in base.instructions)
    for instruction in stage.instructions:
        is_set = is_set or isinstance(instruction, Shell)
        if is_set and isinstance(instruction, Cmd | Entrypoint) and instruction.command.form == "shell":
            keyword = instruction.text.split(None, 1)[0]
            yield (
                instruction.line,
                f"does not apply `SHELL` to `{keyword}`",
                f'write `{keyword} ["shell", "-c", "…"]`',
            )


def _brackets(stage: Stage) -> Iterator[tuple[int, str, str]]:
    """Sources with a wildcard between brackets, which stands for itself: buildah takes it for a wildcard."""
    for instruction in stage.instructions:
        for source in instruction.sources if isinstance(instruction, Copy | Add) else ():
            if _BRACKETED.search(source):
                yield (
                    instruction.line,
                    f"does not read `{source}` as a pattern",
                    "write `?` for that character",
                )


def _triggers(dockerfile: Dockerfile, stage: Stage) -> Iterator[tuple[int, str, str]]:
    """Triggers that copy from a stage, where a later stage may run them: buildah looks only for an image there."""
    for instruction in stage.instructions if stage.index < len(dockerfile.stages) - 1 else ():
        if isinstance(instruction, OnBuild) and instruction.trigger.flag("from"):
            name = instruction.trigger.flag("from")
            what = f"does not find the stage `{name}` from `ONBUILD`"
            yield instruction.line, what, "write the instruction in the stage that needs it"


def _names(instruction: Instruction) -> Iterator[str]:
    """The names of stages or images in an instruction."""
    name = instruction.flag("from")
    if isinstance(instruction, From) and instruction.image == instruction.image.lower():
        yield instruction.image  # no stage is found by a name with upper case in `FROM`
    if isinstance(instruction, Copy) and name:
        yield name
    for text in instruction.flag_values("mount") if isinstance(instruction, Run) else ():
        for field in mount_form(text):
            key, _, value = field.partition("=")
            if key.lower() == "from" and value:
                yield value


def _spelling(dockerfile: Dockerfile, stage: Stage, name: str) -> str | None:
    """The name, as written in the file, of the last earlier stage that has this name in upper or lower case."""
    named = [each for each in dockerfile.stages[: stage.index] if each.name == name.lower()]
    return named[-1].base.text.split()[-1] if named else None
