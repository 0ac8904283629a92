"""Completes the snapshot of a clone with what its remote has: tags that the clone lacks, and tags that were moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from release.git.command import Git
from release.git.describe import sure_position
from release.git.history_walk import is_below_another
from release.git.model import RemoteRefs, Snapshot
from release.git.unfit_tags import fit_tags
from release.versions.git_tags import VersionTags, versions_in
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
    counted: bool = True,
    edge: frozenset[bytes] = frozenset(),
) -> Completed:
    """`snapshot` with the remote's tags added, and the release found that HEAD's version counts from.

    Changes nothing in the clone. With the scheme `none`, and without `counted`, only the tags are added.

    `git`: reads the clone. `whole`: as for `sure_position`. `edge`: the commits whose parents a shallow clone lacks.
    The other arguments are those of `snapshot`.
    """
    difference = with_tags_of_remote(snapshot.tag_listing, fit_tags(remote.tags, snapshot))
    tags = versions_in(difference.listing, prefix, versions)
    nearest = base == "nearest"
    if difference.listing == snapshot.tag_listing and _is_known(snapshot, tags, edge, nearest=nearest):
        return Completed(snapshot)
    listed = msgspec.structs.replace(snapshot, tag_listing=difference.listing)
    if versions == "none":
        return Completed(listed)
    if counted:
        position = sure_position(git, snapshot.head, tags, whole, edge=edge, nearest=nearest)
        listed = msgspec.structs.replace(listed, describe=position[0], commit_count=position[3])
    moved = tuple(name for name in difference.moved if parse_tag_name(name, prefix, versions) is not None)
    return Completed(listed, moved)


def _is_known(snapshot: Snapshot, tags: VersionTags, edge: frozenset[bytes], *, nearest: bool) -> bool:
    """Whether the clone alone gave the base that a complete clone has, as far as its tags are those of the remote."""
    if tags.at(snapshot.head) or snapshot.commit_count is not None:
        return True
    base = tags.named(snapshot.describe.git_tag) if snapshot.describe is not None else None
    return base is not None and (not edge or nearest or not is_below_another(base, tags))
