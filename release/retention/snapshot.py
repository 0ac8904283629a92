"""What one repository holds, what is in use, and what the version log knows, as values. Pure.

All times are milliseconds since the epoch, UTC; None: not known.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.oci.attached import is_attached
from release.versions.status import STATUS_TAG

# gc=False: these values hold no cycles, and repositories have tens of thousands of them.


class HeldTag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tag and its digest. `moved`: when it was set. `fault`: why what it holds is not known, or `""`."""

    name: str
    digest: str = ""
    moved: int | None = None
    fault: str = ""

    @property
    def is_ordinary(self) -> bool:
        """Whether rules may decide about the tag: no fallback tag, no tag of cosign, not the versions' status."""
        return self.name != STATUS_TAG and not is_attached(self.name)


class HeldManifest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A manifest or index. `size`: its own bytes. `blobs`: digest and size of config and layers.

    `children`: the manifests that an index lists. `created`: from the image's config. `fault`: why it could not be
    read, or `""`; then everything else about it is unknown.
    """

    digest: str
    size: int = 0
    children: tuple[str, ...] = ()
    blobs: tuple[tuple[str, int], ...] = ()
    subject: str | None = None
    pushed: int | None = None
    pulled: int | None = None
    created: int | None = None
    fault: str = ""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """One repository, as it was read. `now`: when.

    `deletes_tags`: whether the registry deletes a tag alone; None: not known. `deletes_manifests`: whether it deletes
    manifests; if not, images lose their tags only. `deletes_parts`: whether it deletes images without a tag along with
    their index. `tells_times`: whether the registry told `moved`. `nowhere`: listed tags whose manifest is not
    there.
    """

    repository: str
    tags: tuple[HeldTag, ...]
    manifests: Mapping[str, HeldManifest]
    now: int
    deletes_tags: bool | None = None
    deletes_manifests: bool = True
    deletes_parts: bool = False
    tells_times: bool = False
    nowhere: tuple[str, ...] = ()

    def unclear(self) -> tuple[str, ...]:
        """What could not be read: the plan would not know what it refers to."""
        tags = [f"`{self.repository}:{tag.name}`: {tag.fault}" for tag in self.tags if tag.fault]
        manifests = [
            f"`{self.repository}@{one.digest}`: {one.fault}" for one in self.manifests.values() if one.fault
        ]
        return (*tags, *manifests)


class InUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the sources of `in_use:` say of one repository: digest or tag -> the source that named it."""

    digests: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}


class LoggedRelease(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A release in the version log that was pushed to the repository. `seq`: the position of its last entry."""

    digest: str
    channel: str
    component: str
    name: str
    seq: int


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the version log knows of one repository.

    `set_at`: tag -> the digest that it was last set to, and when. `pushed`: digest -> when it was last pushed, tagged
    or promoted here. `deployed`: digest -> where it runs. `pruned`: digests that a prune deleted, or was about to
    delete when it was killed. `follows`: the position of the last entry about a prune of the repository.
    """

    set_at: Mapping[str, tuple[str, int]] = {}
    pushed: Mapping[str, int] = {}
    deployed: Mapping[str, str] = {}
    releases: tuple[LoggedRelease, ...] = ()
    pruned: frozenset[str] = frozenset()
    follows: int | None = None
