"""The database of an index in a SQLite file of the user's cache folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Any

from release.log.catalog.tables import TABLES, IndexFailed, Table, definition

_TYPES = {"number": "INTEGER", "text": "TEXT", "bytes": "BLOB"}
# Seconds to wait for another process that fills the index; a million entries take ten.
_TIMEOUT = 30.0
# Rows that one statement inserts: for most rows, starting a statement takes longer than the insertion. SQLite allows
# 999 values in a statement, in versions before 3.32.
_TOGETHER = 100


class SqliteRows:
    """`Rows` in the file at `path`, which is made if it is missing.

    path: must lie in a folder that only this user can write. A database that somebody else prepared can hold triggers
    and views, which run when SQLite uses it. Methods raise `IndexFailed`, the constructor `OSError`, too.
    """

    is_shared = False

    def __init__(self, path: str) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        with _failing():
            self._base = sqlite3.connect(
                path, isolation_level=None, timeout=_TIMEOUT, check_same_thread=False
            )
            self._prepare()

    def _prepare(self) -> None:
        try:
            # The index may lose its last transactions in a power cut, and is then filled again from the log.
            for pragma in (
                "trusted_schema=OFF",
                "journal_mode=WAL",
                "synchronous=NORMAL",
                "cache_size=-16384",
            ):
                self._base.execute(f"PRAGMA {pragma}")
            if not self._base.execute("SELECT 1 FROM sqlite_master WHERE name = 'log_index'").fetchone():
                with self.transaction():
                    for table in TABLES:
                        statement = definition(table, _TYPES, clustered=True)
                        self._base.execute(statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        except BaseException:
            self._base.close()
            raise

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """See `Rows.ask`."""
        with _failing():
            return self._base.execute(query, values).fetchall()

    def change(self, statement: str, *values: Any) -> None:
        """See `Rows.change`."""
        with _failing():
            self._base.execute(statement, values)

    def add(self, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
        """See `Rows.add`."""
        source = iter(rows)
        with _failing():
            while group := list(islice(source, _TOGETHER)):
                marks = ", ".join([f"({', '.join('?' * len(table.columns))})"] * len(group))
                # S608: the name comes from `TABLES`.
                statement = f"INSERT OR IGNORE INTO {table.name} VALUES {marks}"  # noqa: S608
                self._base.execute(statement, list(chain.from_iterable(group)))

    @contextmanager
    def transaction(self) -> Iterator[bool]:
        """See `Rows.transaction`. Waits for other processes."""
        self.change("BEGIN IMMEDIATE")
        try:
            yield True
            self.change("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._base.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """See `Rows.close`."""
        self._base.close()


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise IndexFailed(
            f"the index of the version log cannot be used: {error}",
            hint="`shipmark cache clean` removes the index; the next command makes it again",
        ) from error


def remove(path: str) -> None:
    """Delete the database at `path`."""
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with suppress(FileNotFoundError):
            os.unlink(name)
