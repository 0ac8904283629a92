"""Transactions on the SQL log, in few trips: with many writers it is the trips under the lock that count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from release.log import Head
from release.log.stores.sql_schema import ENTRY, HEAD

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
_INSERT = "INSERT INTO log_entry (seq, hash, prev, id, line) VALUES "
_MOVE_AND_COMMIT = "; UPDATE log_head SET seq = %s, hash = %s WHERE id = 1; COMMIT"


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Commit what the body does, or nothing of it."""
    try:
        connection.exec_driver_sql(_BEGIN[connection.dialect.name])
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


class Locked:
    """A transaction that holds the head. `lines`: those behind `behind`, read with the lock."""

    def __init__(self, connection: Connection, behind: int | None, head: Head, lines: list[bytes]) -> None:
        self.connection = connection
        self.behind = behind
        self.head = head
        self.lines = lines
        self._rows: list[dict[str, Any]] = []

    def add(self, rows: list[dict[str, Any]], head: Head) -> None:
        """Add the rows and move the head, when the transaction ends."""
        self._rows += rows
        self.head = head

    def commit(self) -> None:
        """End the transaction; PostgreSQL is told everything at once."""
        if self._rows and self.connection.dialect.name == "postgresql":
            _commit_postgres(self.connection, self._rows, self.head)
            return
        if self._rows:
            self.connection.execute(insert(ENTRY), self._rows)
            self.connection.execute(_UPDATE, {"seq": self.head.seq, "hash": self.head.hash})
        self.connection.exec_driver_sql("COMMIT")


@contextmanager
def locked(connection: Connection, behind: int | None = None) -> Iterator[Locked]:
    """A transaction in which nobody else appends, with the head and, when asked for, the first lines behind a `seq`."""
    try:
        begun = Locked(connection, behind, *_lock(connection, behind))
        yield begun
        begun.commit()
    except BaseException:
        _roll_back(connection)
        raise


def head_in(connection: Connection) -> Head:
    """The head as it is now."""
    row = connection.execute(_HEAD).one()
    return Head(seq=row.seq, hash=row.hash)


def lines_behind(connection: Connection, seq: int) -> list[bytes]:
    """The first `PAGE` lines above `seq`."""
    query = select(ENTRY.c.line).where(ENTRY.c.seq > seq).order_by(ENTRY.c.seq).limit(PAGE)
    return [line.encode() for line in connection.scalars(query)]


def _roll_back(connection: Connection) -> None:
    with suppress(SQLAlchemyError):
        connection.exec_driver_sql("ROLLBACK")


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
    results = []
    with _translated(connection), closing(driver.cursor()) as cursor:
        cursor.execute("; ".join(statements))
        while True:
            if cursor.description is not None:
                results.append(cursor.fetchall())
            if not cursor.nextset():
                break
    (head,), *rest = results
    return Head(seq=head[0], hash=head[1]), [line.encode() for (line,) in rest[0]] if rest else []


def _commit_postgres(connection: Connection, rows: list[dict[str, Any]], head: Head) -> None:
    """Insert, move the head, commit: statements of one trip, whose values the driver quotes on our side."""
    from psycopg import ClientCursor  # late: SQLite needs none of it

    driver: Any = connection.connection.driver_connection
    statement = _INSERT + ", ".join(["(%s, %s, %s, %s, %s)"] * len(rows)) + _MOVE_AND_COMMIT
    values = [row[name] for row in rows for name in ("seq", "hash", "prev", "id", "line")]
    with _translated(connection), closing(ClientCursor(driver)) as cursor:
        cursor.execute(statement, [*values, head.seq, head.hash])


@contextmanager
def _translated(connection: Connection) -> Iterator[None]:
    """What SQLAlchemy would make of the driver's errors."""
    dbapi = connection.dialect.loaded_dbapi
    try:
        yield
    except dbapi.IntegrityError as error:
        raise IntegrityError(None, None, error) from error
    except dbapi.Error as error:
        raise DBAPIError(None, None, error) from error
