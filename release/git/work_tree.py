"""What git says of a work tree, read once, in at most six processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from release.errors import BareRepository, GitError, NoCommits
from release.facts import Snapshot
from release.git.command import Git, failure
from release.git.position import position_of
from release.tagging.listing import versions_in
from release.tagging.model import Scheme
from release.world import Process

OWN_FOLDER = ".shipmark/"
_SHOWN_PATHS = 10


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
