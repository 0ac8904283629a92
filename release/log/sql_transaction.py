"""Transactions on the SQL log, in few trips: with many writers it is the trips under the lock that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from release.log import Head
from release.log.sql_schema import ENTRY, HEAD

#: Lines of one query.
PAGE = 2000

# What a transaction begins with, in one trip. The limits are the transaction's own: with a pooler in between, what
# is set for a session reaches strangers. A client that froze must not keep the head for long. SQLite's driver
# would begin at the first write, too late for a lock on what was read.
_BEGIN = {
    "postgresql": "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '30s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '30s'",
    "sqlite": "BEGIN IMMEDIATE",
}
_HEAD = select(HEAD.c.seq, HEAD.c.hash).where(HEAD.c.id == 1)
_LOCKED_HEAD = "SELECT seq, hash FROM log_head WHERE id = 1 FOR UPDATE"
_UPDATE = update(HEAD).where(HEAD.c.id == 1)

Begun = TypeVar("Begun")


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Commit what the body does, or nothing of it."""
    with _ended(connection, lambda: connection.exec_driver_sql(_BEGIN[connection.dialect.name])):
        yield


@contextmanager
def locked(connection: Connection, behind: int | None = None) -> Iterator[tuple[Head, list[bytes]]]:
    """A transaction in which nobody else appends, with the head and, when asked for, the first lines behind a `seq`."""
    with _ended(connection, lambda: _lock(connection, behind)) as begun:
        yield begun


def head_in(connection: Connection) -> Head:
    """The head as it is now."""
    row = connection.execute(_HEAD).one()
    return Head(seq=row.seq, hash=row.hash)


def lines_behind(connection: Connection, seq: int) -> list[bytes]:
    """The first `PAGE` lines above `seq`."""
    query = select(ENTRY.c.line).where(ENTRY.c.seq > seq).order_by(ENTRY.c.seq).limit(PAGE)
    return [line.encode() for line in connection.scalars(query)]


def insert_lines(connection: Connection, rows: list[dict[str, Any]], head: Head) -> None:
    """Add the rows and move the head; PostgreSQL does both in one statement."""
    if connection.dialect.name == "postgresql" and len(rows) == 1:
        moved = _UPDATE.values(seq=head.seq, hash=head.hash).cte("moved")
        connection.execute(insert(ENTRY).values(rows[0]).add_cte(moved))
        return
    connection.execute(insert(ENTRY), rows)
    connection.execute(_UPDATE, {"seq": head.seq, "hash": head.hash})


@contextmanager
def _ended(connection: Connection, begin: Callable[[], Begun]) -> Iterator[Begun]:
    try:
        yield begin()
    except BaseException:
        with suppress(SQLAlchemyError):
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def _lock(connection: Connection, behind: int | None) -> tuple[Head, list[bytes]]:
    if connection.dialect.name == "postgresql":
        return _lock_postgres(connection, behind)
    connection.exec_driver_sql(_BEGIN["sqlite"])
    return head_in(connection), lines_behind(connection, behind) if behind is not None else []


def _lock_postgres(connection: Connection, behind: int | None) -> tuple[Head, list[bytes]]:
    """Begin, lock, read: statements of one trip, each of which sees what was committed before it began."""
    statements = [_BEGIN["postgresql"], _LOCKED_HEAD]
    if behind is not None:
        # Numbers of ours: a trip of several statements takes no parameters.
        statements.append(f"SELECT line FROM log_entry WHERE seq > {behind:d} ORDER BY seq LIMIT {PAGE:d}")  # noqa: S608
    driver: Any = connection.connection
    try:
        with closing(driver.cursor()) as cursor:
            cursor.execute("; ".join(statements))
            results = []
            while True:
                if cursor.description is not None:
                    results.append(cursor.fetchall())
                if not cursor.nextset():
                    break
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(None, None, error) from error
    (head,), *rest = results
    return Head(seq=head[0], hash=head[1]), [line.encode() for (line,) in rest[0]] if rest else []
