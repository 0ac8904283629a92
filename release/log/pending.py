"""Decides which parked facts a writer appends together with its own facts, and which it removes from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from release.errors import LogError, TagConflict
from release.log import LogStore, PendingStore
from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import claims_about, entry_of
from release.log.identity import checked, fact_id
from release.log.replicate import Mirrored


class PendingFacts:
    """Parked facts of `store`. Does nothing for a store that is not a `PendingStore`."""

    def __init__(self, store: LogStore) -> None:
        inbox = store.truth if isinstance(store, Mirrored) else store
        self._inbox = inbox if isinstance(inbox, PendingStore) else None
        self._parked: set[str] = set()

    def park(self, facts: dict[str, dict[str, Any]]) -> None:
        """Park `facts` (id -> fact) once. Errors are ignored: parking is best effort."""
        new = [fact for identity, fact in facts.items() if identity not in self._parked]
        if self._inbox is not None and new:
            self._parked |= facts.keys()
            with suppress(LogError):
                self._inbox.park(new)

    def waiting(self, catalog: Catalog) -> dict[str, dict[str, Any]]:
        """Parked facts (id -> fact) that the log lacks and that do not contradict it."""
        if self._inbox is None:
            return {}
        return {
            identity: fact
            for _, facts in self._all()
            for identity, fact in facts
            if entry_of(catalog, fact, identity) is None and _is_free(fact, catalog)
        }

    def clear(self, catalog: Catalog) -> None:
        """Remove parked facts that are in the log, and those that contradict it and so can never be appended."""
        if self._inbox is not None:
            done = [
                name
                for name, facts in self._all()
                if all(
                    entry_of(catalog, fact, identity) is not None or not _is_free(fact, catalog)
                    for identity, fact in facts
                )
            ]
            with suppress(LogError):
                self._inbox.unpark(done)

    def _all(self) -> Iterator[tuple[str, Sequence[tuple[str, dict[str, Any]]]]]:
        parked = {}
        if self._inbox is not None:
            with suppress(LogError):
                parked = self._inbox.parked()
        for name, facts in parked.items():
            try:
                sound = [checked(fact) for fact in facts]
                yield name, [(fact_id(fact), fact) for fact in sound]
            except LogError:
                yield name, ()  # not a valid fact: nobody can append it, so it may be removed


def _is_free(fact: dict[str, Any], catalog: Catalog) -> bool:
    try:
        claims_about(catalog, [fact]).require_free([fact])
    except TagConflict:
        return False
    return True
