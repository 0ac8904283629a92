"""The rails of a prune: conditions under which a plan is refused instead of executed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from release.config.retention import LimitsSection
from release.retention.decision import Decision
from release.retention.snapshot import Inventory

# Milliseconds by which the registry's clock may be ahead of ours before ages are not believed: clocks of machines
# without NTP differ by seconds to a few minutes.
_CLOCKS = 300_000
# How refusals begin that no limit lifts, and what helps.
_UNREAD = "not everything in"
_AHEAD = "the newest push to"
_WAYS_OUT = {
    _UNREAD: "what that refers to is not known: delete it in the registry, or push an image there in its place",
    _AHEAD: "set the clock of this machine, or that of the registry",
}
_LIMITS = "check the plan; `retention.limits` allows more if it is right"


def refusals(limits: LimitsSection, inventory: Inventory, decision: Decision) -> tuple[str, ...]:
    """Why the plan for one repository must not be executed, with the numbers; () if it may be."""
    if decision.is_empty:
        return ()
    return (*_unclear(inventory), *_clock(inventory), *_beyond(limits, decision))


def way_out(refusal: str) -> str:
    """The hint for one of `refusals`."""
    return next((hint for start, hint in _WAYS_OUT.items() if refusal.startswith(start)), _LIMITS)


def _unclear(inventory: Inventory) -> list[str]:
    unclear = inventory.unclear()
    if not unclear:
        return []
    more = f", and {len(unclear) - 1} more" if len(unclear) > 1 else ""
    return [f"{_UNREAD} {inventory.repository} could be read: {unclear[0]}{more}"]


def _clock(inventory: Inventory) -> list[str]:
    newest = max((one.pushed for one in inventory.manifests.values() if one.pushed is not None), default=None)
    if newest is None or newest <= inventory.now + _CLOCKS:
        return []
    ahead = (newest - inventory.now) // 1000
    return [f"{_AHEAD} {inventory.repository} lies {ahead} s in the future: this machine's clock is wrong"]


def _beyond(limits: LimitsSection, decision: Decision) -> list[str]:
    deleted, images = decision.deleted_images, decision.images
    where = f"of {decision.repository}"
    found = []
    if deleted > limits.max_delete:
        found.append(f"{deleted} images {where} would go, `max_delete` is {limits.max_delete}")
    if deleted > limits.max_fraction * images:
        share = f"{deleted} of {images} images {where} would go, {deleted / images:.0%}"
        found.append(f"{share}; `max_fraction` is {limits.max_fraction:g}")
    if deleted and images - deleted < limits.min_keep:
        found.append(f"{images - deleted} images {where} would remain, `min_keep` is {limits.min_keep}")
    return found


class Freed:
    """What a garbage collection of the registry can free after a deletion from one repository."""

    def __init__(self, inventory: Inventory) -> None:
        self._manifests = inventory.manifests
        # Blob -> number of manifests that name it. Counted once, so that a question costs only what it asks for.
        self._named: Counter[str] = Counter()
        for manifest in inventory.manifests.values():
            self._named.update(dict(manifest.blobs).keys())

    def bytes(self, deleted: Iterable[str]) -> int:
        """Bytes of the manifests `deleted`, and of the blobs that no other manifest names."""
        freed, sizes = 0, dict[str, int]()
        named: Counter[str] = Counter()
        for digest in set(deleted) & self._manifests.keys():
            manifest = self._manifests[digest]
            freed += manifest.size
            sizes.update(manifest.blobs)
            named.update(dict(manifest.blobs).keys())
        return freed + sum(size for blob, size in sizes.items() if named[blob] == self._named[blob])
