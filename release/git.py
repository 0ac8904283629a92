"""The reading side of git: one snapshot of a work tree in at most six processes, and a few single questions.

How the base of an off-tag version is found, for `git` without any porcelain that guesses:

1. The version tags come from `show-ref`, and are compared by precedence here, never by git.
2. `rev-list highest...HEAD` tells whether the highest of all is reachable, and then its distance too. It stops
   where the two meet, so it is cheaper than `git describe`, and it is the usual case.
3. Otherwise (a maintenance branch) one walk over HEAD's history finds the highest version in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Literal

from release.errors import (
    BareRepository,
    DubiousOwnership,
    GitError,
    NoCommits,
    NoRepository,
)
from release.facts import Describe, Snapshot
from release.tagging.versions import VersionTag, VersionTags, precedence_key, versions_in
from release.world import Completed, Process

OWN_FOLDER = ".shipmark/"
_SHOWN_PATHS = 10
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_KEPT = frozenset(
    {
        "GIT_ALLOW_PROTOCOL",
        "GIT_ASKPASS",
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "GIT_EXEC_PATH",
        "GIT_HTTP_USER_AGENT",
        "GIT_PROXY_COMMAND",
        "GIT_PROXY_SSL_CAINFO",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_NO_VERIFY",
    }
)
_KEPT_STARTS = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_AUTHOR_", "GIT_COMMITTER_")

Relation = Literal["same", "ancestor", "descendant", "diverged", "unknown"]


def git_environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` for a git child: nothing in it can point to another repository, add output, prompt, or write the index.

    A hook's `GIT_DIR` and `GIT_INDEX_FILE` go; configuration given by environment (`safe.directory`) stays.
    """
    kept = {
        name: value
        for name, value in env.items()
        if not name.startswith("GIT_") or name in _KEPT or name.startswith(_KEPT_STARTS)
    }
    kept.pop("LANGUAGE", None)  # it would translate messages even under C.UTF-8
    return kept | {"LC_ALL": "C.UTF-8", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


class Git:
    """Git commands in one folder. Every call is one process; a failed one is never an empty answer."""

    def __init__(self, process: Process, directory: str, env: Mapping[str, str]) -> None:
        self._process = process
        self._directory = directory
        self._env = git_environment(env)

    def run(self, *arguments: str, timeout: float | None = None) -> Completed:
        """Run `git <arguments>` and give its end as it is. Raises `GitError` when there is no git or no answer."""
        neutral = ("-c", "log.showSignature=false", "-c", "core.fsmonitor=false")
        try:
            return self._process.run(
                ["git", *neutral, *arguments], cwd=self._directory, env=self._env, timeout=timeout
            )
        except FileNotFoundError as error:
            if error.filename == self._directory:
                raise NoRepository(f"there is no folder `{self._directory}`", hint="check `-C`") from error
            raise GitError(
                "`git` was not found on PATH", hint="install git 2.25 or newer (`apt-get install git`)"
            ) from error
        except TimeoutError as error:
            raise GitError(f"`git {arguments[0]}` did not answer within {timeout:g} s") from error

    def read(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> bytes:
        """The standard output of `git <arguments>`. Raises from the `GitError` branch for other exit codes."""
        done = self.run(*arguments)
        if done.code not in accept:
            raise _failure(arguments[0], done, self._directory)
        return done.stdout


def snapshot(
    process: Process,
    directory: str,
    *,
    prefix: str = "",
    env: Mapping[str, str],
    base: Literal["highest", "nearest"] = "highest",
) -> Snapshot:
    """What git says of the work tree that holds `directory`, in at most six processes whatever the number of tags.

    `prefix`: of the version tags. `base`: which reachable version `describe` counts from. In a shallow clone
    `describe` and `commit_count` stay None: whoever needs them says `ShallowClone`. Raises `NoRepository`,
    `NoCommits`, `BareRepository`, `DubiousOwnership` and `GitError` (git missing, repository damaged).
    """
    git = Git(process, directory, env)
    root, common_dir, shallow = _places(git, directory)
    head, branch, dirty = _status(git)
    listing = git.read("show-ref", "--heads", "--tags", "-d", accept=(0, 1))
    remote_url = _remote_url(git)
    tags = versions_in(listing, prefix)
    describe, committed_at, parents, count = _position(git, head, tags, shallow=shallow, base=base)
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
        raise _failure("rev-parse", done, directory)
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
        tuple(p for p in dirty if not p.startswith(OWN_FOLDER)),
    )


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


Position = tuple[Describe | None, int, tuple[str, ...], int | None]


def _position(
    git: Git, head: str, tags: VersionTags, *, shallow: bool, base: Literal["highest", "nearest"]
) -> Position:
    """Where HEAD stands: (base and distance, commit time, parents, number of commits), in two processes at most."""
    if shallow or tags.highest is None or tags.at(head):
        return _untagged_position(git, head, count=not shallow and tags.highest is None)
    if base == "highest":
        near = _from_highest(git, head, tags.highest)
        if near is not None:
            return near
    return _walk(git, head, tags, base)


def _untagged_position(git: Git, head: str, *, count: bool) -> Position:
    committed_at, parents = _commit(git, head)
    total = int(git.read("rev-list", "--count", head)) if count else None
    return None, committed_at, parents, total


def _commit(git: Git, commit: str) -> tuple[int, tuple[str, ...]]:
    line = git.read("log", "-1", "--format=%ct%x00%P", commit, "--").decode("ascii")
    committed_at, _, parents = line.strip().partition("\0")
    return int(committed_at), tuple(parents.split())


def _from_highest(git: Git, head: str, highest: VersionTag) -> Position | None:
    """The position when the highest version of all is reachable, else None."""
    done = git.run("rev-list", "--timestamp", "--parents", "--left-right", f"{highest.commit}...{head}", "--")
    if done.code != 0:
        return None  # the tag does not name a commit
    lines = done.stdout.split(b"\n")[:-1]
    mark = b" >" + head.encode()
    own = next((line for line in lines if mark in line), None)
    if own is None or any(b" <" in line for line in lines):
        return None
    committed_at, _, *parents = own.decode("ascii").split()
    describe = Describe(git_tag=highest.git_tag, commit=highest.commit, distance=len(lines))
    return describe, int(committed_at), tuple(parent.lstrip("<>-") for parent in parents), None


def _walk(git: Git, head: str, tags: VersionTags, base: Literal["highest", "nearest"]) -> Position:
    """The position from all of HEAD's history, children before parents: exact, and as slow as that."""
    lines = git.read("rev-list", "--timestamp", "--topo-order", "--parents", head, "--").split(b"\n")[:-1]
    committed_at, _, *parents = lines[0].decode("ascii").split()
    named = _best_by_commit(tags)
    if base == "highest":
        reachable = [tag for line in lines if (tag := named.get(_commit_of(line))) is not None]
        chosen = max(reachable, key=lambda tag: precedence_key(tag.version), default=None)
    else:
        chosen = _nearest(lines, named)
    if chosen is None:
        return None, int(committed_at), tuple(parents), len(lines)
    distance = len(lines) - _ancestors_in(lines, chosen.commit.encode())
    describe = Describe(git_tag=chosen.git_tag, commit=chosen.commit, distance=distance)
    return describe, int(committed_at), tuple(parents), None


def _best_by_commit(tags: VersionTags) -> dict[bytes, VersionTag]:
    """The highest version of each tagged commit."""
    best: dict[bytes, VersionTag] = {}
    for tag in sorted(tags.tags, key=lambda tag: precedence_key(tag.version)):
        best[tag.commit.encode()] = tag
    return best


def _commit_of(line: bytes) -> bytes:
    return line.split(b" ", 2)[1]


def _ancestors_in(lines: list[bytes], commit: bytes) -> int:
    """How many commits of a walk (children before parents) are reachable from `commit`, itself included."""
    reached = {commit}
    count = 0
    for line in lines:
        _, own, *parents = line.split(b" ")
        if own in reached:
            reached.discard(own)
            reached.update(parents)
            count += 1
    return count


def _nearest(lines: list[bytes], named: Mapping[bytes, VersionTag]) -> VersionTag | None:
    """The tagged commit with the fewest commits between it and HEAD, as `git describe` means it.

    Only tagged commits that are not ancestors of another tagged one can be it, and those are few.
    """
    frontier: list[bytes] = []
    hidden: set[bytes] = set()
    for line in lines:
        _, own, *parents = line.split(b" ")
        if own in hidden:
            hidden.discard(own)
            hidden.update(parents)
        elif own in named:
            frontier.append(own)
            hidden.update(parents)
    nearest = max(frontier, key=lambda commit: _ancestors_in(lines, commit), default=None)
    return None if nearest is None else named[nearest]


def _failure(command: str, done: Completed, directory: str) -> GitError:
    """The error that git's text on stderr stands for."""
    text = done.stderr.decode("utf-8", "backslashreplace").strip()
    lines = [line.strip() for line in text.splitlines()]
    if "dubious ownership" in text or "unsafe repository" in text:
        line = next((line for line in lines if line.startswith("git config")), None)
        return DubiousOwnership(
            f"git refuses `{directory}`: the repository belongs to another user",
            hint=f"`{line or f'git config --global --add safe.directory {directory}'}`",
        )
    if "not a git repository" in text:
        return NoRepository(
            f"there is no git repository at `{directory}`",
            hint="run in a clone, or name one with `-C DIR`; `git init` makes one",
        )
    if "does not have any commits" in text or "bad default revision" in text:
        return NoCommits(f"the repository at `{directory}` has no commit", hint="commit something first")
    told = next(
        (line for line in lines if line.startswith(("fatal:", "error:"))), text or f"exit {done.code}"
    )
    return GitError(
        f"`git {command}` failed in `{directory}`: {told}",
        hint="`git fsck` says what is damaged; a fresh clone helps",
    )


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
