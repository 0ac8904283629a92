"""Keeps rows of the page outside of memory while a long log is read: a temporary SQLite database without a name.

200,000 releases would take 600 MB as values. SQLite keeps the newest pages in memory, and the others in a file that it
deletes before it uses it, so that nothing is left behind however the process ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from release.log.page.rows import Row

# Rows of one INSERT and of one read: single ones take three times as long.
_PORTION = 500
_TABLES = """
CREATE TABLE release (key TEXT PRIMARY KEY, seq INTEGER, again INTEGER DEFAULT 0, project TEXT, digest TEXT, cells BLOB)
    WITHOUT ROWID;
CREATE TABLE promoted (project TEXT, digest TEXT, place TEXT, PRIMARY KEY (project, digest, place)) WITHOUT ROWID;
"""
_ADD = (
    "INSERT INTO release (key, seq, project, digest, cells) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET again = 1"
)
_IN_ORDER = (
    "SELECT r.cells, (SELECT group_concat(p.place, ' ') FROM promoted p "
    "WHERE p.project = r.project AND p.digest = r.digest) FROM release r ORDER BY r.seq"
)


class Spool:
    """Rows of releases by key, and places to which images were promoted."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8192"):
            self._base.execute(f"PRAGMA {pragma}")
        self._base.executescript(_TABLES)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Row)
        self._rows: list[tuple[str, int, str, str, bytes]] = []
        self._places: list[tuple[str, str, str]] = []

    def add(self, key: str, row: Row) -> None:
        """Keep the row of a release. A second row of a release is dropped, and `incomplete` names it."""
        self._rows.append((key, row.seq, row.project, row.digest, self._encoder.encode(row)))
        if len(self._rows) >= _PORTION:
            self._flush()

    def replace(self, key: str, row: Row) -> None:
        """Change the row of a release that is kept already."""
        self._flush()
        values = (row.seq, row.project, row.digest, self._encoder.encode(row), key)
        self._base.execute(
            "UPDATE release SET again = 0, seq = ?, project = ?, digest = ?, cells = ? WHERE key = ?", values
        )

    def promote(self, project: str, digest: str, place: str) -> None:
        """Keep that a project's image was promoted to a place."""
        self._places.append((project, digest, place))
        if len(self._places) >= _PORTION:
            self._flush()

    def incomplete(self) -> list[str]:
        """Keys of releases for which more than one row was added."""
        self._flush()
        return [key for (key,) in self._base.execute("SELECT key FROM release WHERE again ORDER BY seq")]

    def row(self, key: str) -> Row | None:
        """The row of a release; None if there is none."""
        self._flush()
        found = self._base.execute("SELECT cells FROM release WHERE key = ?", (key,)).fetchone()
        return self._decoder.decode(found[0]) if found is not None else None

    def count(self) -> int:
        """How many releases there are."""
        self._flush()
        (count,) = self._base.execute("SELECT count(*) FROM release").fetchone()
        return int(count)

    def rows(self) -> Iterator[tuple[Row, str]]:
        """Each release, oldest first, with the places that its image was promoted to."""
        self._flush()
        found = self._base.execute(_IN_ORDER)
        while some := found.fetchmany(_PORTION):
            for cells, places in some:
                yield self._decoder.decode(cells), places or ""

    def close(self) -> None:
        """Drop everything."""
        self._base.close()

    def _flush(self) -> None:
        if self._rows or self._places:
            self._base.execute("BEGIN")
            self._base.executemany(_ADD, self._rows)
            self._base.executemany("INSERT OR IGNORE INTO promoted VALUES (?, ?, ?)", self._places)
            self._base.execute("COMMIT")
            self._rows, self._places = [], []
