"""Compares the files of the work tree with those of a commit."""

from __future__ import annotations

import os
from collections.abc import Iterable

from release.git.command import Git


def differing(git: Git, commit: str, *, root: str, apart: Iterable[str] = ()) -> tuple[str, ...]:
    """The tracked paths whose content in the work tree is not that of `commit`, wherever HEAD is meanwhile.

    `root`: the folder in which git runs. `apart`: paths, relative to it or absolute, that are not compared, with what
    is below them. Raises from the `GitError` branch.
    """
    inside = (os.path.relpath(os.path.join(root, path), root) for path in apart)
    output = git.read(
        "diff",
        "--name-only",
        "--no-renames",
        "--no-ext-diff",
        "-z",
        # As `git status` in `snapshot`: files that a submodule does not track are not of the commit.
        "--ignore-submodules=untracked",
        commit,
        "--",
        # git refuses a path outside of the work tree, which has no tracked file.
        *(f":(exclude,literal){path}" for path in inside if path.split(os.sep, 1)[0] not in (".", "..")),
    )
    return tuple(path for path in output.decode("utf-8", "backslashreplace").split("\0") if path)
