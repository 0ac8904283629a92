"""Reads a log through its catalog: new entries only, and again while the store is unavailable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from release.control import Cancel
from release.errors import LogUnavailable
from release.log import Entry, Head, LogStore
from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import entry_of, of_release
from release.log.catalog.tables import IndexFailed
from release.log.catalog.view import LogView
from release.log.fold import Folding
from release.log.lazy_entries import Entries
from release.log.state import LogState
from release.ports import Clock

# Seconds between attempts, doubled from the first to the longest, times a jitter that spreads competing writers.
# The first pause suits a file or database, where an append takes milliseconds.
# The longest pause suits git, where each attempt is a fetch and a push.
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 2.0

T = TypeVar("T")


def spread() -> float:
    """A factor from 0 to 1 that spreads competing writers."""
    import random  # imported late: only writers that lose a race need it

    return random.random()  # noqa: S311 - spreads writers, and protects nothing


class Reader:
    """Reads the log of `store`. Thread-safe. Each call reads only new entries.

    `catalog`: makes the catalog at the first use, with an index that it may fill or not; by default one without an
    index, which holds every line. `patience`: seconds from the start of a read after the first one, during which an
    unavailable store is tried again.
    """

    def __init__(
        self,
        store: LogStore,
        *,
        clock: Clock,
        cancel: Cancel,
        patience: float,
        jitter: Callable[[], float],
        catalog: Callable[[bool], Catalog] | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._cancel = cancel
        self._patience = patience
        self._jitter = jitter
        # Serialises the calls of several threads, which read and change all members below, and a writer's appends.
        # Without the lock, two threads would seal their entries after one head.
        # Reentrant: a view's questions take it, too.
        self._lock = threading.RLock()
        self._make_catalog = catalog
        self._fold = Folding()
        self._has_read = False

    @cached_property
    def _catalog(self) -> Catalog:
        return self._make_catalog(True) if self._make_catalog is not None else Catalog()

    @property
    def store(self) -> LogStore:
        """The store that holds the lines."""
        return self._store

    @property
    def head(self) -> Head:
        """The log's end as of this writer's latest read or append."""
        return self._catalog.head

    def entries(self) -> Sequence[Entry]:
        """Every entry, verified."""
        with self._lock:
            self._patiently(self._read_on)
            return Entries(self._catalog, self._catalog.head.seq + 1)

    def view(self) -> LogView:
        """The state of the log now, for questions. New entries are read first."""
        with self._lock:
            self._patiently(self._read_on)
            return LogView(self._catalog, self._lock, self._folded)

    def _folded(self) -> LogState:
        """The fold of every entry. Each entry is folded once, however often this is called."""
        with self._lock:
            count = self._catalog.head.seq + 1
            for position in range(self._fold.seq + 1, count):
                self._fold.add(self._catalog.at(position).fields)
            return self._fold.state()

    def find(self, fact: dict[str, Any]) -> Entry | None:
        """Read new entries; return the entry that holds the fact, or None."""
        with self._lock:
            return self._patiently(lambda: self._asked(lambda: entry_of(self._catalog, fact)))

    def of_release(self, key: str) -> Sequence[Entry]:
        """Read new entries; return those of the release, oldest first."""
        with self._lock:
            return self._patiently(lambda: self._asked(lambda: of_release(self._catalog, key)))

    def _read_on(self) -> None:
        try:
            if self._has_lost_index:
                self._open_catalog_again()
            self._catalog.follow(self._store.read(self._catalog.head.seq))
        except IndexFailed:
            self._open_catalog_again()
            self._catalog.follow(self._store.read(self._catalog.head.seq))
        self._has_read = True

    def _patiently(self, read: Callable[[], T]) -> T:
        """Read; try again while the store is unavailable.

        The first read raises at once: its log may be misconfigured, and the command has done nothing yet.
        """
        started, pause = self._clock.monotonic(), FIRST_PAUSE
        while True:
            try:
                return read()
            except LogUnavailable:
                if not self._has_read or self._clock.monotonic() - started >= self._patience:
                    raise
            self._cancel.wait(pause * self._jitter())
            pause = min(pause * 2, LONGEST_PAUSE)

    def _asked(self, question: Callable[[], T]) -> T:
        """Read new entries and answer the question, with the index opened again if it was made anew meanwhile."""
        self._read_on()
        try:
            return question()
        except IndexFailed:
            self._read_on()
            return question()

    @property
    def _has_lost_index(self) -> bool:
        return self._catalog.index is not None and self._catalog.index.is_lost

    def _open_catalog_again(self) -> None:
        # Without filling the index: what it held before is sound, or it is not opened.
        self._catalog = self._make_catalog(False) if self._make_catalog is not None else Catalog()
