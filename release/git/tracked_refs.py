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
    git = Git(process, root, env)
    for name in dict.fromkeys((remote or "origin", "origin")):
        # `for-each-ref` passes over a ref whose branch was not fetched, as in clones that CI systems make.
        done = git.run("symbolic-ref", "--quiet", f"refs/remotes/{name}/HEAD")
        branch = done.stdout.decode("utf-8", "replace").strip().removeprefix(f"refs/remotes/{name}/")
        if done.code == 0 and branch:
            return branch
    return None


def tracked_branches(process: Process, root: str, env: Mapping[str, str], remote: str) -> tuple[str, ...]:
    """The branches of `remote` when the clone last fetched; a detached clone in CI has no others."""
    below = f"refs/remotes/{remote}/"
    done = Git(process, root, env).run("for-each-ref", "--format=%(refname)", below)
    lines = done.stdout.decode("utf-8", "backslashreplace").splitlines() if done.code == 0 else []
    return tuple(line.removeprefix(below) for line in lines)
