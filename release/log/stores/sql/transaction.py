"""Transactions on the SQL log in few round trips: writers wait for one another during each trip under the lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from release.log import Head
from release.log.stores.sql.schema import ENTRY, HEAD
from release.log.stores.sql.wire import answers, literals

#: Lines of one query. Bounds the memory for one answer; smaller pages would need more round trips for a long log.
PAGE = 2000

# Statements that begin a transaction, in one round trip.
# PostgreSQL: SET LOCAL, because behind a pooler the settings of a session would reach other clients.
# PostgreSQL: the time limits unlock the head row when a client freezes.
# SQLite: BEGIN IMMEDIATE locks before the head is read; a plain BEGIN locks only at the first write.
_BEGIN = {
    "postgresql": "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '30s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '30s'",
    "sqlite": "BEGIN IMMEDIATE",
}
_HEAD = select(HEAD.c.seq, HEAD.c.hash).where(HEAD.c.id == 1)
_LOCKED_HEAD = "SELECT seq, hash FROM log_head WHERE id = 1 FOR UPDATE"
_UPDATE = update(HEAD).where(HEAD.c.id == 1)
_INSERT = b"INSERT INTO log_entry (seq, hash, prev, id, line) VALUES "
_TEXTS = ("hash", "prev", "id", "line")
_MOVE_AND_COMMIT = b"; UPDATE log_head SET seq = %d, hash = %b WHERE id = 1; COMMIT"


class NoHead(Exception):
    """Raised when the table `log_head` has no row. Users never see this exception."""


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run the body in a transaction, which an error rolls back."""
    try:
        connection.exec_driver_sql(_BEGIN[connection.dialect.name])
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


class Locked:
    """A transaction that keeps other writers out: it locks the head row, or with SQLite the whole database.

    `lines`: at most `PAGE` lines after entry `behind`, read in the round trip that took the lock.
    """

    def __init__(self, connection: Connection, behind: int | None, head: Head, lines: list[bytes]) -> None:
        self.connection = connection
        self.behind = behind
        self.head = head
        self.lines = lines
        self._rows: list[dict[str, Any]] = []

    def add(self, rows: list[dict[str, Any]], head: Head) -> None:
        """Collect rows and the new head, which `commit` writes."""
        self._rows += rows
        self.head = head

    def commit(self) -> None:
        """Write the collected rows and the new head, and commit; with PostgreSQL in one round trip."""
        if self._rows and self.connection.dialect.name == "postgresql":
            _commit_postgres(self.connection, self._rows, self.head)
            return
        if self._rows:
            self.connection.execute(insert(ENTRY), self._rows)
            self.connection.execute(_UPDATE, {"seq": self.head.seq, "hash": self.head.hash})
        self.connection.exec_driver_sql("COMMIT")


@contextmanager
def locked(connection: Connection, behind: int | None = None) -> Iterator[Locked]:
    """A transaction that excludes other writers. `behind`: also read the first lines after this `seq`."""
    try:
        begun = Locked(connection, behind, *_lock(connection, behind))
        yield begun
        begun.commit()
    except BaseException:
        _roll_back(connection)
        raise


def head_in(connection: Connection) -> Head:
    """Read the present head of the log."""
    row = connection.execute(_HEAD).one_or_none()
    if row is None:
        raise NoHead
    return Head(seq=row.seq, hash=row.hash)


def lines_behind(connection: Connection, seq: int, count: int = PAGE) -> list[bytes]:
    """The first `count` lines after `seq`."""
    query = select(ENTRY.c.line).where(ENTRY.c.seq > seq).order_by(ENTRY.c.seq).limit(count)
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
    """Begin, lock and read in one round trip. Each statement sees what was committed before it began."""
    statements = [_BEGIN["postgresql"], _LOCKED_HEAD]
    if behind is not None:
        # Values are formatted into the text, since several statements in one round trip take no parameters.
        # The format `d` admits only integers.
        statements.append(f"SELECT line FROM log_entry WHERE seq > {behind:d} ORDER BY seq LIMIT {PAGE:d}")  # noqa: S608
    driver: Any = connection.connection.driver_connection
    with _translated(connection):
        found, *rest = answers(driver, "; ".join(statements).encode())
    if not found.ntuples:
        raise NoHead
    head = Head(seq=int(found.get_value(0, 0)), hash=found.get_value(0, 1).decode())
    return head, [rest[0].get_value(row, 0) for row in range(rest[0].ntuples)] if rest else []


def _commit_postgres(connection: Connection, rows: list[dict[str, Any]], head: Head) -> None:
    """Insert, update the head and commit in one round trip."""
    driver: Any = connection.connection.driver_connection
    with _translated(connection):
        values = [
            b"(%d, %b)" % (row["seq"], b", ".join(literals(driver, [row[name] for name in _TEXTS])))
            for row in rows
        ]
        moved = _MOVE_AND_COMMIT % (head.seq, *literals(driver, [head.hash]))
        answers(driver, _INSERT + b", ".join(values) + moved)


@contextmanager
def _translated(connection: Connection) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy would."""
    dbapi = connection.dialect.loaded_dbapi
    try:
        yield
    except dbapi.IntegrityError as error:
        raise IntegrityError(None, None, error) from error
    except dbapi.Error as error:
        raise DBAPIError(None, None, error) from error
