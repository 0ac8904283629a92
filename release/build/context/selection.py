"""Chooses the files of a context by what git tracks. Pure."""

from __future__ import annotations

import posixpath
from typing import Literal

import msgspec

from release.build.context.tree import Tree
from release.compression.entries import Node
from release.git.model import GitFiles

GIT_FOLDER = ".git"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The files that every builder sends. `untracked`: the selected files that git does not track; None without git."""

    files: Tree
    untracked: tuple[str, ...] | None = None


def select(walked: Tree, git: GitFiles | None, files: Literal["all", "tracked"]) -> Selection:
    """The files of `walked` that belong to the context. `git`: None without a git repository.

    A tracked file has the mode of the commit, so that neither the umask nor `core.fileMode=false` changes the image.
    """
    chosen: dict[str, Node] = {}
    untracked: list[str] = []
    modes = git.modes if git is not None else {}
    for path, node in walked.nodes().items():
        mode = modes.get(path)
        if node.kind == "dir" or git is None or is_git(path):
            chosen[path] = node
        elif mode is not None:
            chosen[path] = _with_mode(node, mode)
        elif files == "all":
            chosen[path] = node
            untracked += [path] if node.kind != "special" else []
    if files == "tracked":
        chosen = _without_empty_folders(chosen)
    return Selection(files=Tree(chosen), untracked=None if git is None else tuple(untracked))


def is_git(path: str) -> bool:
    """Whether a path of a context is a `.git` folder or file, or lies in one."""
    return GIT_FOLDER in path.split("/")


def _with_mode(node: Node, mode: int) -> Node:
    if node.kind != "file":
        return node
    wanted = 0o755 if mode & 0o111 else 0o644
    return node if node.mode == wanted else msgspec.structs.replace(node, mode=wanted)


def _without_empty_folders(nodes: dict[str, Node]) -> dict[str, Node]:
    # Git does not track folders, so only some clones have a folder without a tracked file.
    needed: set[str] = set()
    for path, node in nodes.items():
        folder = posixpath.dirname(path) if node.kind != "dir" else ""
        while folder and folder not in needed:
            needed.add(folder)
            folder = posixpath.dirname(folder)
    return {path: node for path, node in nodes.items() if node.kind != "dir" or path in needed}
