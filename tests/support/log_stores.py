"""Log stores by description, so that a child process opens the same one. Descriptions are JSON objects."""

from __future__ import annotations

import time
from typing import Any

from release.control import Cancel
from release.log import LogStore
from release.log.file_store import FileStore
from release.log.sql_store import SqlStore
from release.log.writer import Writer


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


def open_store(description: dict[str, Any], cancel: Cancel | None = None) -> LogStore:
    """`{"store": "file", "path": …}`, ..."""
    cancel = cancel or Cancel()
    match description["store"]:
        case "file":
            return FileStore(description["path"], cancel=cancel, monotonic=time.monotonic)
        case "sql":
            return SqlStore(description["url"], cancel=cancel)
        case other:
            raise ValueError(other)


def open_writer(description: dict[str, Any]) -> Writer:
    cancel = Cancel()
    return Writer(open_store(description, cancel), clock=SystemClock(), cancel=cancel)
