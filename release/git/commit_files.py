"""Compares the files of the work tree with those of a commit."""

from __future__ import annotations

from release.git.command import Git


def differing(git: Git, commit: str) -> tuple[str, ...]:
    """The tracked paths whose content in the work tree is not that of `commit`, wherever HEAD is meanwhile.

    Raises from the `GitError` branch.
    """
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
    )
    return tuple(path for path in output.decode("utf-8", "backslashreplace").split("\0") if path)
