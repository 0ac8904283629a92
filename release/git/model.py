"""The state of a git work tree, as values."""

from __future__ import annotations

import msgspec


class Describe(msgspec.Struct, frozen=True, kw_only=True):
    """The base that an off-tag version counts from. `distance`: commits between it and HEAD."""

    git_tag: str
    commit: str
    distance: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a work tree, read once in at most six processes.

    `tag_listing`: the output of `git show-ref --heads --tags -d`, parsed only where versions are needed: objects for
    20,000 tags take longer than git itself. `describe`: None at a version tag, or without any.
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
