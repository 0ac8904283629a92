"""Reads which branch was the remote's default branch when the repository was cloned."""

from __future__ import annotations

from collections.abc import Mapping

from release.git.command import Git
from release.ports import Process


def clone_default_branch(process: Process, root: str, env: Mapping[str, str]) -> str | None:
    """The branch that `refs/remotes/origin/HEAD` names; None if the clone does not have this ref."""
    done = Git(process, root, env).run("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    name = done.stdout.decode("utf-8", "replace").strip().removeprefix("origin/")
    return name if done.code == 0 and name else None
