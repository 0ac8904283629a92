"""The sources that a stage takes from the context: of COPY, ADD and bind mounts. Pure.

A source with a variable that only a base image may define counts as the whole context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from release.build.context.source_pattern import Source
from release.build.dockerfile.instructions import Add, Arg, Copy, Dockerfile, Env, Instruction, Run, Stage
from release.build.dockerfile.mounts import MountError, mount_form
from release.build.dockerfile.remote_sources import is_remote
from release.build.dockerfile.scope import Scope, names_in
from release.build.dockerfile.stage_graph import local_sources
from release.build.paths import rooted
from release.errors import BuildError
from release.lazy_pattern import pattern

_EXPANDED = pattern(r"[$\\'\"`]")


def mounts_of(instruction: Instruction) -> Iterator[dict[str, str]]:
    """The options of each `RUN --mount=`."""
    for text in instruction.flag_values("mount") if isinstance(instruction, Run) else ():
        try:
            options = (part.strip().partition("=") for part in mount_form(text))
        except MountError:
            continue  # the builder reports it
        yield {name.lower(): value for name, _, value in options}


def sources_in(dockerfile: Dockerfile, stage: Stage, scope: Scope) -> Iterator[Source]:
    """The sources in the context that a stage reads. `scope`: at its beginning; gets the variables that it sets."""
    for instruction in stage.instructions:
        if isinstance(instruction, Arg | Env):
            _take(scope, instruction)
            continue
        for text, is_mount in _operands(instruction, scope):
            pattern, is_exact = _pattern(text, instruction, scope)
            if pattern is not None:
                yield Source(
                    where=f"{dockerfile.name}:{instruction.line}",
                    keyword=instruction.keyword,
                    stage=stage.index,
                    text=text,
                    pattern=pattern,
                    is_exact=is_exact,
                    is_mount=is_mount,
                    keeps_parents=instruction.is_set("parents"),
                    excludes=bool(instruction.flag_values("exclude")),
                    destination=_destination(instruction, scope),
                )


def _take(scope: Scope, instruction: Arg | Env) -> None:
    """Set the variables of an ARG or ENV; leave them undefined if they cannot be expanded (the builder reports it)."""
    try:
        if isinstance(instruction, Arg):
            scope.declare(instruction)
        else:
            scope.set_env(
                {
                    scope.expand(instruction, pair.key): scope.expand(instruction, pair.value)
                    for pair in instruction.pairs
                }
            )
    except BuildError:
        return


def _operands(instruction: Instruction, scope: Scope) -> Iterator[tuple[str, bool]]:
    """The sources that come from the context, and whether they are mounted."""
    if isinstance(instruction, Copy | Add) and not (
        isinstance(instruction, Copy) and instruction.flag("from")
    ):
        for text in local_sources(instruction):
            if not (isinstance(instruction, Add) and is_remote(text)):
                yield text, False
    for mount in mounts_of(instruction):
        if _is_bind(mount, instruction, scope) and not mount.get("from"):
            yield mount.get("source") or mount.get("src") or ".", True


def _is_bind(mount: Mapping[str, str], instruction: Instruction, scope: Scope) -> bool:
    """Whether a mount is a bind mount, also where that depends on a variable that the base image may set."""
    kind = mount.get("type", "bind")
    if "$" in kind and not set(names_in(kind)) <= scope.variables.keys():
        return True
    try:
        return scope.expand(instruction, kind).lower() == "bind"
    except BuildError:
        return False  # the builder reports it


def _destination(instruction: Instruction, scope: Scope) -> str:
    """Where the instruction puts its sources; as it is written where that cannot be expanded."""
    if not isinstance(instruction, Copy | Add):
        return ""
    try:
        return scope.expand(instruction, instruction.destination)
    except BuildError:
        return instruction.destination


def _pattern(text: str, instruction: Instruction, scope: Scope) -> tuple[tuple[str, ...] | None, bool]:
    """The names of a source's path, and whether the builder reads just that; None for an address.

    `..` at the top of the context is the top, as for BuildKit; builders that refuse it lack the feature.
    """
    is_exact = "$" not in text
    if _EXPANDED.search(text):
        if not set(names_in(text)) <= scope.variables.keys():
            return (), False
        try:
            text = scope.expand(instruction, text)
        except BuildError:
            return (), False
        if isinstance(instruction, Add) and is_remote(text):
            return None, False
    cleaned = rooted(text)
    names = cleaned.split("/") if cleaned else []
    # `**` of `COPY --parents` stands for any number of names: whatever is below may be read.
    is_any = isinstance(instruction, Copy | Add) and instruction.is_set("parents")
    cut = next((number for number, name in enumerate(names) if is_any and name == "**"), len(names))
    return tuple(names[:cut]), is_exact and cut == len(names)
