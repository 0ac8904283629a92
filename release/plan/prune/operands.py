"""The operands of the steps of `prune` and `prune undo`, and the slots that they fill."""

from __future__ import annotations

from collections.abc import Mapping

from release.plan.model import Operands, Slot


def gone_tags(target: str, part: int) -> Slot[tuple[Mapping[str, str], ...]]:
    """The slot for the tags that are gone, in the form of a `pruned` record. `part`: the number of the record."""
    return Slot(slot=f"gone-tags:{target}:{part}")


def gone_digests(target: str, part: int) -> Slot[tuple[str, ...]]:
    """The slot for the digests that are gone, in the form of a `pruned` record. `part`: the number of the record."""
    return Slot(slot=f"gone-digests:{target}:{part}")


def tag_deletion(target: str) -> Slot[str]:
    """The slot for `refused`, if the registry cannot delete a tag without its digest; else `""`."""
    return Slot(slot=f"tag-deletion:{target}")


def restored_digest(target: str, digest: str) -> Slot[str]:
    """The slot for the digest, if `prune undo` put it back."""
    return Slot(slot=f"restored:{target}@{digest}", optional=True)


def restored_tag(target: str, tag: str) -> Slot[Mapping[str, str]]:
    """The slot for a tag that `prune undo` put back, in the form of a record; unbound if it could not be put."""
    return Slot(slot=f"restored:{target}:{tag}", optional=True)


class SaveManifests(Operands, frozen=True, kw_only=True):
    """Operands for recording manifests before they are deleted: digest -> the tags that go with it.

    `follows`: the position of the last log entry about a prune of the target.
    """

    target: str
    project: str
    digests: Mapping[str, tuple[str, ...]]
    follows: int | None


class TrashManifest(Operands, frozen=True, kw_only=True):
    """Operands for copying a manifest, and everything that it needs, into the repository `trash`."""

    target: str
    digest: str
    trash: str


class DeleteManifest(Operands, frozen=True, kw_only=True):
    """Operands for deleting a manifest with all of its tags. `rule`: the rule that decided so."""

    target: str
    digest: str
    tags: tuple[str, ...]
    rule: str


class DeleteTag(Operands, frozen=True, kw_only=True):
    """Operands for deleting one tag, whose digest stays."""

    target: str
    tag: str
    digest: str
    rule: str


class PrunedPart(Operands, frozen=True, kw_only=True):
    """What one `pruned` record is about: digests, each with its tags, and tags whose digest stays."""

    digests: Mapping[str, tuple[str, ...]] = {}
    tags: Mapping[str, str] = {}


class SettlePrune(Operands, frozen=True, kw_only=True):
    """Operands for reading a target back after deletions. `parts`: one for each `pruned` record."""

    target: str
    parts: tuple[PrunedPart, ...]


class RestoreManifest(Operands, frozen=True, kw_only=True):
    """Operands for putting a pruned manifest and its tags back. `trash`: the repository that may still hold it."""

    target: str
    digest: str
    tags: tuple[str, ...]
    trash: str = ""
