"""The writer: numbers, chains and deduplicates facts, and appends them by compare-and-swap to any store."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

from release.control import Cancel
from release.errors import LogCorrupt, LogError, LogUnavailable, TagConflict
from release.log import Entry, Exclusive, Head, HeadMoved, LogStore
from release.log.chain import head_of, seal_all, stored, timestamp
from release.log.identity import checked, id_of_checked, with_masked_prose
from release.log.lazy_entries import Lines
from release.log.pending import PendingFacts
from release.log.uniqueness import UniqueTags
from release.ports import Clock

# Seconds between attempts, doubled from the first to the longest, times a jitter that spreads competing writers.
# The first pause suits a file or database, where an append takes milliseconds.
# The longest pause suits git, where each attempt is a fetch and a push.
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 2.0


class Writer:
    """A `LogWriter` over `store`. Thread-safe. Lines stay in memory, and each call reads only new ones.

    `budget`: seconds that one append may spend on lost races. `patience`: seconds from the start of an append during
    which an unavailable store is tried again. `mask`: removes known secrets from the prose in a fact.
    """

    def __init__(
        self,
        store: LogStore,
        *,
        clock: Clock,
        cancel: Cancel,
        budget: float = 120.0,
        patience: float = 20.0,
        jitter: Callable[[], float] = random.random,
        mask: Callable[[str], str] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._cancel = cancel
        self._budget = budget
        self._patience = patience
        self._jitter = jitter
        self._mask = mask
        # Serialises `append`, `find` and `entries` of several threads, which read and change all members below.
        # Without the lock, two threads would seal their entries after one head.
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._by_id: dict[str, int] = {}  # id: index in `_lines`
        self._claims = UniqueTags()
        self._parking = PendingFacts(store)
        self._queue = store if isinstance(store, Exclusive) else None
        self._has_read = False
        # Whether an append lately failed because another writer was faster.
        # If so, the next append waits for its turn (`Exclusive`), and reads the log first: the known head may be old.
        self._contended = False
        self._head = Head()

    @property
    def store(self) -> LogStore:
        """The store that holds the lines."""
        return self._store

    @property
    def head(self) -> Head:
        """The log's end as of this writer's latest read or append."""
        return self._head

    def entries(self) -> Sequence[Entry]:
        """Every entry, verified."""
        with self._lock:
            self._read_on()
            return Lines(self._lines, len(self._lines))

    def find(self, identity: str) -> Entry | None:
        """Read new entries; return the entry with this `id`, or None."""
        with self._lock:
            self._read_on()
            return self._stored(identity) if identity in self._by_id else None

    def append(self, facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
        """Append the facts that the log lacks; return the durable entries of all `facts`, in their order.

        Missing facts are appended together or not at all; existing entries stay as they are. Raises `TagConflict` for a
        fact that contradicts the log (a version tag with another digest, a second image for one key), `LogError`
        when the log cannot be written.
        """
        if self._mask is not None:
            facts = [with_masked_prose(fact, self._mask) for fact in facts]
        facts = [checked(fact) for fact in facts]
        ids = [id_of_checked(fact) for fact in facts]
        with self._lock:
            made = self._append(dict(zip(ids, facts, strict=True)))
            return tuple([made.get(identity) or self._stored(identity) for identity in ids])

    def _append(self, wanted: dict[str, dict[str, Any]]) -> dict[str, Entry]:
        """Append the facts of `wanted` (id -> fact) that are missing; returns the new entries by id."""
        started = self._clock.monotonic()
        pause = _FIRST_PAUSE
        # Append to the known head without reading first: if that head is old, the store raises `HeadMoved`.
        # This saves a round trip when no other writer is active.
        fresh = not self._has_read or self._contended
        while True:
            try:
                made = self._attempt(wanted, fresh)
                for entry in made.values():
                    self._take(entry)
                self._parking.clear(self._by_id, self._claims)
                return made
            except HeadMoved:
                self._require_time(started)
                self._parking.park(self._missing(wanted))
                self._contended = True
            except (LogError, TagConflict) as error:
                if not self._may_try_again(error, wanted, fresh, started):
                    raise
            fresh = True
            self._cancel.wait(pause * self._jitter())
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _may_try_again(
        self, error: LogError | TagConflict, wanted: dict[str, dict[str, Any]], fresh: bool, started: float
    ) -> bool:
        match error:
            case TagConflict():
                return not fresh
            case LogCorrupt():
                return False
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
        if fresh:
            before = self._head
            self._read_on()
            self._contended = self._contended and self._head != before
        facts = self._missing(wanted)
        self._claims.require_free(facts.values())
        if facts:
            # Parked facts of others are appended only together with one of ours.
            facts |= self._parking.waiting(self._by_id, self._claims)
        entries = seal_all(facts, self._head, timestamp(self._clock.now()))
        self._store.append([entry.raw for entry in entries], self._head)
        return dict(zip(facts, entries, strict=True))

    def _stored(self, identity: str) -> Entry:
        return stored(self._lines[self._by_id[identity]])

    def _missing(self, wanted: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {identity: fact for identity, fact in wanted.items() if identity not in self._by_id}

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

    def _read_on(self) -> None:
        for entry in self._store.read(self._head.seq):
            self._take(entry)
        self._has_read = True

    def _take(self, entry: Entry) -> None:
        # Of entries with equal ids the first counts. This writer never appends an id twice, but other programs may.
        self._by_id.setdefault(str(entry.fields.get("id", "")), len(self._lines))
        self._lines.append(entry.raw)
        self._claims.add(entry.fields)
        self._head = head_of(entry)
