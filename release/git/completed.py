"""Completes the snapshot of a clone with what its remote has: tags that the clone lacks, and tags that were moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from release.git.command import Git
from release.git.describe import position_of
from release.git.model import RemoteRefs, Snapshot
from release.git.unfit_tags import fit_tags
from release.versions.git_tags import versions_in
from release.versions.model import Scheme
from release.versions.semver import parse_tag_name
from release.versions.tag_listing import with_tags_of_remote


class Completed(NamedTuple):
    """A snapshot with the remote's tags. `moved`: version tags whose commits differ between the remote and the clone.

    For a moved tag the snapshot has the remote's commit.
    """

    snapshot: Snapshot
    moved: tuple[str, ...] = ()


def completed(
    git: Git,
    snapshot: Snapshot,
    remote: RemoteRefs,
    whole: Callable[[], Git | None],
    *,
    prefix: str = "",
    base: Literal["highest", "nearest"] = "highest",
    versions: Scheme = "semver",
    edge: frozenset[bytes] = frozenset(),
) -> Completed:
    """`snapshot` with the remote's tags added, and the release found that HEAD's version counts from.

    Changes nothing in the clone. With the scheme `none` only the tags are added.

    `git`: reads the clone. `whole`: called only if HEAD's version depends on history that the clone lacks; gives a git
    that has HEAD's whole history, or None; for None, `describe` and `commit_count` are None. `edge`: the commits
    whose parents a shallow clone lacks. The other arguments are those of `snapshot`.
    """
    difference = with_tags_of_remote(snapshot.tag_listing, fit_tags(remote.tags, snapshot))
    tags = versions_in(difference.listing, prefix, versions)
    is_known = (
        bool(tags.at(snapshot.head)) or snapshot.describe is not None or snapshot.commit_count is not None
    )
    if is_known and difference.listing == snapshot.tag_listing:
        return Completed(snapshot)
    if versions == "none":
        return Completed(msgspec.structs.replace(snapshot, tag_listing=difference.listing))
    nearest = base == "nearest"
    position = position_of(git, snapshot.head, tags, edge=edge, nearest=nearest, walk=False)
    if edge and position[0] is None and position[3] is None and not tags.at(snapshot.head):
        reader = whole()
        if reader is not None:
            position = position_of(reader, snapshot.head, tags, nearest=nearest, walk=False)
    whole_snapshot = msgspec.structs.replace(
        snapshot, tag_listing=difference.listing, describe=position[0], commit_count=position[3]
    )
    moved = tuple(name for name in difference.moved if parse_tag_name(name, prefix, versions) is not None)
    return Completed(whole_snapshot, moved)
