"""The connection of a SQL store: kept between calls, and shut down at once when the run is cancelled."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection, Engine

from release.control import Cancel


class SqlSession:
    """Lends the kept connection of `engine` to one caller at a time; other callers get new connections meanwhile."""

    def __init__(self, engine: Engine, cancel: Cancel) -> None:
        self._engine = engine
        self._cancel = cancel
        self._kept: list[_Wired] = []  # at most one connection; list operations are atomic

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """Lend a connection to a `with` body. After an error the connection is closed, since its state is unknown."""
        wired = self._kept.pop() if self._kept else _Wired(self._engine.connect())
        try:
            with self._cancel.on_cancel(wired.wake):
                yield wired.connection
        except BaseException:
            wired.close()
            raise
        if self._kept:
            wired.close()
        else:
            self._kept.append(wired)

    def close(self) -> None:
        """Close the kept connection; the next `use` opens a new one."""
        while self._kept:
            self._kept.pop().close()
        self._engine.dispose()


class _Wired:
    """A connection that another thread can interrupt while it waits for the server."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._wire: socket.socket | None = None
        if connection.dialect.name == "postgresql":
            driver: Any = connection.connection.driver_connection
            # A duplicate of the driver's descriptor, which stays valid until `close`.
            # The driver may close its own before `wake` is called, and the number may then belong to another file.
            self._wire = socket.socket(fileno=os.dup(driver.fileno()))

    @property
    def wake(self) -> Any:
        return partial(self._wire.shutdown, socket.SHUT_RDWR) if self._wire is not None else _nothing

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self.connection.close()


def _nothing() -> None:
    """Do nothing: SQLite uses no socket, and waits for at most `_BUSY_TIMEOUT` seconds."""
