"""Reads the highest release in HEAD's history and the commits since, for the next version."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from release.errors import ShallowClone
from release.git.command import Git
from release.git.describe import position_of
from release.git.model import Snapshot
from release.git.unreleased import unreleased_commits
from release.versions.commits import Commit
from release.versions.git_tags import VersionTag, VersionTags, highest_tag, versions_in
from release.versions.model import Scheme


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The highest releases in HEAD's history, and the commits since.

    `stable`: the highest stable release; `highest`: the highest of all releases, prereleases included. Each is None if
    there is no such release.

    `commits`: those after `stable` (without a stable release, all), newest first, children before their parents.
    """

    stable: VersionTag | None
    highest: VersionTag | None
    commits: tuple[Commit, ...]


def history(
    git: Git,
    snapshot: Snapshot,
    prefix: str,
    *,
    scheme: Scheme = "semver",
    paths: bool = False,
    edge: Collection[bytes] = (),
    certain: bool = False,
) -> History:
    """Read the releases and commits in HEAD's history.

    `git`: reads the clone, or HEAD's whole history. `paths`: with the files that each commit changed. `edge`: the
    commits whose parents `git` lacks. Raises `ShallowClone` if the missing history could change the result. `certain`:
    also if a higher release may be in it, see `position_of`.
    """
    found = versions_in(snapshot.tag_listing, prefix, scheme)
    highest = _reachable(git, snapshot.head, found, edge, certain=certain)
    stable = highest
    if highest is not None and not highest.version.is_stable:
        only_stable = found.where(lambda version: version.is_stable)
        stable = _reachable(git, snapshot.head, only_stable, edge, certain=certain)
    since = None if stable is None else stable.commit
    commits = unreleased_commits(git, snapshot.head, since, paths=paths)
    return History(stable=stable, highest=highest, commits=commits)


def _reachable(
    git: Git, head: str, found: VersionTags, edge: Collection[bytes], *, certain: bool
) -> VersionTag | None:
    """The highest tag of `found` at HEAD or in HEAD's history; None if there is none."""
    at_head = found.at(head)
    here = {tag.version for tag in at_head}
    others = found.where(lambda version: version not in here)
    base, _, _, count = position_of(git, head, others, nearest=False, walk=False, edge=edge, certain=certain)
    if edge and base is None and count is None:
        raise ShallowClone(
            "the next version depends on the commits since the last release, and this clone is shallow",
            hint="run `git fetch --unshallow --tags`, or add `--deepen`",
        )
    below = others.named(base.git_tag) if base is not None else None
    return highest_tag(one for one in (*at_head[:1], below) if one is not None)
