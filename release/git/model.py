"""The state of a git work tree, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

ObjectFormat = Literal["sha1", "sha256"]
RemoteState = Literal["no remote", "not asked", "answered", "refused"]

_SHA1_DIGITS = 40


class Describe(msgspec.Struct, frozen=True, kw_only=True):
    """The release that the version of an untagged HEAD counts from.

    `git_tag`: for a release that only the version log has, the name that its git tag would have. `distance`: number of
    commits in HEAD's history that are not in the release's history.
    """

    git_tag: str
    commit: str
    distance: int


class UnfitTag(msgspec.Struct, frozen=True, kw_only=True):
    """A version tag that names no commit. `target`: the object that it peels to. `kind`: `tree`, `blob`, `missing`."""

    git_tag: str
    target: str
    kind: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a work tree, read once in at most six processes.

    `tag_listing`: branches, then tags, in one of the formats of `release.versions.tag_listing`, parsed only where
    versions are needed: making objects for 20,000 tags takes longer than reading them. `describe`: None if HEAD has a
    version tag, if no version tag is reachable, if the history that a shallow clone lacks decides, or if nobody asked
    for it. `dirty`: the first ten changed tracked paths; `dirty_count`: the number of all changed tracked paths.
    `remote`: the name of the remote whose tags and branches count, see `remote_of`; None if there is none, or if none
    of several `remotes` is chosen. `remote_url`: the URL of `remote`. `unfit`: version tags that are not in
    `tag_listing` because they name no commit, as far as they can change an answer.
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
    commit_count: int | None = None  # as `describe`; None as well if HEAD reaches a version tag
    remote_url: str | None = None  # credentials stripped
    remote: str | None = None
    remotes: tuple[str, ...] = ()
    unfit: tuple[UnfitTag, ...] = ()

    @property
    def object_format(self) -> ObjectFormat:
        """The hash of the repository's objects, told by the length of a commit's id."""
        return "sha1" if len(self.head) == _SHA1_DIGITS else "sha256"


class RemoteRefs(msgspec.Struct, frozen=True, kw_only=True):
    """The branches and tags of a remote, each with its commit, as one `git ls-remote` lists them.

    `name`: of the remote; None if the clone has none. `tags`: with the object that each tag peels to. `cause`: of state
    `refused`, one line. In every state but `answered`, `heads` and `tags` are empty. `locked`: the remote wants a
    credential that this clone does not have.
    """

    state: RemoteState
    name: str | None = None
    heads: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    cause: str = ""
    locked: bool = False


class CheckoutSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one clone by which the same commit looks different in its work tree; git shows no change for them.

    `symlinks`: False if a symlink is checked out as a file with the target as its content (`core.symlinks`).
    `file_mode`: False if git does not look at the executable bit (`core.fileMode`). `crlf`: whether text files may be
    checked out with CRLF although no attribute asks for it (`core.autocrlf`, `core.eol`).
    """

    symlinks: bool = True
    file_mode: bool = True
    crlf: bool = False


class GitFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Git's view of the files below a folder.

    `modes`: tracked files and symlinks with their mode in the index (0o100644, 0o100755, 0o120000), those of submodules
    that are checked out included. `skipped`: tracked files with the skip-worktree bit, which a sparse checkout sets.
    `unwatched`: files with that bit, or the assume-unchanged bit, of which git shows no change; each with its object
    in the index.
    `missing`: submodules that are not checked out. `loose`: submodules whose folder has files, and no repository of its
    own that could say whether they are those of the commit. `repositories`: the folders whose repository answered: `""`
    and those of submodules. `settings`: what this clone's configuration does to files that it checks out.
    """

    modes: Mapping[str, int] = {}
    skipped: tuple[str, ...] = ()
    unwatched: Mapping[str, str] = {}
    missing: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ("",)
    settings: CheckoutSettings = CheckoutSettings()
