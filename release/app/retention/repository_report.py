"""Reports what a prune decides about one repository: what goes with its size, what stays and why."""

from __future__ import annotations

from release.app.retention.gather import Ground, Unread
from release.app.retention.reports import DeletedImage, RepositoryReport
from release.retention.kept import kept_tags
from release.retention.rails import Freed
from release.retention.times import UNKNOWN_AGE, Ages


def report_of(ground: Ground) -> RepositoryReport:
    """What goes from one repository, and what stays."""
    decision, inventory = ground.decision, ground.inventory
    freed = Freed(inventory)
    return RepositoryReport(
        repository=ground.place.name,
        images=decision.images,
        kept=decision.images - decision.deleted_images,
        tags=len(inventory.tags),
        deleted=_deleted(ground, freed),
        untagged=decision.untags,
        shared=decision.shared,
        frees=freed.bytes(one.digest for one in decision.deletions),
        refused=ground.refused,
        finishes=len(ground.unfinished),
        unknown_age=_unknown_age(ground),
        stays=kept_tags(decision),
        trash=ground.place.trash,
        is_trash=ground.place.is_trash,
    )


def unread_report(one: Unread) -> RepositoryReport:
    """The report about a repository that could not be read."""
    return RepositoryReport(
        repository=one.place.name,
        images=0,
        kept=0,
        tags=0,
        deleted=(),
        untagged=(),
        shared=(),
        frees=0,
        refused=(f"it could not be read: {one.error.message}",),
        unread=True,
        is_trash=one.place.is_trash,
    )


def _unknown_age(ground: Ground) -> int:
    tags = ground.decision.tags.values()
    waiting = {one.digest for one in tags if one.reason.startswith(UNKNOWN_AGE)}
    waiting |= {one.digest for one in ground.decision.kept.values() if one.reason.startswith(UNKNOWN_AGE)}
    return len(waiting)


def _deleted(ground: Ground, freed: Freed) -> tuple[DeletedImage, ...]:
    inventory = ground.inventory
    ages = Ages(ground.policy, inventory, ground.known.history)
    tops: dict[str, str] = {}
    families: dict[str, list[str]] = {}
    for one in ground.decision.deletions:
        # Holders come first in the order of deletions, so the family of `because` is known, if it goes in this prune.
        top = tops[one.digest] = tops.get(one.because, one.digest)
        families.setdefault(top, []).append(one.digest)
    found = []
    for one in ground.decision.deletions:
        manifest = inventory.manifests[one.digest]
        family = families.get(one.digest)
        found.append(
            DeletedImage(
                digest=one.digest,
                tags=one.tags,
                rule=one.rule,
                size=manifest.size + sum(size for _, size in manifest.blobs),
                frees=None if family is None else freed.bytes(family),
                age=ages.of_digest(one.digest).milliseconds,
                because=one.because if one.because in tops else "",
            )
        )
    return tuple(found)
