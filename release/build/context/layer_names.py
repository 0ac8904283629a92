"""Names of files that a layer of an image cannot hold, or holds with another meaning. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator

from release.build.context.reach import Reach
from release.build.context.source_pattern import Source
from release.build.context.tree import WHITEOUT, Tree
from release.errors import BuildError
from release.json_text import is_utf8

_RENAME = "rename it, or name it in `.dockerignore`"


def is_whiteout(path: str) -> bool:
    """Whether a layer takes the file for a mark that another one is removed."""
    return posixpath.basename(path).startswith(WHITEOUT)


def require_no_whiteout(files: Tree, reach: Reach, stages: Collection[int]) -> None:
    """Raise `BuildError` for a file that an instruction of `stages` copies, and whose name marks a removed file.

    No builder keeps such a file: BuildKit writes a layer without it that hides another one. Stages that do not become
    layers of the image may have it.
    """
    for path in filter(is_whiteout, files.paths()):
        source = next((one for one in _takers(path, reach) if one.stage in stages), None)
        if source is not None:
            require_storable_name(path, "", source.where)


def require_storable(files: Tree, reach: Reach) -> None:
    """Raise `BuildError` for a file that an instruction copies and whose name our own layers cannot hold."""
    for path in files.paths():
        node = files.get(path)
        target = node.target if node is not None else ""
        if is_whiteout(path) or not (is_utf8(path) and is_utf8(target)):
            for source in _takers(path, reach):
                require_storable_name(path, target, source.where)


def require_storable_name(path: str, target: str, where: str) -> None:
    """Raise `BuildError` for a name that a layer cannot hold. `target`: where a symlink leads; "" for other files."""
    if is_whiteout(path):
        raise BuildError(
            f"{where}: `{path}` begins with `{WHITEOUT}`, which marks a removed file in a layer", hint=_RENAME
        )
    if not is_utf8(path) or not is_utf8(target):
        raise BuildError(f"{where}: the name {path!r} is not UTF-8", hint=_RENAME)


def _takers(path: str, reach: Reach) -> Iterator[Source]:
    """The instructions that copy a path for sure; those with `--exclude` or an unknown variable may leave it out."""
    for source in reach.sources:
        if source.is_exact and not source.is_mount and not source.excludes and source.reaches(path):
            yield source
