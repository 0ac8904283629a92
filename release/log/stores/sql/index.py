"""The tables of the index in the database of a SQL log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from release.log.catalog.tables import Table
from release.log.stores.sql.transaction import transaction

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from release.log.stores.sql.store import SqlStore

#: The name of each type of a column. PostgreSQL compares text byte by byte only where that is asked for.
TYPES = {
    "postgresql": {"number": "BIGINT", "text": 'TEXT COLLATE "C"', "bytes": "BYTEA"},
    "sqlite": {"number": "INTEGER", "text": "TEXT", "bytes": "BLOB"},
}
# PostgreSQL's types of the arrays in which rows are sent: one statement for any number of rows.
_ARRAYS = {"number": "bigint[]", "text": "text[]", "bytes": "bytea[]"}


class SqlRows:
    """`Rows` in the tables that `shipmark log migrate` makes. Raises `LogError`."""

    is_shared = True

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._connection: Connection | None = None  # of the transaction that was begun

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """See `Rows.ask`."""
        with self._connected() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(_marked(connection, query), values)]

    def change(self, statement: str, *values: Any) -> None:
        """See `Rows.change`."""
        with self._connected() as connection:
            connection.exec_driver_sql(_marked(connection, statement), values)

    def add(self, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
        """See `Rows.add`."""
        listed = list(rows)
        if not listed:
            return
        with self._connected() as connection:
            if connection.dialect.name == "postgresql":
                arrays = ", ".join(f"%s::{_ARRAYS[kind]}" for _, kind in table.columns)
                # S608, here and below: the name comes from `tables.TABLES`.
                statement = f"INSERT INTO {table.name} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608
                connection.exec_driver_sql(
                    statement, tuple(list(column) for column in zip(*listed, strict=True))
                )
                return
            marks = ", ".join("?" for _ in table.columns)
            statement = f"INSERT OR IGNORE INTO {table.name} VALUES ({marks})"  # noqa: S608
            connection.exec_driver_sql(statement, listed)

    @contextmanager
    def transaction(self) -> Iterator[bool]:
        """See `Rows.transaction`. Does not wait for another process that fills the index in PostgreSQL.

        Gives False in a turn with SQLite: the transaction would wait for the end of the turn, which waits for it.
        """
        if self._store.locks_itself_out:
            yield False
            return
        with self._store.connected("written") as connection, transaction(connection):
            alone = True
            if connection.dialect.name == "postgresql":
                query = "SELECT seq FROM log_index WHERE id = 1 FOR UPDATE SKIP LOCKED"
                alone = connection.exec_driver_sql(query).first() is not None
            self._connection = connection
            try:
                yield alone
            finally:
                self._connection = None

    def close(self) -> None:
        """Nothing to do: the connection belongs to the store."""

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        if self._connection is not None:
            yield self._connection
            return
        with self._store.connected("read") as connection:
            yield connection


def _marked(connection: Connection, statement: str) -> str:
    """The statement with the driver's own marks for values."""
    return statement.replace("?", "%s") if connection.dialect.name == "postgresql" else statement
