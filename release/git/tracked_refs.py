"""Reads what the clone's remote-tracking refs say of the remote: its default branch, and its branches."""

from __future__ import annotations

from collections.abc import Mapping

from release.git.command import Git
from release.ports import Process


def clone_default_branch(
    process: Process, root: str, env: Mapping[str, str], remote: str | None
) -> str | None:
    """The branch that `refs/remotes/REMOTE/HEAD` names, else that of `origin`; None if the clone has neither ref.

    `git clone` writes the ref, and `git remote add` does not, so that a fork that was added later may lack it.
    """
    heads = {f"refs/remotes/{name}/HEAD": f"refs/remotes/{name}/" for name in (remote or "origin", "origin")}
    done = Git(process, root, env).run("for-each-ref", "--format=%(refname)%00%(symref)", *heads)
    lines = done.stdout.decode("utf-8", "replace").splitlines() if done.code == 0 else []
    found = dict(line.split("\0", 1) for line in lines)
    named = (found.get(head, "").removeprefix(below) for head, below in heads.items())
    return next(filter(None, named), None)


def tracked_branches(process: Process, root: str, env: Mapping[str, str], remote: str) -> tuple[str, ...]:
    """The branches of `remote` when the clone last fetched; a detached clone in CI has no others."""
    below = f"refs/remotes/{remote}/"
    done = Git(process, root, env).run("for-each-ref", "--format=%(refname)", below)
    lines = done.stdout.decode("utf-8", "backslashreplace").splitlines() if done.code == 0 else []
    return tuple(line.removeprefix(below) for line in lines)
