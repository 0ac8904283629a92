"""The tables of the index, and its ports: to them, in SQLite or PostgreSQL, and to the entries of the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from release.errors import LogError
from release.log import Entry

#: Number of the layout of the tables and of what they hold. An index with another number is made again, never migrated.
FORMAT = 1
#: Entries of one block, the unit in which the index lists entries. Larger blocks make the index smaller, and finding
#: one entry slower: a block is read and verified as a whole, in half a millisecond.
BLOCK = 64


class Table(NamedTuple):
    """A table: its columns with their types, `number`, `text` or `bytes`, and how many of them are its primary key."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: int


#: The last entry that is indexed. `place`: where the store continues reading behind it; see `Source.place_behind`.
STATE = Table(
    "log_index",
    (
        *(("id", "number"), ("format", "number"), ("seq", "number")),
        *(("hash", "text"), ("place", "text"), ("program", "text")),
    ),
    1,
)
#: `hash`, `place`: of the entry before the block. `least_at`: the earliest `at` in the block. `lines`: the entries
#: themselves, for a store that cannot read single ones.
BLOCKS = Table(
    "log_index_block",
    (("number", "number"), ("hash", "text"), ("place", "text"), ("least_at", "text"), ("lines", "bytes")),
    1,
)
#: Which blocks have a hexadecimal term, as a number (see `terms.DIGITS`), or the hash of a text.
HEXES = Table("log_index_hex", (("prefix", "number"), ("block", "number")), 2)
TEXTS = Table("log_index_term", (("term", "number"), ("block", "number")), 2)
#: The targets and projects of the log. `releases`: how many releases a project has.
NAMES = Table("log_index_name", (("kind", "text"), ("name", "text"), ("releases", "number")), 2)
#: The released versions of each project; see `ranks`.
VERSIONS = Table(
    "log_index_version",
    (
        *(("project", "text"), ("channel", "text"), ("rank", "text"), ("release", "text")),
        *(("version", "text"), ("rebuild", "number"), ("commit_id", "text")),
    ),
    4,
)
TABLES = (STATE, BLOCKS, HEXES, TEXTS, NAMES, VERSIONS)


class Unfit(Exception):
    """Raised for an index of another format, program or log. Users never see this exception."""


class IndexFailed(LogError):
    """An index cannot be read or written: the disk is full, its file is damaged, or a right is missing."""


class Released(NamedTuple):
    """A released version, as a row of the index."""

    version: str
    rebuild: int
    commit: str
    rank: str
    release: str


class Rows(Protocol):
    """The database of an index. Statements have `?` where values go.

    Methods raise `IndexFailed` for a file in the cache folder, and `LogError` for the database of a log.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other users wait while a transaction is open, so that it must be short."""

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""

    def change(self, statement: str, *values: Any) -> None:
        """Execute a statement that returns nothing."""

    def add(self, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows; leave those out whose primary key is there already."""

    def transaction(self) -> AbstractContextManager[bool]:
        """Do what the body does all or nothing, without another process doing so meanwhile.

        Gives False if another process is at it, or if the body would wait for a lock of this one.
        """

    def close(self) -> None:
        """Close the connection."""


def first_state(program: str) -> tuple[object, ...]:
    """The row of `STATE` of an index without entries."""
    return (1, FORMAT, -1, "0" * 64, "", program)


def definition(table: Table, types: dict[str, str], *, clustered: bool) -> str:
    """The `CREATE TABLE` statement. `types`: the database's name of each type. `clustered`: `WITHOUT ROWID`."""
    columns = ", ".join(f"{name} {types[kind]}" for name, kind in table.columns)
    key = ", ".join(name for name, _ in table.columns[: table.key])
    end = " WITHOUT ROWID" if clustered and table not in (STATE, BLOCKS) else ""
    return f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({key})){end}"


class Source(Protocol):
    """Where the index finds entries in the log."""

    @property
    def keeps_lines(self) -> bool:
        """Whether the index has to keep the lines themselves, because the log is read as a whole only."""

    def lines(self, number: int, place: str, end: str) -> list[bytes]:
        """The lines of a block. `place`, `end`: of the entries before the block and at its end."""

    def place_behind(self, place: str, entries: Sequence[Entry]) -> str:
        """Where the log continues behind `entries`, which begin at `place`."""
