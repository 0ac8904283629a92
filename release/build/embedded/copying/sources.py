"""Finds the files that the sources of a `COPY` name, with wildcards and with `--parents`. Pure."""

from __future__ import annotations

import posixpath
import re

import msgspec

from release.build.context.tree import LinkLoop, Tree, join, matches
from release.build.embedded.copying.transfer import Transfer
from release.build.paths import rooted
from release.compression.entries import Node
from release.errors import BuildError
from release.hints import CHECK_SOURCE
from release.patterns import expression_of, has_wildcard

#: For a pattern that cannot be read; the form `[[]` is the one that Docker documents.
_PATTERN = "close each `[` with `]`; a `[` that is part of a name is written `[[]`"


class FoundSource(msgspec.Struct, frozen=True, kw_only=True):
    """One match of a source.

    `number`: of the source in its instruction. `name`: the match's name in a destination folder; `above`: parent
    folders that `--parents` keeps. `is_inline`: a here-document, which has no path that `--parents` could keep.
    """

    path: str
    name: str
    node: Node
    number: int = 0
    above: tuple[tuple[str, Node], ...] = ()
    is_inline: bool = False


def find_sources(transfer: Transfer, source: Tree) -> list[FoundSource]:
    """The matches of every source of the transfer in `source`, in the order of the sources. Raises `BuildError`.

    Here-documents come last, wherever they stand in the line: BuildKit copies them after the files.
    """
    ordered = sorted(enumerate(transfer.sources), key=lambda item: item[1] in transfer.inline)
    found = [
        msgspec.structs.replace(each, number=number)
        for number, pattern in ordered
        for each in _find(transfer, pattern, source)
    ]
    # A wildcard without a match is allowed if another source matches: `COPY package.json lock* /` without a lock file.
    if not found:
        sources = ", ".join(f"`{pattern}`" for pattern in transfer.sources)
        raise BuildError(
            f"{transfer.where}: nothing in {transfer.origin} matches {sources}", hint=CHECK_SOURCE
        )
    return found


def _find(transfer: Transfer, pattern: str, source: Tree) -> list[FoundSource]:
    if pattern in transfer.inline:
        name, content = transfer.inline[pattern]
        node = Node(kind="file", mode=0o644, content=content)
        return [FoundSource(path=name, name=name, node=node, is_inline=True)]
    if transfer.keeps_parents:
        return _find_with_parents(transfer, pattern, source)
    cleaned = rooted(pattern)
    try:
        paths = matches(cleaned.split("/"), source) if has_wildcard(cleaned) else [cleaned]
    except ValueError as error:
        raise BuildError(f"{transfer.where}: `{pattern}` is not a pattern: {error}", hint=_PATTERN) from error
    except LinkLoop as error:
        raise _circle(transfer, error) from error
    return [_follow(transfer, path, source) for path in paths]


def _find_with_parents(transfer: Transfer, pattern: str, source: Tree) -> list[FoundSource]:
    """The matches for `--parents`, by the path behind `/./` or from the root. `**` matches folders at any depth."""
    before, pivot, behind = pattern.partition("/./")
    root = source.resolve(rooted(before)) if pivot else ""
    wanted = rooted(behind if pivot else pattern)
    if not has_wildcard(wanted):
        paths = [wanted]
    else:
        try:
            expression = re.compile(expression_of(wanted), re.DOTALL)
        except ValueError as error:
            raise BuildError(
                f"{transfer.where}: `{pattern}` is not a pattern: {error}", hint=_PATTERN
            ) from error
        inside = (path[len(root) :].lstrip("/") for path in sorted(source.below(root)))
        paths = [path for path in inside if expression.fullmatch(path)]
    found = []
    for path in paths:
        node = source.get(join(root, path))
        if node is None:
            raise BuildError(f"{transfer.where}: {transfer.origin} has no `{path}`", hint=CHECK_SOURCE)
        names = path.split("/")[:-1]
        above = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
        nodes = tuple((each, _folder_at(join(root, each), source)) for each in above)
        found.append(FoundSource(path=join(root, path), name=path, node=node, above=nodes))
    return found


def _folder_at(path: str, source: Tree) -> Node:
    node = source.get(path)
    return node if node is not None and node.kind == "dir" else Node(kind="dir")


def _circle(transfer: Transfer, error: LinkLoop) -> BuildError:
    return BuildError(
        f"{transfer.where}: the symlink `{error.args[0]}` leads in a circle", hint="repair the link"
    )


def _follow(transfer: Transfer, path: str, source: Tree) -> FoundSource:
    """The source at `path`. If it is a symlink, its target is copied, as Docker does."""
    try:
        resolved = source.resolve(path)
    except LinkLoop as error:
        raise _circle(transfer, error) from error
    node = source.get(resolved)
    if node is None:
        raise BuildError(f"{transfer.where}: {transfer.origin} has no `{path}`", hint=CHECK_SOURCE)
    return FoundSource(path=resolved, name=posixpath.basename(path), node=node)
