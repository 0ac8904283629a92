"""The version log in a database, SQLite or PostgreSQL: one transaction for each append."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from release.control import Cancel
from release.errors import LogCorrupt, LogError
from release.filesystem.workspace_paths import is_below
from release.log import Entry, Head, HeadMoved
from release.log.chain import envelope_of, head_of, verify_all
from release.log.stores.sql.checks import database_error, require_fit, require_rights, require_visible
from release.log.stores.sql.damage import head_after, lost
from release.log.stores.sql.schema import INDEX_REVISION, engine_of
from release.log.stores.sql.session import SqlSession
from release.log.stores.sql.transaction import (
    PAGE,
    Locked,
    NoHead,
    head_in,
    lines_behind,
    locked,
    transaction,
)
from release.log.stores.sql.urls import located, name_of, parse_url


class SqlStore:
    """A `LogStore` in the tables that `sql_migrate` makes.

    `url`: `postgresql://user:password@host/database` or `sqlite:///path`. `workspace`: the repository's top folder,
    from which a relative path is taken; a SQLite file below it is not reached through a symlink (`RefusedError`).
    """

    def __init__(self, url: str, *, cancel: Cancel, workspace: str | None = None) -> None:
        named = parse_url(url)
        parsed = located(named, workspace)
        self._name = name_of(named)
        self._is_postgres = parsed.get_backend_name() == "postgresql"
        self._path = None if self._is_postgres else parsed.database
        self._session = SqlSession(engine_of(parsed, workspace=workspace), cancel)
        self._cancel = cancel
        self._checked = False
        self._revision = ""
        # A SQLite file in the workspace may be an outsider's: its tables are not taken for an index.
        self._is_own = self._path is None or not is_below(self._path, workspace)
        # The newest line that was read or appended, and the resulting head: `_base` need not verify that line again.
        self._last = (b"", Head())
        self._turn: Locked | None = None

    @property
    def name(self) -> str:
        """The store's name in messages, without user and password."""
        return self._name

    @property
    def local(self) -> bool:
        """Whether the database is a SQLite file on this machine."""
        return not self._is_postgres

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._session.close()

    def head(self) -> Head:
        """See `LogStore.head`."""
        with self._visible(), self._reading() as connection:
            return head_in(connection)

    def read(self, after: int = -1) -> Iterator[Entry]:
        """See `LogStore.read`."""
        with self._visible():
            yield from self._read(after)

    def _read(self, after: int) -> Iterator[Entry]:
        head = Head()
        # Reading begins with entry `after` itself: its hash is needed to verify the entry that follows it.
        position = after - 1
        end: Head | None = None
        while True:
            with self._reading() as connection:
                if end is None:  # the head is read before the lines: other writers may append meanwhile
                    end = self._turn.head if self._turn is not None else head_in(connection)
                lines = self._ahead(position) or lines_behind(connection, position)
            if position < after:
                head = head_after(self._name, lines, after, self._last)
                lines = lines[1:] if after >= 0 else lines
                full = len(lines) >= PAGE - 1
            else:
                full = len(lines) == PAGE
            for entry in verify_all(lines, head):
                if entry.seq == end.seq and head_of(entry) != end:
                    raise lost(self._name, end, f"entry {entry.seq} is another one")
                yield entry
            if lines:
                head = head_of(entry)
                self._last = lines[-1], head
            position = head.seq
            if not full:
                break
        if head.seq < end.seq:
            raise lost(
                self._name, end, f"the entries end with {head.seq}" if head.seq >= 0 else "there are none"
            )

    def has_index(self) -> bool:
        """Whether the database has the tables of the index, and they can be taken for one."""
        with self._reading():
            return self._is_own and self._revision >= INDEX_REVISION

    def lines(self, first: int, count: int) -> list[bytes]:
        """The lines of at most `count` entries from position `first` on. They are not verified."""
        with self._reading() as connection:
            return lines_behind(connection, first - 1, count)

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        """See `LogStore.append`. Stored entries need not be made durable, since every commit is durable."""
        if not lines:
            return
        head, rows = expected, []
        for line in lines:
            made = envelope_of(line, head)
            head = Head(seq=made.seq, hash=made.hash)
            rows.append(
                {"seq": made.seq, "hash": made.hash, "prev": made.prev, "id": made.id, "line": line.decode()}
            )
        with self._visible(), self._locked() as turn:
            if turn.head.seq < expected.seq:
                raise LogCorrupt(
                    f"version log `{self._name}` has entry {expected.seq}, and `log_head` says that entry "
                    f"{turn.head.seq} is the last",
                    hint="somebody changed `log_head`, or this is a copy that lags behind: restore the database",
                )
            if turn.head != expected:
                raise HeadMoved
            turn.add(rows, head)
        self._last = lines[-1], head

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See `Exclusive.turn`: one transaction for reading and appending, which locks the head row first."""
        with self._visible(), self._locked(self._last[1].seq - 1) as turn:
            self._turn = turn
            try:
                yield
            finally:
                self._turn = None

    @property
    def locks_itself_out(self) -> bool:
        """Whether another transaction would wait for the present turn: SQLite locks the whole database."""
        return self._turn is not None and not self._is_postgres

    def check_writable(self) -> None:
        """See `LogStore.check_writable`."""
        with self.connected("written") as connection, transaction(connection):
            if self._is_postgres:
                require_rights(connection, self._name)
            elif self._path is not None and not os.access(self._path, os.W_OK):
                raise LogError(
                    f"version log `{self._name}` may not be written by this user",
                    hint="give this user the right to write the file and its folder",
                )

    def _ahead(self, position: int) -> list[bytes]:
        """Lines after `position` from the round trip that took the lock; [] if it read other lines or none."""
        if self._turn is None or self._turn.behind != position:
            return []
        lines, self._turn.lines = self._turn.lines, []
        return lines

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if self._turn is not None:
            yield self._turn.connection
            return
        with self.connected("read") as connection:
            yield connection

    @contextmanager
    def connected(self, done: str) -> Iterator[Connection]:
        """Lend a connection, for what is `done` (`read`, `written`). The driver's errors become those of the log."""
        with self._translated(done), self._session.use() as connection:
            if not self._checked:
                self._revision = require_fit(connection, self._name, self._path)
                self._checked = True
            yield connection

    @contextmanager
    def _locked(self, behind: int | None = None) -> Iterator[Locked]:
        """The transaction of the current turn, else a new one that ends with the body."""
        if self._turn is not None:
            yield self._turn
            return
        with self.connected("written") as connection, locked(connection, behind) as turn:
            yield turn

    @contextmanager
    def _visible(self) -> Iterator[None]:
        """Report rows that row-level security hides as such, and not as damage."""
        try:
            yield
        except LogCorrupt:
            # The connection of the failed statement is closed: ask on another.
            with suppress(SQLAlchemyError), self._session.use() as connection:
                require_visible(connection, self._name)
            raise

    @contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            # `UNIQUE (prev)` failed: another client appended without the lock. This counts as a lost race.
            raise HeadMoved from error
        except NoHead as error:
            raise LogCorrupt(
                f"version log `{self._name}` has no head: its table `log_head` has no row",
                hint="`shipmark log migrate` makes the row again from the entries; `log verify --anchor N:HASH` shows "
                "whether entries are gone, too",
            ) from error
        except DBAPIError as error:
            self._session.close()
            self._cancel.check()
            raise self._translation(error, done) from error
        except SQLAlchemyError as error:
            self._cancel.check()
            raise LogError(
                f"version log `{self._name}` cannot be {done}: {_first_line(error)}",
                hint="check `log.url`, and the log of the database server",
            ) from error

    def _translation(self, error: DBAPIError, done: str) -> LogError:
        cause = error.orig or error
        message = f"version log `{self._name}` cannot be {done}: {_first_line(cause)}"
        return database_error(message, cause, self._path)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
