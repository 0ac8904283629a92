"""A SQLite index beside a long log file: where a digest stands, and what a tag held when.

It holds positions only; what is answered is read from the log and checked there. It follows the log by itself and
may be deleted at any time.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from typing import Any

import msgspec

from release.errors import LogCorrupt
from release.log import Entry, Head
from release.log.chain import Malformed, read_line
from release.log.fold import fold, tags_set
from release.log.jsonl import scan
from release.log.questions import Mention, TagHistory, TagThen, digests_of, find
from release.log.record import LINE_LIMIT
from release.log.state import TagHold
from release.log.stores.syscalls import Files, OsFiles

_VERSION = 1
_BATCH = 20_000  # entries of one transaction
_TABLES = """
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER, seq INTEGER, hash TEXT, start INTEGER, size INTEGER);
CREATE TABLE digest (prefix INTEGER, seq INTEGER, start INTEGER, PRIMARY KEY (prefix, seq)) WITHOUT ROWID;
CREATE TABLE plan (key INTEGER, seq INTEGER, start INTEGER, PRIMARY KEY (key, seq)) WITHOUT ROWID;
CREATE TABLE place (id INTEGER PRIMARY KEY, target TEXT, tag TEXT, UNIQUE (tag, target));
CREATE TABLE hold (place INTEGER, seq INTEGER, at TEXT, digest INTEGER, start INTEGER, PRIMARY KEY (place, seq)) WITHOUT ROWID;
"""  # noqa: E501 - a table a line
_DIGITS = 15  # of a digest, hexadecimal, fit into SQLite's integers


class _Place(msgspec.Struct, frozen=True):
    """Where a tag is: its number in the index, and its names."""

    number: int
    target: str
    tag: str


class FileIndex:
    """The index of the log file at `path`, kept at `index`. Raises `sqlite3.Error` where it cannot be kept.

    index: a file in a folder that nobody else can write, because SQLite runs what a prepared database holds.
    """

    def __init__(self, path: str, index: str, *, files: Files | None = None) -> None:
        self._path = path
        self._index = index
        self._files = files or OsFiles()
        self._fd = self._files.open_read(path)
        try:
            self._base = self._opened()
        except BaseException:
            self._files.close(self._fd)
            raise

    def close(self) -> None:
        """Close log and index."""
        self._base.close()
        self._files.close(self._fd)

    def find(self, digest: str) -> tuple[Mention, ...]:
        """See `questions.find`. `digest`: `sha256:` and at least 7 digits."""
        digits = digest.removeprefix("sha256:")[:_DIGITS]
        low = int(digits.ljust(_DIGITS, "0"), 16)
        high = int(digits.ljust(_DIGITS, "f"), 16)
        query = "SELECT start FROM digest WHERE prefix BETWEEN ? AND ? ORDER BY seq"
        starts = dict.fromkeys(start for (start,) in self._base.execute(query, (low, high)))
        return find((self._entry(start) for start in starts), digest)

    def at(self, tag: str, time: str) -> tuple[TagThen, ...]:
        """See `questions.at`."""
        found = []
        for place in self._places(tag):
            query = "SELECT seq, start FROM hold WHERE place = ? AND at <= ? ORDER BY seq DESC LIMIT 1"
            row = self._base.execute(query, (place.number, time)).fetchone()
            if row is None:
                continue
            hold = self._hold(place, row[1])
            query = "SELECT at FROM hold WHERE place = ? AND seq > ? ORDER BY seq LIMIT 1"
            later = self._base.execute(query, (place.number, row[0])).fetchone()
            if hold.digest:
                until = later[0] if later else None
                found.append(TagThen(target=place.target, tag=place.tag, hold=hold, until=until))
        return tuple(found)

    def history(self, tag: str) -> tuple[TagHistory, ...]:
        """See `questions.history`."""
        query = "SELECT start FROM hold WHERE place = ? ORDER BY seq"
        return tuple(
            TagHistory(
                target=place.target,
                tag=place.tag,
                holds=tuple(
                    self._hold(place, start) for (start,) in self._base.execute(query, (place.number,))
                ),
            )
            for place in self._places(tag)
        )

    # Answers come from the log.

    def _places(self, tag: str) -> list[_Place]:
        _, _, name = tag.rpartition(":")
        query = "SELECT id, target, tag FROM place WHERE tag = ? ORDER BY id"
        places = [_Place(*row) for row in self._base.execute(query, (name,))]
        return [place for place in places if tag in (place.tag, f"{place.target}:{place.tag}")]

    def _hold(self, place: _Place, start: int) -> TagHold:
        entry = self._entry(start)
        before = self._plan_of(entry)
        holds = fold([*before, entry]).holds.get((place.target, place.tag), ())
        if not holds:
            raise LogCorrupt(
                f"the index of `{self._path}` does not fit it", hint="`shipmark cache clean` removes it"
            )
        return holds[-1]

    def _plan_of(self, entry: Entry) -> list[Entry]:
        """The plan that says which version the entry's release is."""
        query = "SELECT start FROM plan WHERE key = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
        key = _number(str(entry.fields.get("release", "")))
        row = self._base.execute(query, (key, entry.seq)).fetchone()
        return [self._entry(row[0])] if row else []

    def _entry(self, start: int) -> Entry:
        data = b""
        for chunk in self._files.read(self._fd, start):
            data += chunk
            line, ended, _ = data.partition(b"\n")
            if ended or len(data) > LINE_LIMIT:
                break
        try:
            return read_line(line)
        except Malformed as error:
            raise LogCorrupt(f"the log has no entry at byte {start} any more: {error}") from error

    # Following the log.

    def _opened(self) -> sqlite3.Connection:
        path = self._index
        try:
            return self._followed(path)
        except (sqlite3.DatabaseError, LookupError) as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            # Not an index, another version's, or another log's: made anew.
            for name in (path, f"{path}-wal", f"{path}-shm"):
                with suppress(FileNotFoundError):
                    os.unlink(name)
            return self._followed(path)

    def _followed(self, path: str) -> sqlite3.Connection:
        base = sqlite3.connect(path, isolation_level=None, timeout=30.0)
        try:
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=NORMAL")
            base.execute("PRAGMA cache_size=-65536")
            base.execute("BEGIN IMMEDIATE")
            if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
                for statement in filter(None, map(str.strip, _TABLES.split(";"))):
                    base.execute(statement)
                base.execute("INSERT INTO state VALUES (1, ?, -1, ?, 0, 0)", (_VERSION, Head().hash))
            self._follow(base)
            base.execute("COMMIT")
        except BaseException:
            base.close()
            raise
        return base

    def _follow(self, base: sqlite3.Connection) -> None:
        version, seq, digest, start, size = base.execute(
            "SELECT version, seq, hash, start, size FROM state"
        ).fetchone()
        if version != _VERSION or not self._fits(seq, digest, start, size):
            raise LookupError("the index is of another log")
        filler = _Filler(base)
        for entry, length in scan(self._files.read(self._fd, size), Head(seq=seq, hash=digest)):
            filler.add(entry, size)
            start, size = size, size + length
            if filler.count >= _BATCH:
                filler.flush(entry, start, size)
                base.execute("COMMIT")
                base.execute("BEGIN IMMEDIATE")
        filler.flush(None, start, size)

    def _fits(self, seq: int, digest: str, start: int, size: int) -> bool:
        """Whether the last entry that was indexed is still where it was."""
        if seq < 0:
            return True
        if self._files.facts(self._fd).size < size:
            return False
        try:
            return bool(self._entry(start).fields["hash"] == digest)
        except LogCorrupt:
            return False


class _Filler:
    """Collects rows, and writes them sorted: rows in order go to the end of a B-tree, others all over it."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self.count = 0
        self._base = base
        self._last: Entry | None = None
        self._digests: list[tuple[int, int, int]] = []
        self._plans: list[tuple[int, int, int]] = []
        self._holds: list[tuple[int, int, str, int, int]] = []
        self._places: dict[tuple[str, str], int] = {}
        self._held: dict[int, int] = {}

    def add(self, entry: Entry, start: int) -> None:
        fields = entry.fields
        seq = entry.seq
        self.count += 1
        self._last = entry
        for mentioned in {digest for digest, _ in digests_of(fields) if digest}:
            self._digests.append((_number(mentioned.removeprefix("sha256:")), seq, start))
        if entry.kind == "planned":
            self._plans.append((_number(str(fields.get("release", ""))), seq, start))
        for target, tag, digest in tags_set(fields):
            place = self._place(target, tag)
            held = _number(digest.removeprefix("sha256:"))
            if self._held_by(place) != held:
                self._held[place] = held
                self._holds.append((place, seq, str(fields.get("at", "")), held, start))

    def flush(self, entry: Entry | None, start: int, size: int) -> None:
        last = entry or self._last
        self._base.executemany("INSERT OR IGNORE INTO digest VALUES (?, ?, ?)", sorted(self._digests))
        self._base.executemany("INSERT OR IGNORE INTO plan VALUES (?, ?, ?)", sorted(self._plans))
        self._base.executemany("INSERT INTO hold VALUES (?, ?, ?, ?, ?)", sorted(self._holds))
        if last is not None:
            row: tuple[Any, ...] = (last.seq, last.fields["hash"], start, size)
            self._base.execute("UPDATE state SET seq = ?, hash = ?, start = ?, size = ?", row)
        self.count = 0
        self._digests, self._plans, self._holds = [], [], []

    def _place(self, target: str, tag: str) -> int:
        number = self._places.get((target, tag))
        if number is None:
            self._base.execute("INSERT OR IGNORE INTO place (target, tag) VALUES (?, ?)", (target, tag))
            query = "SELECT id FROM place WHERE target = ? AND tag = ?"
            number = int(self._base.execute(query, (target, tag)).fetchone()[0])
            self._places[(target, tag)] = number
        return number

    def _held_by(self, place: int) -> int | None:
        if place not in self._held:
            query = "SELECT digest FROM hold WHERE place = ? ORDER BY seq DESC LIMIT 1"
            row = self._base.execute(query, (place,)).fetchone()
            if row is None:
                return None
            self._held[place] = row[0]
        return self._held[place]


def _number(digits: str) -> int:
    """The first hexadecimal digits as a number; what is not a digest becomes -1."""
    try:
        return int(digits[:_DIGITS].ljust(_DIGITS, "0"), 16) if digits else -1
    except ValueError:
        return -1
