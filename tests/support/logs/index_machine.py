"""A machine of the model of a log's indexes: a cache folder, new processes, and one that stays open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from release.control import Cancel
from release.log import LogStore
from release.log.catalog.catalog import Catalog
from release.log.catalog.open import open_catalog
from release.log.writer import Writer
from tests.support.logs.facts import TickingClock
from tests.support.logs.stores import open_store


class Machine:
    """A machine with a cache folder, and the store and writer of a process that stays open on it."""

    def __init__(self, description: dict[str, Any], folder: Path) -> None:
        self.folder = folder
        self._description = {**description, "cache": str(folder / "git")}
        self._opened: list[LogStore] = []
        self._catalogs: list[Catalog] = []
        self._writer: Writer | None = None
        self.indexes.mkdir(parents=True)

    @property
    def indexes(self) -> Path:
        """Return the folder of the index files."""
        return self.folder / "indexes"

    def store(self) -> LogStore:
        """Open the store as a new process does."""
        opened = open_store(self._description)
        self._opened.append(opened)
        return opened

    def catalog(self, store: LogStore, may_fill: bool) -> Catalog:
        """Return the catalog of a process, with its index."""
        found = open_catalog(store, lambda: str(self.indexes), program="test", worth=1, may_fill=may_fill)
        self._catalogs.append(found)
        return found

    def writer(self) -> Writer:
        """Return the writer of a new process."""
        store = self.store()
        return Writer(
            store,
            clock=TickingClock(),
            cancel=Cancel(),
            jitter=lambda: 0.0,
            catalog=lambda may_fill: self.catalog(store, may_fill),
        )

    def old_writer(self) -> Writer:
        """Return the writer of a program that knows no index."""
        return Writer(self.store(), clock=TickingClock(), cancel=Cancel(), jitter=lambda: 0.0)

    @property
    def staying(self) -> Writer:
        """Return the writer of the process that stays open."""
        if self._writer is None:
            self._writer = self.writer()
        return self._writer

    def end(self) -> None:
        """End every process of this machine."""
        self._writer = None
        for catalog in self._catalogs:
            if catalog.index is not None:
                catalog.index.close()
        for store in self._opened:
            getattr(store, "close", lambda: None)()
        self._catalogs, self._opened = [], []
