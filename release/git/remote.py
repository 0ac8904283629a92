"""Single git queries: how two commits are related, and which branches and tags the remote has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from release.errors import GitError
from release.git.command import Git
from release.ports import Process
from release.ref_names import is_commit

Relation = Literal["same", "ancestor", "descendant", "diverged", "unknown"]


def is_ancestor(process: Process, root: str, a: str, b: str, env: Mapping[str, str]) -> bool | None:
    """Whether commit `a` is `b` or an ancestor of it; None if a commit is missing or an id is invalid."""
    if not (is_commit(a) and is_commit(b)):
        return None  # it may be the text of an image's label, which git could read as an option
    done = Git(process, root, env).run("merge-base", "--is-ancestor", a, b)
    return {0: True, 1: False}.get(done.code)


def relation(process: Process, root: str, held_revision: str, head: str, env: Mapping[str, str]) -> Relation:
    """The relation of `held_revision` to `head`, see `Held.relation`; `unknown` if the clone lacks commits."""
    if held_revision == head:
        return "same"
    older = is_ancestor(process, root, held_revision, head, env)
    if older:
        return "ancestor"
    newer = is_ancestor(process, root, head, held_revision, env) if older is not None else None
    if newer:
        return "descendant"
    if newer is None or _is_shallow(process, root, env):
        return "unknown"
    return "diverged"


def _is_shallow(process: Process, root: str, env: Mapping[str, str]) -> bool:
    return Git(process, root, env).read("rev-parse", "--is-shallow-repository").strip() == b"true"


def remote_heads(
    process: Process, root: str, env: Mapping[str, str], *, remote: str = "origin", timeout: float = 30
) -> dict[str, str] | None:
    """Branch -> commit on the remote, with one `git ls-remote`; None if that fails. `timeout`: seconds."""
    return _remote_refs(process, root, env, remote, timeout, "--heads", "refs/heads/")


def remote_tip(
    process: Process, root: str, branch: str, env: Mapping[str, str], *, remote: str = "origin"
) -> str | None:
    """The commit of `branch` on the remote; None if the remote has no such branch or does not answer."""
    heads = remote_heads(process, root, env, remote=remote)
    return None if heads is None else heads.get(branch)


def remote_tags(
    process: Process, root: str, env: Mapping[str, str], *, remote: str = "origin", timeout: float = 30
) -> dict[str, str] | None:
    """Tag -> peeled commit on the remote, with one `git ls-remote`; None if that fails. `timeout`: seconds."""
    return _remote_refs(process, root, env, remote, timeout, "--tags", "refs/tags/")


def _remote_refs(
    process: Process, root: str, env: Mapping[str, str], remote: str, timeout: float, which: str, start: str
) -> dict[str, str] | None:
    try:
        done = Git(process, root, env).run("ls-remote", "--quiet", which, remote, timeout=timeout)
    except GitError:
        return None
    if done.code != 0:
        return None
    refs: dict[str, str] = {}
    for line in done.stdout.decode("utf-8", "backslashreplace").splitlines():
        commit, _, ref = line.partition("\t")
        # An annotated tag has two lines. The second (`^{}`) has the commit and replaces the first, the tag object.
        refs[ref.removeprefix(start).removesuffix("^{}")] = commit
    return refs
