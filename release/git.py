"""The reading side of git: one snapshot of a work tree in at most six processes, and a few single questions."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Literal

from release.errors import BareRepository, GitError, NoCommits
from release.facts import Snapshot
from release.git_command import Git, failure
from release.git_position import position_of
from release.tagging.model import Scheme
from release.tagging.versions import versions_in
from release.world import Process

OWN_FOLDER = ".shipmark/"
_SHOWN_PATHS = 10
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)

Relation = Literal["same", "ancestor", "descendant", "diverged", "unknown"]


def snapshot(
    process: Process,
    directory: str,
    *,
    prefix: str = "",
    env: Mapping[str, str],
    base: Literal["highest", "nearest"] = "highest",
    versions: Scheme = "semver",
) -> Snapshot:
    """What git says of the work tree that holds `directory`, in at most six processes whatever the number of tags.

    `prefix`: of the version tags; `versions`: what they are read as. `base`: which reachable version `describe`
    counts from. In a shallow clone `describe` and `commit_count` stay None: whoever needs them says `ShallowClone`.
    Raises `NoRepository`, `NoCommits`, `BareRepository`, `DubiousOwnership` and `GitError` (git missing, repository
    damaged).
    """
    git = Git(process, directory, env)
    root, common_dir, shallow = _places(git, directory)
    head, branch, dirty = _status(git)
    listing, damaged = _listing(git)
    remote_url = _remote_url(git)
    tags = versions_in(listing, prefix, versions)
    # Reading around a damaged ref took a process; one walk instead of two questions saves it.
    describe, committed_at, parents, count = position_of(
        git, head, tags, shallow=shallow, nearest=base == "nearest", walk=damaged
    )
    return Snapshot(
        root=root,
        common_dir=common_dir,
        head=head,
        branch=branch,
        committed_at=committed_at,
        parents=parents,
        shallow=shallow,
        dirty=dirty[:_SHOWN_PATHS],
        dirty_count=len(dirty),
        tag_listing=listing,
        describe=describe,
        commit_count=count,
        remote_url=remote_url,
    )


def _places(git: Git, directory: str) -> tuple[str, str, bool]:
    asked = ("--is-shallow-repository", "--is-bare-repository", "--git-common-dir", "--show-toplevel")
    done = git.run("rev-parse", *asked)
    lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    if done.code != 0 and lines[1:2] in (["true"], ["false"]) and b"work tree" in done.stderr:
        raise BareRepository(
            f"`{directory}` is in a git repository without a work tree",
            hint="run in a clone that has its files checked out (`git clone`, not `git clone --bare`)",
        )
    if done.code != 0:
        raise failure("rev-parse", done, directory)
    if len(lines) != len(asked):
        raise GitError(f"the path of the repository at `{directory}` holds a line break")
    shallow, _, common_dir, root = lines
    return root, os.path.normpath(os.path.join(directory, common_dir)), shallow == "true"


def _status(git: Git) -> tuple[str, str | None, tuple[str, ...]]:
    """HEAD's commit, the branch (None when detached) and the changed tracked paths."""
    output = git.read(
        "status",
        "--porcelain=v2",
        "--branch",
        "--no-ahead-behind",
        "--no-renames",
        "-z",
        "--untracked-files=no",
    )
    head, branch, dirty = "", None, []
    for record in output.decode("utf-8", "backslashreplace").split("\0"):
        if record.startswith("# branch.oid "):
            head = record.removeprefix("# branch.oid ")
        elif record.startswith("# branch.head "):
            branch = record.removeprefix("# branch.head ")
        elif record[:2] in {"1 ", "u "}:
            dirty.append(_path_of(record))
    if head == "(initial)":
        raise NoCommits(
            f"the branch `{branch}` has no commit yet", hint="commit something first: `git commit`"
        )
    # A branch may really be called `(detached)`; nobody can tell it from a detached HEAD here, and nobody has one.
    return (
        head,
        None if branch == "(detached)" else branch,
        tuple(sorted(p for p in dirty if not p.startswith(OWN_FOLDER))),
    )


def _listing(git: Git) -> tuple[bytes, bool]:
    """Branches and tags with what they peel to, as `show-ref -d` prints them, and whether a ref is damaged.

    `show-ref` gives up at a damaged ref; `for-each-ref` leaves it out, but takes several times as long.
    """
    done = git.run("show-ref", "--heads", "--tags", "-d")
    if done.code in {0, 1}:
        return done.stdout, False
    two_lines = "%(objectname) %(refname)%0a%(*objectname) %(refname)^{}"
    lines = git.read("for-each-ref", f"--format={two_lines}", "refs/heads", "refs/tags").splitlines(
        keepends=True
    )
    return b"".join(line for line in lines if not line.startswith(b" ")), True


def _path_of(record: str) -> str:
    # git-status(1), "Porcelain Format Version 2": eight fields before an ordinary path, ten before an unmerged one.
    return record.split(" ", 8 if record.startswith("1 ") else 10)[-1]


def _remote_url(git: Git) -> str | None:
    value = git.read("config", "-z", "--get", "remote.origin.url", accept=(0, 1, 2))
    url = value.decode("utf-8", "backslashreplace").rstrip("\0")
    return without_credentials(url) if url else None


def without_credentials(url: str) -> str:
    """`url` without its user part, unless that is an ssh login name (`git@github.com:acme/app`)."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not at or (scheme in {"ssh", "git+ssh"} and ":" not in user):
        return url
    return f"{scheme}://{host}{slash}{path}"


def is_ancestor(process: Process, root: str, a: str, b: str, env: Mapping[str, str]) -> bool | None:
    """Whether commit `a` is reachable from `b` (equal counts); None where one of them is not here, or no commit id."""
    if not (_COMMIT.fullmatch(a) and _COMMIT.fullmatch(b)):
        return None  # an image's label may hold anything, an option for git included
    done = Git(process, root, env).run("merge-base", "--is-ancestor", a, b)
    return {0: True, 1: False}.get(done.code)


def relation(process: Process, root: str, held_revision: str, head: str, env: Mapping[str, str]) -> Relation:
    """How `held_revision` stands to `head`, as `Held.relation` means it; a history that was cut is `unknown`."""
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
    """Branch name to commit on the remote, in one round trip; None when the remote does not answer."""
    return _remote_refs(process, root, env, remote, timeout, "--heads", "refs/heads/")


def remote_tip(
    process: Process, root: str, branch: str, env: Mapping[str, str], *, remote: str = "origin"
) -> str | None:
    """The commit of `branch` on the remote; None when it has none or does not answer."""
    heads = remote_heads(process, root, env, remote=remote)
    return None if heads is None else heads.get(branch)


def remote_tags(
    process: Process, root: str, env: Mapping[str, str], *, remote: str = "origin", timeout: float = 30
) -> dict[str, str] | None:
    """Tag name to the commit that it peels to on the remote, in one round trip; None when there is no answer."""
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
        refs[ref.removeprefix(start).removesuffix("^{}")] = commit  # a peeled line follows its tag's
    return refs
