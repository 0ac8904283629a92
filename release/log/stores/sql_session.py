"""The connection of a SQL store: kept between calls, and let go of at once when the run is cancelled."""

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
    """Lends one connection of `engine` to one caller at a time; whoever comes meanwhile gets another."""

    def __init__(self, engine: Engine, cancel: Cancel) -> None:
        self._engine = engine
        self._cancel = cancel
        self._kept: list[_Wired] = []  # at most one; list operations are atomic

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """A connection for the body. What fails in the body may leave it in any state, so it is given back."""
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
        """Close the connections; `use` opens another."""
        while self._kept:
            self._kept.pop().close()
        self._engine.dispose()


class _Wired:
    """A connection, and how to end its wait for the server from another thread."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._wire: socket.socket | None = None
        if connection.dialect.name == "postgresql":
            driver: Any = connection.connection.driver_connection
            # A descriptor of our own: the driver's may be closed, and its number another file's, by then.
            self._wire = socket.socket(fileno=os.dup(driver.fileno()))

    @property
    def wake(self) -> Any:
        return partial(self._wire.shutdown, socket.SHUT_RDWR) if self._wire is not None else _nothing

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self.connection.close()


def _nothing() -> None:
    """SQLite waits for nobody for long."""
