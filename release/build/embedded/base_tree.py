"""Lists the files of a base image as a tree, by applying the changes of its layers in order."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from release.build.context.tree import LinkLoop, Tree
from release.build.embedded.base_config import BaseLayer
from release.build.embedded.layer_changes import Changes, Spool, broken, read_layer
from release.compression.entries import Node
from release.layout.layout import Layout
from release.limits import BASE_ENTRIES


def base_tree(
    layers: tuple[BaseLayer, ...],
    layout: Layout,
    *,
    name: str,
    spool: Spool | None,
    check: Callable[[], None],
) -> Tree:
    """The files of a base whose layers are in `layout`. `name`: of the base, in messages.

    `spool`: where the content of files is kept; None: content is not needed. `check`: may raise to cancel. Raises
    `BuildError` for a layer that is damaged or is not what the base's config says.
    """
    nodes: dict[str, Node] = {}
    for layer in layers:
        _apply(nodes, read_layer(layer, layout, nodes, name=name, spool=spool, check=check))
        if len(nodes) > BASE_ENTRIES:
            raise broken(name, f"it holds more than {BASE_ENTRIES:,} files and folders")
    return Tree(nodes)


def _apply(nodes: dict[str, Node], changes: Changes) -> None:
    """Put a layer on top of `nodes`. Whiteouts concern earlier layers only (OCI image-spec, "Whiteouts")."""
    real = _Resolver(nodes)
    gone = {real.path(path) for path in changes.removed}
    hollow = {real.folder(path) for path in changes.emptied}
    added = {real.path(path): node for path, node in changes.nodes.items()}
    # An entry that is not a folder also takes away what was below a folder of its name.
    replaced = {
        path
        for path, node in added.items()
        if node.kind != "dir" and path in nodes and nodes[path].kind == "dir"
    }
    if gone or hollow or replaced:
        for path in [path for path in nodes if _is_gone(path, gone, gone | hollow | replaced)]:
            del nodes[path]
    for path, node in added.items():
        folder = posixpath.dirname(path)
        while folder and folder not in nodes:  # a layer may contain a file without the folders above it
            nodes[folder] = Node(kind="dir", mode=0o755)
            folder = posixpath.dirname(folder)
        nodes[path] = node


class _Resolver:
    """Resolves symlinks in the folders of paths, as programs do that unpack the layer."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._tree = Tree(nodes)
        self._known: dict[str, str] = {"": ""}

    def path(self, path: str) -> str:
        """Follow the symlinks in the folders of `path`, but not a symlink that is its last name."""
        folder, name = posixpath.split(path)
        found = self.folder(folder)
        return f"{found}/{name}" if found else name

    def folder(self, path: str) -> str:
        """Follow all symlinks in `path`; return `path` itself if they form a circle."""
        if path not in self._known:
            try:
                self._known[path] = self._tree.resolve(path)
            except LinkLoop:
                self._known[path] = path
        return self._known[path]


def _is_gone(path: str, gone: set[str], above: set[str]) -> bool:
    if path in gone or ("" in above and path):
        return True
    folder = posixpath.dirname(path)
    while folder:
        if folder in above:
            return True
        folder = posixpath.dirname(folder)
    return False
