"""What a prune decides about one repository: which digests and tags go, which stay, and why."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.retention.tags import TagVerdict


class Deletion(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A manifest that goes, with all of its tags. `rule`: the rule that decided, or what it goes with.

    `because`: the digest that it goes with, if it is only a part of another image or attached to one. `holders`: the
    digests that have to be deleted before.
    """

    digest: str
    tags: tuple[str, ...]
    rule: str
    because: str = ""
    holders: tuple[str, ...] = ()


class Untag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tag that goes while its digest stays, because of `kept`: another tag, or what needs the digest."""

    tag: str
    digest: str
    rule: str
    kept: str


class KeptDigest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A manifest that stays, and why."""

    digest: str
    reason: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What goes from one repository and what stays.

    `deletions`: in an order in which a crash leaves no image with a part missing. `shared`: tags that would go, and
    stay because the registry cannot delete a tag without its digest. `images`: how many there are before the prune:
    manifests that are no part of another and not attached to one. `emptied`: images of which only the tags go, since
    the registry deletes no manifests.
    """

    repository: str
    tags: Mapping[str, TagVerdict]
    deletions: tuple[Deletion, ...]
    untags: tuple[Untag, ...]
    shared: tuple[Untag, ...]
    kept: Mapping[str, KeptDigest]
    images: int
    emptied: int = 0

    @property
    def deleted_images(self) -> int:
        """Number of images that go, or lose their last tag, without their parts."""
        return self.emptied + sum(1 for one in self.deletions if not one.because)

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return not self.deletions and not self.untags
