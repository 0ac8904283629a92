"""Where a repository lies, read from the file system once git itself has accepted it: that saves a process.

Source: gitrepository-layout(5), and `core.worktree` in git-config(1).
"""

from __future__ import annotations

import os

import msgspec

from release.errors import GitError
from release.files import read_file
from release.limits import GIT_POINTER_BYTES


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """`root`: of the work tree. `git_dir`: this work tree's own; `common_dir`: what all work trees share."""

    root: str
    git_dir: str
    common_dir: str

    @property
    def is_shallow(self) -> bool:
        """Whether the history was cut."""
        try:
            return os.path.getsize(os.path.join(self.common_dir, "shallow")) > 0
        except FileNotFoundError:
            return False


def find_places(directory: str, worktree: str | None = None) -> Places:
    """The places of the work tree that holds `directory`. `worktree`: the value of `core.worktree`, if it is set.

    Raises `GitError` where nothing is found, which git's own answer has ruled out before.
    """
    folder = os.path.realpath(directory)
    while (git_dir := _git_dir(folder)) is None:
        parent = os.path.dirname(folder)
        if parent == folder:
            raise GitError(f"git finds a repository at `{directory}`, but no `.git` is there or above")
        folder = parent
    common_dir = _join(git_dir, _read(os.path.join(git_dir, "commondir")) or "")
    root = folder if worktree is None else os.path.realpath(_join(git_dir, worktree))
    return Places(root=root, git_dir=git_dir, common_dir=common_dir)


def _git_dir(folder: str) -> str | None:
    """The git folder of a work tree whose top is `folder`: `.git`, or where a file of that name points to."""
    path = os.path.join(folder, ".git")
    if os.path.isdir(path):
        return path if os.path.lexists(os.path.join(path, "HEAD")) else None
    pointer = _read(path)
    if pointer is None or not pointer.startswith("gitdir: "):
        return None
    return _join(folder, pointer.removeprefix("gitdir: "))


def _read(path: str) -> str | None:
    try:
        raw = read_file(path, limit=GIT_POINTER_BYTES)
    except OSError as error:
        raise GitError(f"`{path}` cannot be read: {error.strerror}", hint="check its rights") from error
    return None if raw is None else raw.decode(errors="surrogateescape").rstrip("\r\n")


def _join(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))
