"""The writer: numbers, chains and deduplicates facts, and appends them by compare-and-swap to any store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from release.control import Cancel
from release.errors import LogCorrupt, LogError, LogUnavailable, TagConflict
from release.log import Entry, Exclusive, Head, HeadMoved, LogStore
from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import claims_about, entry_of
from release.log.catalog.tables import IndexFailed
from release.log.identity import checked, id_of_checked, with_masked_prose
from release.log.pending import PendingFacts
from release.log.reader import FIRST_PAUSE, LONGEST_PAUSE, Reader, spread
from release.log.timestamps import timestamp
from release.ports import Clock


class Writer(Reader):
    """A `LogWriter` over `store`.

    `budget`: seconds that one append may spend on lost races. `patience`: also for an append, from its start. `mask`:
    removes known secrets from the prose in a fact. Other arguments are those of `Reader`.
    """

    def __init__(
        self,
        store: LogStore,
        *,
        clock: Clock,
        cancel: Cancel,
        budget: float = 120.0,
        patience: float = 20.0,
        jitter: Callable[[], float] = spread,
        mask: Callable[[str], str] | None = None,
        catalog: Callable[[bool], Catalog] | None = None,
    ) -> None:
        super().__init__(store, clock=clock, cancel=cancel, patience=patience, jitter=jitter, catalog=catalog)
        self._budget = budget
        self._mask = mask
        self._parking = PendingFacts(store)
        self._queue = store if isinstance(store, Exclusive) else None
        # Whether an append lately failed because another writer was faster.
        # If so, the next append waits for its turn (`Exclusive`), and reads the log first: the known head may be old.
        self._contended = False

    def append(self, facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
        """Append the facts that the log lacks; return the durable entries of all `facts`, in their order.

        Missing facts are appended together or not at all; existing entries stay as they are. Raises `TagConflict` for a
        fact that contradicts the log (a version tag with another digest, a second image for one key), `LogError`
        when the log cannot be written.
        """
        wanted = self._by_id(facts)
        with self._lock:
            made = self._append(dict(wanted))
            return tuple(made.get(identity) or self._stored(identity, fact) for identity, fact in wanted)

    def append_at(self, facts: Sequence[dict[str, Any]], head: Head) -> bool:
        """Append the missing facts if the log's head is `head`; see `LogWriter.append_at`.

        No fact is parked after a lost race: another writer would append it without looking whether it still holds.
        """
        wanted = dict(self._by_id(facts))
        with self._lock:
            if self._catalog.head == head:
                try:
                    self._taken(self._attempt_now(wanted, fresh=False))
                    return True
                except HeadMoved:
                    self._contended = True
            self._read_on()
            return False

    def _by_id(self, facts: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
        """The facts as they are written, each with its id, in their order."""
        if self._mask is not None:
            facts = [with_masked_prose(fact, self._mask) for fact in facts]
        facts = [checked(fact) for fact in facts]
        return [(id_of_checked(fact), fact) for fact in facts]

    def _taken(self, made: dict[str, Entry]) -> dict[str, Entry]:
        """`made`, the new entries by id, after they were added to the catalog."""
        for entry in made.values():
            self._catalog.take(entry)
        self._catalog.may_fill()
        self._parking.clear(self._catalog)
        return made

    def _append(self, wanted: dict[str, dict[str, Any]]) -> dict[str, Entry]:
        """Append the facts of `wanted` (id -> fact) that are missing; returns the new entries by id."""
        started = since = self._clock.monotonic()
        seen = self._catalog.head
        pause = FIRST_PAUSE
        # Append to the known head without reading first: if that head is old, the store raises `HeadMoved`.
        # This saves a round trip when no other writer is active.
        fresh = not self._has_read or self._contended
        while True:
            try:
                return self._taken(self._attempt(wanted, fresh))
            except HeadMoved:
                self._require_time(started)
                self._parking.park(self._missing(wanted))
                self._contended = True
            except (LogError, TagConflict) as error:
                if self._catalog.head != seen:
                    # The log goes on, so the store is there: it was busy with another writer, perhaps.
                    seen, since = self._catalog.head, self._clock.monotonic()
                    self._require_time(started)
                if not self._may_try_again(error, wanted, fresh, since):
                    raise
            fresh = True
            self._cancel.wait(pause * self._jitter())
            pause = min(pause * 2, LONGEST_PAUSE)

    def _may_try_again(
        self, error: LogError | TagConflict, wanted: dict[str, dict[str, Any]], fresh: bool, started: float
    ) -> bool:
        match error:
            case TagConflict():
                return not fresh
            case LogCorrupt():
                return False
            case IndexFailed() if self._has_lost_index:
                return self._clock.monotonic() - started < self._patience
            case LogUnavailable():
                # The append may have succeeded: the next attempt reads the log first and then finds the entries.
                return self._clock.monotonic() - started < self._patience
            case _:
                # An append that failed with another error may have stored its entries.
                # If so, the next attempt appends no lines, which makes those entries durable.
                return bool(self._missing(wanted)) and self._arrived(wanted)

    def _attempt(self, wanted: dict[str, dict[str, Any]], fresh: bool) -> dict[str, Entry]:
        """Append missing facts; returns their entries by id. After a lost race, wait for a turn (`Exclusive`)."""
        if self._contended and self._queue is not None:
            with self._queue.turn():
                return self._attempt_now(wanted, fresh)
        return self._attempt_now(wanted, fresh)

    def _attempt_now(self, wanted: dict[str, dict[str, Any]], fresh: bool) -> dict[str, Entry]:
        from release.log.sealing import seal_all  # imported late: questions append nothing

        if fresh:
            before = self._catalog.head
            self._read_on()
            self._contended = self._contended and self._catalog.head != before
        facts = self._missing(wanted)
        claims_about(self._catalog, facts.values()).require_free(facts.values())
        if facts:
            # Parked facts of others are appended only together with one of ours.
            facts |= self._parking.waiting(self._catalog)
        head = self._catalog.head
        entries = seal_all(facts, head, timestamp(self._clock.now()))
        self._store.append([entry.raw for entry in entries], head)
        return dict(zip(facts, entries, strict=True))

    def _stored(self, identity: str, fact: dict[str, Any]) -> Entry:
        entry = entry_of(self._catalog, fact, identity)
        assert entry is not None  # noqa: S101 - `_append` ends with every fact in the log
        return entry

    def _missing(self, wanted: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            identity: fact
            for identity, fact in wanted.items()
            if entry_of(self._catalog, fact, identity) is None
        }

    def _arrived(self, wanted: dict[str, dict[str, Any]]) -> bool:
        try:
            self._read_on()
        except LogCorrupt:
            raise
        except LogError:
            return False
        return not self._missing(wanted)

    def _require_time(self, started: float) -> None:
        if self._clock.monotonic() - started >= self._budget:
            raise LogError(
                f"version log `{self._store.name}` is changed by other writers all the time: "
                f"{self._budget:g} s were not enough to append to it",
                hint="run again",
            )
