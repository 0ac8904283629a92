"""A SQLite index of a long log file: which entries mention a digest, and which set a tag, oldest first.

Answers are read from the log, at byte positions from the index, and each entry is checked against its own hash. The
index is brought up to date when it is opened, and may be deleted at any time.
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

# Number of the layout of `_TABLES`. An index with another number is deleted and built again, never migrated.
_VERSION = 1
_TABLES = """
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER, seq INTEGER, hash TEXT, start INTEGER, size INTEGER);
CREATE TABLE digest (prefix INTEGER, seq INTEGER, start INTEGER, PRIMARY KEY (prefix, seq)) WITHOUT ROWID;
CREATE TABLE plan (key INTEGER, seq INTEGER, start INTEGER, PRIMARY KEY (key, seq)) WITHOUT ROWID;
CREATE TABLE place (id INTEGER PRIMARY KEY, target TEXT, tag TEXT, UNIQUE (tag, target));
CREATE TABLE hold (place INTEGER, seq INTEGER, at TEXT, digest INTEGER, start INTEGER, PRIMARY KEY (place, seq)) WITHOUT ROWID;
"""  # noqa: E501 - a table a line
# Hexadecimal digits of a digest that are indexed: the most that fit into SQLite's signed 64-bit integers (60 bits).
_DIGITS = 15


class _Tag(msgspec.Struct, frozen=True):
    """A tag of a target: its number in the index, and both names."""

    number: int
    target: str
    tag: str


class FileIndex:
    """The index of the log file at `path`, stored in the file `index`. Raises `sqlite3.Error` if storing it fails.

    `batch`: entries in one transaction; bounds the memory of a rebuild. `index`: must lie in a folder that only this
    user can write. A database that somebody else prepared can hold triggers and views, which run when SQLite uses it.
    """

    def __init__(self, path: str, index: str, *, files: Files | None = None, batch: int = 20_000) -> None:
        self._path = path
        self._index = index
        self._batch = batch
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
        for held in self._tags(tag):
            query = "SELECT seq, start FROM hold WHERE place = ? AND at <= ? ORDER BY seq DESC LIMIT 1"
            row = self._base.execute(query, (held.number, time)).fetchone()
            if row is None:
                continue
            hold = self._hold(held, row[1])
            query = "SELECT at FROM hold WHERE place = ? AND seq > ? ORDER BY seq LIMIT 1"
            later = self._base.execute(query, (held.number, row[0])).fetchone()
            if hold.digest:
                until = later[0] if later else None
                found.append(TagThen(target=held.target, tag=held.tag, hold=hold, until=until))
        return tuple(found)

    def history(self, tag: str) -> tuple[TagHistory, ...]:
        """See `questions.history`."""
        query = "SELECT start FROM hold WHERE place = ? ORDER BY seq"
        return tuple(
            TagHistory(
                target=held.target,
                tag=held.tag,
                holds=tuple(
                    self._hold(held, start) for (start,) in self._base.execute(query, (held.number,))
                ),
            )
            for held in self._tags(tag)
        )

    # Reading answers: positions from the index, entries from the log.

    def _tags(self, tag: str) -> list[_Tag]:
        """The tags that `tag` names: `latest` on every target, or `ghcr.io/acme/app:latest`."""
        _, _, name = tag.rpartition(":")
        query = "SELECT id, target, tag FROM place WHERE tag = ? ORDER BY id"
        found = [_Tag(*row) for row in self._base.execute(query, (name,))]
        return [one for one in found if tag in (one.tag, f"{one.target}:{one.tag}")]

    def _hold(self, of: _Tag, start: int) -> TagHold:
        entry = self._entry(start)
        before = self._plan_of(entry)
        holds = fold([*before, entry]).holds.get((of.target, of.tag), ())
        if not holds:
            raise LogCorrupt(
                f"the index of `{self._path}` does not match the log",
                hint="`shipmark cache clean` removes the index",
            )
        return holds[-1]

    def _plan_of(self, entry: Entry) -> list[Entry]:
        """The newest `planned` entry of the same release before `entry`; it has the version. [] if there is none."""
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

    # Bringing the index up to date.

    def _opened(self) -> sqlite3.Connection:
        path = self._index
        try:
            return self._followed(path)
        except (sqlite3.DatabaseError, LookupError) as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            # The file is not an index, or the index of another version or log: delete it and build a new index.
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
            raise LookupError("the index belongs to another version or log")
        filler = _Filler(base)
        for entry, length in scan(self._files.read(self._fd, size), Head(seq=seq, hash=digest)):
            filler.add(entry, size)
            start, size = size, size + length
            if filler.count >= self._batch:
                filler.flush(entry, start, size)
                base.execute("COMMIT")
                base.execute("BEGIN IMMEDIATE")
        filler.flush(None, start, size)

    def _fits(self, seq: int, digest: str, start: int, size: int) -> bool:
        """Whether the log has the last indexed entry at its byte position; if not, it is the index of another log."""
        if seq < 0:
            return True
        if self._files.facts(self._fd).size < size:
            return False
        try:
            return bool(self._entry(start).fields["hash"] == digest)
        except LogCorrupt:
            return False


class _Filler:
    """Collects rows and writes them sorted: each page of a B-tree is then written once, not once for each row."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self.count = 0
        self._base = base
        self._last: Entry | None = None
        self._digests: list[tuple[int, int, int]] = []
        self._plans: list[tuple[int, int, int]] = []
        self._holds: list[tuple[int, int, str, int, int]] = []
        self._tag_numbers: dict[tuple[str, str], int] = {}
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
            number = self._tag_number(target, tag)
            held = _number(digest.removeprefix("sha256:"))
            if self._held_by(number) != held:
                self._held[number] = held
                self._holds.append((number, seq, str(fields.get("at", "")), held, start))

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

    def _tag_number(self, target: str, tag: str) -> int:
        number = self._tag_numbers.get((target, tag))
        if number is None:
            self._base.execute("INSERT OR IGNORE INTO place (target, tag) VALUES (?, ?)", (target, tag))
            query = "SELECT id FROM place WHERE target = ? AND tag = ?"
            number = int(self._base.execute(query, (target, tag)).fetchone()[0])
            self._tag_numbers[(target, tag)] = number
        return number

    def _held_by(self, number: int) -> int | None:
        """The digest that the tag holds after the entries so far, as a `_number`; None for a new tag."""
        if number not in self._held:
            query = "SELECT digest FROM hold WHERE place = ? ORDER BY seq DESC LIMIT 1"
            row = self._base.execute(query, (number,)).fetchone()
            if row is None:
                return None
            self._held[number] = row[0]
        return self._held[number]


def _number(digits: str) -> int:
    """The first hexadecimal digits of a digest as a number; -1 for other text."""
    try:
        return int(digits[:_DIGITS].ljust(_DIGITS, "0"), 16) if digits else -1
    except ValueError:
        return -1
