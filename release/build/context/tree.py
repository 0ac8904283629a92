"""A file tree as values: the result of an image's layers, or a build context. Pure.

Paths are relative to the tree's root, `/` between names, without a leading one; the root itself is "".
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from release.build.ignore import match_component
from release.compression.entries import Node
from release.patterns import has_wildcard

#: How the name of a layer's entry begins that removes a file of a lower layer.
WHITEOUT = ".wh."
# Symlinks that are followed in one path. Linux fails with ELOOP after as many (path_resolution(7)), so a path that
# needs more could not be opened in the container either.
_MOST_LINKS = 40


class LinkLoop(Exception):
    """Symlinks that form a circle; `args[0]`: the path of one."""


class Tree:
    """A tree from a mapping path -> node."""

    def __init__(self, nodes: Mapping[str, Node] | None = None) -> None:
        self._nodes: Mapping[str, Node] = nodes if nodes is not None else {}
        self._children: dict[str, list[str]] | None = None

    def get(self, path: str) -> Node | None:
        """The node at this path, without following symlinks."""
        return Node(kind="dir") if path == "" else self._nodes.get(path)

    def paths(self) -> Iterator[str]:
        """Every path but the root."""
        return iter(self._nodes)

    def inside(self, folder: str) -> Sequence[str]:
        """The paths directly inside `folder`; among them folders without a node, which paths of their content imply."""
        if self._children is None:
            self._children = _children_of(self._nodes)
        return self._children.get(folder, ())

    def below(self, folder: str) -> list[str]:
        """Every path inside `folder`."""
        found = list(self.inside(folder))
        for path in found:  # the loop appends to `found`
            found += self.inside(path)
        return [path for path in found if path in self._nodes]

    def with_changes(self, changes: Mapping[str, Node]) -> Tree:
        """A new tree with `changes` applied."""
        return Tree({**self._nodes, **changes})

    def nodes(self) -> dict[str, Node]:
        """A copy of the mapping path -> node."""
        return dict(self._nodes)

    def resolve(self, path: str) -> str:
        """`path` with all symlinks followed; `/x` and `..` stay inside of the tree. Parts that do not exist are kept.

        Raises `LinkLoop`.
        """
        waiting = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        found: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                found = found[:-1]
                continue
            here = "/".join([*found, part])
            node = self._nodes.get(here)
            if node is None or node.kind != "symlink":
                found.append(part)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise LinkLoop(here)
            if node.target.startswith("/"):
                found = []
            waiting += [each for each in reversed(node.target.split("/")) if each not in ("", ".")]
        return "/".join(found)

    def resolve_parent(self, path: str) -> str:
        """`path` with symlinks in its folders followed, but not in its last name."""
        folder, name = posixpath.split(path)
        return join(self.resolve(folder), name)


def matches(pattern: Sequence[str], tree: Tree) -> list[str]:
    """The paths that names, some of them with wildcards, stand for, sorted.

    As in BuildKit, symlinks are followed in the names before the first wildcard, and in no other.
    Raises `LinkLoop`, and `ValueError` for an invalid wildcard.
    """
    literal = [*takewhile(lambda name: not has_wildcard(name), pattern)]
    wanted = pattern[len(literal) :]
    found = [tree.resolve("/".join(literal))]
    for name in wanted:
        found = [
            path
            for folder in found
            for path in tree.inside(folder)
            if match_component(name, posixpath.basename(path))
        ]
    return sorted(path for path in found if tree.get(path) is not None)


def join(folder: str, name: str) -> str:
    """The path of `name` in `folder`; "" is the root."""
    return f"{folder}/{name}" if folder else name


def by_bytes(nodes: Mapping[str, Node]) -> list[tuple[str, Node]]:
    """The nodes sorted by the bytes of their paths: the order of entries in a layer."""
    return sorted(nodes.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape"))


def _children_of(nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """Folder -> paths of its children. Folders that an archive implies by the paths of their content are included."""
    children: dict[str, list[str]] = {}
    for path in nodes:
        here = path
        while here:
            folder = posixpath.dirname(here)
            known = folder in children
            children.setdefault(folder, []).append(here)
            if known or folder in nodes:
                break
            here = folder
    return children
