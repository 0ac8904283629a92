"""Checks that the context has the sources of COPY, ADD and bind mounts, and explains why one is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator

from release.build.context.folder import Context
from release.build.context.reach import Reach
from release.build.context.selection import GIT_FOLDER, Selection
from release.build.context.source_pattern import Source
from release.build.context.tree import LinkLoop, Tree
from release.build.ignore import match_component
from release.errors import BuildError
from release.patterns import has_wildcard


def require_sources(context: Context, chosen: Selection, reach: Reach) -> None:
    """Raise `BuildError` for a source that the context lacks, with the reason.

    As with BuildKit, each literal path must be there, and one of the wildcards of an instruction must match. A source
    with a variable is checked by the builder only, because its value may come from the base image.
    """
    for source in reach.sources:
        _require_pattern(source)
    for sources in reach.by_instruction():
        lacking = [source for source in sources if not _is_there(source, context, chosen.files)]
        literal = [source for source in lacking if not source.is_wild]
        if literal:
            raise _absent(context, chosen, literal[0])
        if lacking and len(lacking) == len(sources):
            raise _absent(context, chosen, lacking[0])


def require_usual(chosen: Selection, reach: Reach) -> None:
    """Raise `BuildError` for a pipe, socket or device that an instruction would copy: no image can hold it."""
    for path in chosen.files.paths():
        node = chosen.files.get(path)
        source = reach.source_of(path) if node is not None and node.kind == "special" else None
        if source is not None:
            raise BuildError(
                f"{source.where}: `{path}` is a device, pipe or socket, which an image cannot hold",
                hint="remove it, or name it in `.dockerignore`",
            )


def _require_pattern(source: Source) -> None:
    """Raise `BuildError` for a source that is not a valid pattern, which no builder reads."""
    for name in source.pattern if source.is_exact else ():
        try:
            match_component(name, "")
        except ValueError as error:
            raise BuildError(
                f"{source.where}: `{source.text}` is not a pattern: {error}",
                hint="close the bracket, or put a backslash before a literal one"
                if "[" in name
                else "write it shorter",
            ) from error


def _is_there(source: Source, context: Context, files: Tree) -> bool:
    if not source.is_exact or not source.pattern:
        return True
    if GIT_FOLDER in source.pattern and not context.keep_git:
        return True  # `require_no_git` refused it before, unless the configuration's `keep_git` was not read
    if source.is_wild:
        found = source.matches(files)
        for path in found:
            _require_target(source, files, path)
        return bool(found)
    path = "/".join(source.pattern)
    if files.get(path) is None:
        return _leads_to(source, files, path) is not None
    _require_target(source, files, path)
    return True


def _require_target(source: Source, files: Tree, path: str) -> None:
    """Raise `BuildError` for a symlink to nothing: builders copy what a source leads to, but with `--parents`."""
    node = files.get(path)
    if node is None or node.kind != "symlink" or source.keeps_parents:
        return
    if _leads_to(source, files, path) is None:
        raise BuildError(
            f"{source.where}: `{path}` is a symlink to `{node.target}`, which the context lacks",
            hint="remove the link, or leave it out with `.dockerignore`",
        )


def _leads_to(source: Source, files: Tree, path: str) -> str | None:
    """Where a path leads, with symlinks followed; None if nothing is there."""
    try:
        resolved = files.resolve(path)
        return resolved if files.get(resolved) is not None else None
    except LinkLoop as error:
        raise BuildError(
            f"{source.where}: the symlink `{error.args[0]}` leads in a circle", hint="repair the link"
        ) from error


def _absent(context: Context, chosen: Selection, source: Source) -> BuildError:
    """The error for a source that nothing in the context matches."""
    what = (
        f"nothing in the context matches `{source.text}`"
        if source.is_wild
        else f"the context has no `{'/'.join(source.pattern)}`"
    )
    found = next(_on_disk(context.folder, "", source.pattern), None)
    cause, hint = _cause(context, chosen, found)
    return BuildError(f"{source.where}: {what}{cause}", hint=hint)


def _cause(context: Context, chosen: Selection, path: str | None) -> tuple[str, str]:
    """Why a path that is on the disk is not in the context, and what to do."""
    if path is None:
        return "", "check the path: it is relative to the context, and upper and lower case differ"
    hidden = next((one for one in context.hidden if path == one or path.startswith(f"{one}/")), None)
    if hidden is not None:
        return (
            f": shipmark writes `{hidden}` itself, and never sends it",
            "copy the file to another folder first",
        )
    own = next((one for one in context.hidden if one.startswith(f"{path}/")), None)
    if own is not None and not any(one.startswith(f"{path}/") for one in chosen.untracked or ()):
        return (
            f": it holds only `{own}`, which shipmark writes itself and never sends",
            "copy the files to another folder first",
        )
    if GIT_FOLDER in path.split("/"):
        return ": `.git` is not part of it", "set `build: {keep_git: true}`"
    line = context.ignore.line_that_hides(path)
    if line is not None:
        return (
            f": {context.ignore_file}:{line} hides `{path}`",
            f"remove that line, or write `!{path}` behind it",
        )
    if chosen.untracked is not None:
        return (
            f": git does not track `{path}`",
            f"`git add {path}` and commit, or set `build: {{files: all}}`",
        )
    return "", "check the path"


def _on_disk(folder: str, path: str, pattern: tuple[str, ...]) -> Iterator[str]:
    """Paths below `folder` that match, whether or not they belong to the context. Follows no link."""
    if not pattern:
        yield path
        return
    here = os.path.join(folder, path) if path else folder
    try:
        names = sorted(os.listdir(here)) if not os.path.islink(here) else []
    except OSError:
        return
    for name in names:
        wanted = pattern[0]
        if match_component(wanted, name) if has_wildcard(wanted) else wanted == name:
            yield from _on_disk(folder, f"{path}/{name}" if path else name, pattern[1:])
