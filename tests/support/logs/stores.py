"""Opens a log store from a JSON description, so that a child process can open the store of its parent."""

from __future__ import annotations

import os
import time
from typing import Any

from release.control import Cancel
from release.log import LogStore
from release.log.catalog import catalog
from release.log.catalog.open import open_catalog
from release.log.catalog.tables import BLOCK
from release.log.stores.file.store import FileStore
from release.log.writer import Writer
from release.programs.processes import Processes
from tests.support.programs.environment import hermetic_git


class SystemClock:
    """Clock port that reads the machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


def open_store(description: dict[str, Any], cancel: Cancel | None = None) -> LogStore:
    """Open the store of `description`.

    `description`: `{"store": "file", "path"}`, `{"store": "sql", "url"}` or `{"store": "git", "url", "cache"}`.
    """
    cancel = cancel or Cancel()
    match description["store"]:
        case "file":
            return FileStore(description["path"], cancel=cancel, monotonic=time.monotonic)
        # Imported late: a worker that is killed and started again shall not load what it does not use.
        case "sql":
            from release.log.stores.sql.store import SqlStore

            return SqlStore(description["url"], cancel=cancel)
        case "git":
            from release.log.stores.git.remote import GitRemote
            from release.log.stores.git.store import GitStore

            remote = GitRemote(
                process=Processes(cancel),
                env={**os.environ, **hermetic_git()},
                # A cache for each process, as on runners that share nothing.
                cache=f"{description['cache']}/{os.getpid()}/log.git",
                url=description["url"],
                name="log at origin",
                cancel=cancel,
                monotonic=time.monotonic,
            )
            return GitStore(remote, name="log at origin")
        case other:
            raise ValueError(other)


def open_writer(description: dict[str, Any]) -> Writer:
    """Open the log for writing in a process of its own.

    With `indexes`, a folder, in the description, the writer keeps an index of every whole block, in that folder or in
    the tables of the database: logs of a few blocks are indexed as logs of many are.
    """
    cancel = Cancel()
    store = open_store(description, cancel)
    if "indexes" not in description:
        return Writer(store, clock=SystemClock(), cancel=cancel)
    catalog.LARGEST_TAIL = catalog._PORTION = catalog._PORTION_SHARED = BLOCK
    return Writer(
        store,
        clock=SystemClock(),
        cancel=cancel,
        catalog=lambda may_fill: open_catalog(
            store, lambda: str(description["indexes"]), program="test", worth=1, may_fill=may_fill
        ),
    )
