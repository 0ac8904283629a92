"""Where the index of each store finds entries in the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from release.log import Entry, Head
from release.log.catalog.tables import BLOCK
from release.log.stores.file.store import FileStore


@runtime_checkable
class ByCommit(Protocol):
    """A store that keeps each entry in a commit: `GitStore`, which is imported only where a log is in git."""

    @property
    def folder(self) -> str:
        """The folder of the private repository, which differs for each log."""

    def resume(self, head: Head, commit: str) -> bool:
        """Continue behind an entry that an earlier process verified; False if the log does not have it there."""

    def commit_of(self, seq: int) -> str:
        """The commit of an entry that this process read or appended."""


@runtime_checkable
class ByPosition(Protocol):
    """A store that reads single entries: `SqlStore`, which is imported only where a log is in a database."""

    @property
    def name(self) -> str:
        """The store's name."""

    def head(self) -> Head:
        """The present end of the log."""

    def has_index(self) -> bool:
        """Whether the database has tables that can be taken for an index."""

    def lines(self, first: int, count: int) -> list[bytes]:
        """The lines of at most `count` entries from position `first` on. They are not verified."""


class FileSource:
    """Blocks of a log file. A place is an offset in bytes."""

    keeps_lines = False

    def __init__(self, store: FileStore) -> None:
        self._store = store

    def lines(self, number: int, place: str, end: str) -> list[bytes]:
        """See `Source.lines`."""
        del number
        return self._store.part(int(place or 0), int(end or 0)).split(b"\n")[:-1]

    def place_behind(self, place: str, entries: Sequence[Entry]) -> str:
        """See `Source.place_behind`."""
        return str(int(place or 0) + sum([len(entry.raw) for entry in entries]) + len(entries))


class GitSource:
    """Blocks of a git log, kept in the index: git would need two processes to read one. A place is a commit."""

    keeps_lines = True

    def __init__(self, store: ByCommit) -> None:
        self._store = store

    def lines(self, number: int, place: str, end: str) -> list[bytes]:
        """No lines: the index keeps them."""
        del number, place, end
        return []

    def place_behind(self, place: str, entries: Sequence[Entry]) -> str:
        """See `Source.place_behind`."""
        del place
        return self._store.commit_of(entries[-1].seq)


class SqlSource:
    """Blocks of a SQL log, whose entries have their positions as primary key. There are no places."""

    keeps_lines = False

    def __init__(self, store: ByPosition) -> None:
        self._store = store

    def lines(self, number: int, place: str, end: str) -> list[bytes]:
        """See `Source.lines`."""
        del place, end
        return self._store.lines(number * BLOCK, BLOCK)

    def place_behind(self, place: str, entries: Sequence[Entry]) -> str:
        """See `Source.place_behind`."""
        del entries
        return place
