"""How old a tag or a manifest is, by the newest time that registry and version log know. Pure."""

from __future__ import annotations

import msgspec

from release.retention.policy import Policy
from release.retention.snapshot import HeldManifest, HeldTag, History, Inventory

#: How the reason begins for which something of unknown age stays.
UNKNOWN_AGE = "its age is not known"


class Age(msgspec.Struct, frozen=True, gc=False):
    """An age in milliseconds, and the event that it counts from; None if no time is known, `since` then says why."""

    milliseconds: int | None
    since: str


class Ages:
    """The ages of one repository's tags and manifests."""

    def __init__(self, policy: Policy, inventory: Inventory, history: History) -> None:
        self._created_counts = policy.created_counts
        self._inventory = inventory
        self._history = history

    def of_tag(self, tag: HeldTag) -> Age:
        """The age of a tag: the newest of its move and of everything that `of_digest` counts."""
        recorded = self._history.set_at.get(tag.name)
        if recorded is not None and recorded[0] != tag.digest and tag.moved is None:
            return Age(None, "the tag was moved, and the version log does not know when")
        times = self._known(tag.digest)
        if tag.moved is not None:
            times["tagged"] = tag.moved
        elif recorded is not None:
            times["tagged, as the log says"] = recorded[1]
        elif not self._inventory.tells_times and not self._created_counts:
            # Another tool set this tag; how long ago is not known, however old its image is.
            return Age(None, "neither registry nor version log knows when the tag was set")
        return self._newest(times, tag.digest)

    def of_digest(self, digest: str) -> Age:
        """The age of a manifest: the newest of push, promotion and pull."""
        return self._newest(self._known(digest), digest)

    def pulled(self, digest: str) -> int | None:
        """Milliseconds since the last pull; None if the registry does not tell."""
        manifest = self._inventory.manifests.get(digest)
        if manifest is None or manifest.pulled is None:
            return None
        return self._inventory.now - manifest.pulled

    def _known(self, digest: str) -> dict[str, int]:
        manifest = self._inventory.manifests.get(digest) or HeldManifest(digest=digest)
        known = {"pushed": manifest.pushed, "pushed, as the log says": self._history.pushed.get(digest)}
        times = {name: time for name, time in known.items() if time is not None}
        if times and manifest.pulled is not None:
            times["pulled"] = manifest.pulled
        return times

    def _newest(self, times: dict[str, int], digest: str) -> Age:
        manifest = self._inventory.manifests.get(digest)
        if not times and self._created_counts and manifest is not None and manifest.created is not None:
            times = {"created": manifest.created}
            if manifest.pulled is not None:
                times["pulled"] = manifest.pulled
        if not times:
            return Age(None, "neither registry nor version log knows when it was pushed")
        since = max(times, key=lambda name: (times[name], name))
        return Age(self._inventory.now - times[since], since)
