"""Reads what the clone's remote-tracking refs say of the remote: its default branch, and its branches."""

from __future__ import annotations

from collections.abc import Mapping

from release.git.command import Git
from release.ports import Process


def clone_default_branch(process: Process, root: str, env: Mapping[str, str]) -> str | None:
    """The branch that `refs/remotes/origin/HEAD` names; None if the clone does not have this ref."""
    done = Git(process, root, env).run("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    name = done.stdout.decode("utf-8", "replace").strip().removeprefix("origin/")
    return name if done.code == 0 and name else None


def tracked_branches(process: Process, root: str, env: Mapping[str, str], remote: str) -> tuple[str, ...]:
    """The branches of `remote` when the clone last fetched; a detached clone in CI has no others."""
    below = f"refs/remotes/{remote}/"
    done = Git(process, root, env).run("for-each-ref", "--format=%(refname)", below)
    lines = done.stdout.decode("utf-8", "backslashreplace").splitlines() if done.code == 0 else []
    return tuple(line.removeprefix(below) for line in lines)
