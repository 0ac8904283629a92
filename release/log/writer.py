"""The writer: numbers, chains and deduplicates facts, and appends them by compare-and-swap to any store."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

from release.control import Cancel
from release.errors import LogCorrupt, LogError, LogUnavailable
from release.log import Entry, Head, HeadMoved, LogStore
from release.log.chain import head_of, seal_all, timestamp, verify_line
from release.log.claims import Claims
from release.log.identity import checked, fact_id
from release.world import Clock

_FIRST_PAUSE = 0.01  # seconds
_LONGEST_PAUSE = 2.0


class Writer:
    """A `LogWriter` over `store`. `budget`: seconds that one append may spend on losing against other writers.

    `patience`: seconds for which a store that does not answer is asked again.
    May be used from several threads. What it has read stays in memory; each call reads on from there.
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
    ) -> None:
        self._store = store
        self._clock = clock
        self._cancel = cancel
        self._budget = budget
        self._patience = patience
        self._jitter = jitter
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._by_id: dict[str, Entry] = {}
        self._claims = Claims()
        self._head = Head()

    @property
    def store(self) -> LogStore:
        """Where the lines are."""
        return self._store

    @property
    def head(self) -> Head:
        """The end that this writer knows."""
        return self._head

    def entries(self) -> tuple[Entry, ...]:
        """Every entry, verified."""
        with self._lock:
            self._read_on()
            return tuple(self._entries)

    def find(self, identity: str) -> Entry | None:
        """The entry with this `id`, after reading on."""
        with self._lock:
            self._read_on()
            return self._by_id.get(identity)

    def append(self, facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
        """The entries that now hold `facts`, in their order, durable; facts that were there already stay as they are.

        All that are missing are appended together or not at all. Raises `TagConflict` for a fact that
        contradicts the log (a version tag with another digest, a second release of one key), `LogError` when
        the log cannot be written.
        """
        facts = [checked(fact) for fact in facts]
        ids = [fact_id(fact) for fact in facts]
        with self._lock:
            self._append(dict(zip(ids, facts, strict=True)))
            return tuple(self._by_id[identity] for identity in ids)

    def _append(self, wanted: dict[str, dict[str, Any]]) -> None:
        started = self._clock.monotonic()
        answered = started
        pause = _FIRST_PAUSE
        while True:
            missing: list[dict[str, Any]] = []
            try:
                self._read_on()
                answered = self._clock.monotonic()
                missing = [fact for identity, fact in wanted.items() if identity not in self._by_id]
                lines = self._sealed(missing)
                self._store.append(lines, self._head)
            except HeadMoved:
                self._require_time(started)
            except LogUnavailable:
                # The outcome may be unknown: reading on tells, as soon as there is an answer.
                if self._clock.monotonic() - answered >= self._patience:
                    raise
            except LogCorrupt:
                raise
            except LogError:
                # As above. Once the entries are seen, appending nothing settles them.
                if not missing or not self._arrived(wanted):
                    raise
            else:
                for line in lines:
                    self._take(verify_line(line, self._head))
                return
            self._cancel.wait(pause * self._jitter())
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _sealed(self, facts: Sequence[dict[str, Any]]) -> list[bytes]:
        self._claims.require_free(facts)
        return seal_all(facts, self._head, timestamp(self._clock.now()))

    def _arrived(self, wanted: dict[str, dict[str, Any]]) -> bool:
        try:
            self._read_on()
        except LogCorrupt:
            raise
        except LogError:
            return False
        return wanted.keys() <= self._by_id.keys()

    def _require_time(self, started: float) -> None:
        if self._clock.monotonic() - started >= self._budget:
            raise LogError(
                f"version log `{self._store.name}` is written by others all the time: "
                f"{self._budget:g} s were not enough to append to it",
                hint="run again",
            )

    def _read_on(self) -> None:
        for entry in self._store.read(self._head.seq):
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        self._entries.append(entry)
        # The first of two entries with one id is the fact; a second can only come from outside the writer.
        self._by_id.setdefault(str(entry.fields.get("id", "")), entry)
        self._claims.add(entry.fields)
        self._head = head_of(entry)
