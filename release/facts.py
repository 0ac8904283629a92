"""Snapshot (what git says), and Facts (git, CI and clock reconciled)."""

from __future__ import annotations

import msgspec

from ci.context import CiContext


class Describe(msgspec.Struct, frozen=True, kw_only=True):
    """The base that an off-tag version counts from. `distance`: commits between it and HEAD."""

    git_tag: str
    commit: str
    distance: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What git says of a work tree, read once in at most six processes.

    `tag_listing`: the bytes of `git show-ref --tags -d`, parsed where versions are needed (twenty thousand tags
    as objects would cost more than git does). `describe`: None at a version tag, or where there is none.
    `dirty`: the first changed tracked paths, `dirty_count` all of them.
    """

    root: str
    common_dir: str
    head: str
    branch: str | None
    committed_at: int  # seconds since the epoch
    parents: tuple[str, ...] = ()
    shallow: bool = False
    dirty: tuple[str, ...] = ()
    dirty_count: int = 0
    tag_listing: bytes = b""
    describe: Describe | None = None
    commit_count: int | None = None  # only when no version is reachable
    remote_url: str | None = None  # credentials stripped


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What git, the CI system and the clock say, reconciled: git wins for the commit, a tag beats a branch.

    `git_tag`: the tag that triggered the run and names HEAD. `branch`: None on a tag, in a detached HEAD without
    CI context, and where the CI's commit is not HEAD. `now`: milliseconds since the epoch.
    """

    snapshot: Snapshot
    ci: CiContext
    commit: str
    branch: str | None
    git_tag: str | None
    is_default_branch: bool
    now: int
    warnings: tuple[str, ...] = ()
