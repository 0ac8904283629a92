"""Reads the state of a work tree in at most six git processes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal

from release.errors import NoCommits
from release.git.command import Git
from release.git.describe import commit_of, position_of
from release.git.model import Snapshot
from release.git.packed_refs import packed_listing
from release.git.repository import find_places
from release.git.unfit_tags import Peeled, peeled, unfit_tags
from release.ports import Process
from release.versions.git_tags import VersionTag, versions_in
from release.versions.model import Scheme
from release.versions.tag_listing import without_tags

# Changed paths that a snapshot keeps; messages show a few and the number of all. A work tree may have thousands.
_SHOWN_PATHS = 10
_SETTINGS = r"^(remote\..+\.url|branch\..+\.remote|core\.worktree)$"


def snapshot(
    process: Process,
    directory: str,
    *,
    prefix: str = "",
    env: Mapping[str, str],
    base: Literal["highest", "nearest"] = "highest",
    versions: Scheme = "semver",
    counted: bool = True,
) -> Snapshot:
    """The state of the work tree around `directory`, in at most six processes for any number of tags.

    `counted`: False leaves `describe` and `commit_count` None, which saves walking the history.
    `prefix`: of version tags. `versions`: their scheme. `base`: the reachable version that `describe` counts from. If
    the history that a shallow clone lacks could change them, `describe` and `commit_count` are None; code that needs
    them raises `ShallowClone`.
    Raises `NoRepository`, `NoCommits`, `BareRepository`, `DubiousOwnership`, `GitError` (such as git missing or a
    damaged repository), and `ConfigError` if the list of a shallow clone's edge is too large.
    """
    git = Git(process, directory, env)
    # `git status` runs first, because its errors say what is wrong with the repository.
    head, branch, dirty = _status(git)
    settings = _settings(git)
    folders = find_places(directory, env, settings.get("core.worktree"))
    listing, objects = _listing(git, folders.common_dir)
    tags = versions_in(listing, prefix, versions)
    # A damaged ref costs two processes more, a tag that names no commit one or two; to start with the walk saves two.
    edge = folders.shallow_edge()
    failed: list[VersionTag] = []
    describe, committed_at, parents, count = (
        position_of(
            git, head, tags, edge=edge, nearest=base == "nearest", walk=objects is not None, failed=failed
        )
        if counted
        else (None, *commit_of(git, head), None)
    )
    unfit = unfit_tags(git, tags, head, doubtful=bool(failed), objects=objects)
    if unfit:
        listing = without_tags(listing, (os.fsencode(one.git_tag) for one in unfit))
    remotes = _remotes(settings)
    tracked = None if branch is None else settings.get(f"branch.{branch}.remote")
    remote = remote_of(remotes, tracked)
    return Snapshot(
        root=folders.root,
        common_dir=folders.common_dir,
        head=head,
        branch=branch,
        committed_at=committed_at,
        parents=parents,
        shallow=bool(edge),
        dirty=dirty[:_SHOWN_PATHS],
        dirty_count=len(dirty),
        tag_listing=listing,
        describe=describe,
        commit_count=count,
        remote_url=_shown(settings.get(f"remote.{remote}.url")),
        remote=remote,
        remotes=remotes,
        unfit=unfit,
    )


def remote_of(remotes: Sequence[str], tracked: str | None) -> str | None:
    """The remote whose tags and branches count, chosen as `git fetch` without arguments does.

    The first of these that exists: `tracked`, the remote of the branch that is checked out; the only remote; `origin`.
    None if there is no remote, or there are several and none of them is called `origin`.
    """
    if tracked in remotes:
        return tracked
    if len(remotes) == 1:
        return remotes[0]
    return "origin" if "origin" in remotes else None


def _remotes(settings: Mapping[str, str]) -> tuple[str, ...]:
    names = (name.removeprefix("remote.").removesuffix(".url") for name in settings if name.endswith(".url"))
    return tuple(sorted(names))


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
        # Overrides `ignore` in `.gitmodules`, with which git hides that another commit of a submodule is checked out.
        "--ignore-submodules=untracked",
    )
    head, branch, dirty = "", None, []
    for record in output.decode("utf-8", "backslashreplace").split("\0"):
        if record.startswith("# branch.oid "):
            head = record.removeprefix("# branch.oid ")
        elif record.startswith("# branch.head "):
            branch = record.removeprefix("# branch.head ")
        elif record[:2] in {"1 ", "u "}:
            dirty.append(_path_of(record))
    if head == "(initial)" and branch == "(null)":
        raise NoCommits(
            "HEAD names neither a branch nor a commit",
            hint="check something out first: `git checkout BRANCH`",
        )
    if head == "(initial)":
        raise NoCommits(
            f"the branch `{branch}` has no commit yet", hint="commit something first: `git commit`"
        )
    # A branch called `(detached)` looks like a detached HEAD in this output, and is taken for one.
    return (
        head,
        None if branch == "(detached)" else branch,
        tuple(sorted(dirty)),
    )


def _listing(git: Git, common_dir: str) -> tuple[bytes, Peeled | None]:
    """All branches and peeled tags (`Snapshot.tag_listing`); if a ref is damaged, also the objects of all refs.

    `show-ref` fails at a damaged ref. `for-each-ref` takes several times as long, and skips refs that name nothing; it
    fails at a missing object only if it has to peel tags.
    """
    packed = packed_listing(common_dir)
    if packed is not None:
        return packed, None
    done = git.run("show-ref", "--heads", "--tags", "-d")
    if done.code in {0, 1}:
        return done.stdout, None
    lines = git.read("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
    rows = [line.partition(b" ") for line in lines.splitlines()]
    objects = peeled(git, (name.decode("ascii") for name, _, _ in rows))
    listed = []
    for name, _, ref in rows:
        target = objects.get(name.decode("ascii"), ("", ""))[0].encode()
        if target or ref.startswith(b"refs/tags/"):  # a tag whose object is missing is told
            listed.append(b"%s %s\n" % (name, ref))
        if target not in (b"", name):
            listed.append(b"%s %s^{}\n" % (target, ref))
    return b"".join(listed), {target: (target, kind) for target, kind in objects.values()}


def _path_of(record: str) -> str:
    # git-status(1), "Porcelain Format Version 2": eight fields before an ordinary path, ten before an unmerged one.
    return record.split(" ", 8 if record.startswith("1 ") else 10)[-1]


def _settings(git: Git) -> dict[str, str]:
    """The URLs of remotes, the remotes of branches, and `core.worktree`: the value of each that git uses.

    Of a remote's URLs that is the first (`fetch_url`), else the last.
    """
    output = git.read("config", "-z", "--get-regexp", _SETTINGS, accept=(0, 1))
    pairs = (record.partition("\n") for record in output.decode("utf-8", "surrogateescape").split("\0"))
    found: dict[str, str] = {}
    for name, _, value in pairs:
        if name and not (name.endswith(".url") and name in found):
            found[name] = value
    return found


def _shown(url: str | None) -> str | None:
    return (
        without_credentials(url.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        if url
        else None
    )


def without_credentials(url: str) -> str:
    """`url` without its user part, unless that is an ssh login name (`ssh://git@host/app`, `git@host:app`)."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not at or (scheme in {"ssh", "git+ssh"} and ":" not in user):
        return url
    return f"{scheme}://{host}{slash}{path}"
