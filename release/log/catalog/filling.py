"""Fills the index: makes the rows of whole blocks of entries, and writes them sorted, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress

from release.errors import LogError
from release.log import Entry, Head
from release.log.catalog.ranks import rank_of
from release.log.catalog.tables import (
    BLOCK,
    BLOCKS,
    FORMAT,
    HEXES,
    NAMES,
    STATE,
    TEXTS,
    VERSIONS,
    Rows,
    Source,
)
from release.log.catalog.terms import DIGITS, is_of_release, terms_of
from release.log.chain import head_of
from release.log.fold import fold
from release.log.records.entry_members import commit_of, rebuild_of, without_rebuild
from release.log.records.members import Fields, number_of, text_of
from release.log.state import BETWEEN_RELEASES, rebuild_name

# Rows of terms that are collected before they are written. Sorted rows write each page of a table once; more of them
# take more memory, about 45 bytes each.
_COLLECTED = 900_000
# Versions that are collected before they are written, about 600 bytes each. Most logs have them in rising order: such
# portions write few pages twice.
_COLLECTED_VERSIONS = 5000
# Bits of a block's number in a collected row, enough for a billion entries. A term and a block are one integer, which
# takes a third of the memory of a pair and sorts faster.
_BLOCK_BITS = 24
# Plans that are kept until their release is recorded. A plan that is not among them is read from the log.
_PLANS = 2000
# Kinds of entries that decide which version is released. Of other kinds only a release's first entry counts.
_NOTED = frozenset({"planned", "released", "abandoned"})
# Copied for each term, which takes less than half the time of making one.
_HASH = hashlib.blake2b(digest_size=8)

Row = tuple[object, ...]


class Filling:
    """Rows that are not committed yet. `position`, `place`: of the last entry that has rows."""

    def __init__(self, rows: Rows, source: Source, position: Head, place: str) -> None:
        self._rows = rows
        self._source = source
        self.position = position
        self.place = place
        self._transaction: AbstractContextManager[bool] | None = None
        self._is_new = position.seq < 0
        self._hexes: list[int] = []
        self._texts: list[int] = []
        self._blocks: list[Row] = []
        self._names: set[tuple[str, str]] = set()
        self._releases: dict[str, int] = {}  # project -> releases that begin in these blocks
        self._seen: set[int] = set()  # beginnings of release keys
        self._plans: dict[str, Fields] = {}  # key -> `planned` entry of a release that was not recorded yet
        self._versions: dict[str, Row] = {}
        self._doubtful: dict[str, None] = {}

    def begun(self, program: str) -> bool:
        """Begin the transaction; False if another process fills the index or has filled it, or the database fails."""
        transaction = self._rows.transaction()
        try:
            alone = transaction.__enter__()
        except LogError:  # a role that may only read the tables, or a database that does not answer
            return False
        self._transaction = transaction
        try:
            found = self._rows.ask("SELECT seq, hash, program FROM log_index") if alone else []
        except BaseException as error:
            with suppress(
                LogError
            ):  # the database's error becomes one: it ended while it was asked, for example
                self.rollback(error)
            if not isinstance(error, Exception):
                raise
            return False
        state = tuple(found[0]) if found else (-1, Head().hash, program)
        if alone and state == (self.position.seq, self.position.hash, program):
            return True
        self.rollback()
        return False

    def add(self, entries: Sequence[Entry]) -> int:
        """Make the rows of the whole blocks of `entries`; returns how many entries that are."""
        whole = len(entries) // BLOCK * BLOCK
        for start in range(0, whole, BLOCK):
            self._add_block(entries[start : start + BLOCK])
        if len(self._hexes) + len(self._texts) > _COLLECTED:
            self._write()
        elif len(self._versions) > _COLLECTED_VERSIONS:
            self._write_versions()
        return whole

    def commit(self, program: str, entries_of: Callable[[str], list[Entry]]) -> None:
        """Write everything. `entries_of`: the indexed entries of a release."""
        self._write()
        for key in self._doubtful:
            self._settle(key, entries_of(key))
        state = (1, FORMAT, self.position.seq, self.position.hash, self.place, program)
        self._rows.change("DELETE FROM log_index")
        self._rows.add(STATE, [state])
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.__exit__(None, None, None)

    def rollback(self, error: BaseException | None = None) -> None:
        """End the transaction without an effect. Raises the log's error for an `error` of the database."""
        transaction, self._transaction = self._transaction, None
        cause = error or _RollBack()
        if transaction is not None:
            with suppress(_RollBack):
                transaction.__exit__(type(cause), cause, cause.__traceback__)

    def _add_block(self, entries: Sequence[Entry]) -> None:
        number = (self.position.seq + 1) // BLOCK
        hexes, texts = terms_of(entries)
        times = [at for entry in entries if type(at := entry.fields.get("at")) is str]
        self._follow(entries)
        kept = b"\n".join([entry.raw for entry in entries]) if self._source.keeps_lines else None
        self._blocks.append((number, self.position.hash, self.place, min(times, default="~"), kept))
        self._hexes += [int(one.ljust(DIGITS, "0"), 16) << _BLOCK_BITS | number for one in hexes]
        self._texts += [hash_of(one) << _BLOCK_BITS | number for one in texts]
        self._names |= {("target", one[2:].partition("\0")[0]) for one in texts if one[:2] == "t:"}
        # PostgreSQL has no text with U+0000.
        self._names |= {("project", one[2:]) for one in texts if one[:2] == "p:" and "\0" not in one}
        self.place = self._source.place_behind(self.place, entries)
        self.position = head_of(entries[-1])

    def _follow(self, entries: Sequence[Entry]) -> None:
        """Count the releases that begin with these entries, and note the versions that are released."""
        last = ""
        for entry in entries:
            fields = entry.fields
            kind, key = fields.get("kind"), fields.get("release")
            if type(kind) is not str:
                continue
            if not key or key != last:
                if not is_of_release(fields):
                    continue
                last = str(key)
                self._count(last, fields)
            if kind in _NOTED:
                self._note(last, fields)

    def _count(self, key: str, fields: Fields) -> None:
        """Count the release if this is its first entry."""
        start = int(key[:DIGITS], 16)
        if start in self._seen:
            return
        self._seen.add(start)
        query = "SELECT 1 FROM log_index_hex WHERE prefix = ? LIMIT 1"
        if self._is_new or not self._rows.ask(query, start):
            project = text_of(fields, "project")
            self._releases[project] = self._releases.get(project, 0) + 1

    def _note(self, key: str, fields: Fields) -> None:
        """Note the version that the entry releases, or that it was lost."""
        kind = fields["kind"]
        if kind == "planned":
            if len(self._plans) < _PLANS:
                self._plans[key] = fields
        elif kind == "released" and key not in self._versions:
            plan = self._plans.pop(key, None)
            if plan is None:
                self._doubtful[key] = None
            elif (row := _row(key, fields, plan)) is not None:
                self._versions[key] = row
        elif kind == "abandoned" and fields.get("lost"):
            self._doubtful[key] = None

    def _settle(self, key: str, entries: list[Entry]) -> None:
        """Make the row of a release anew, from all of its entries."""
        state = fold(entries).release(key)
        if state is None:
            return
        self._rows.change(
            "DELETE FROM log_index_version WHERE project = ? AND release = ?", state.project, key
        )
        if state.state == "released" and not state.between_releases:
            self._rows.add(VERSIONS, _rows_of(state.project, key, state.version, state.rebuild, state.commit))

    def _write(self) -> None:
        self._rows.add(BLOCKS, self._blocks)
        self._rows.add(HEXES, _pairs(self._hexes))
        self._rows.add(TEXTS, _pairs(self._texts))
        self._rows.add(NAMES, [(*one, 0) for one in sorted(self._names)])
        for project, count in self._releases.items():
            statement = (
                "UPDATE log_index_name SET releases = releases + ? WHERE kind = 'project' AND name = ?"
            )
            self._rows.change(statement, count, project)
        self._write_versions()
        self._hexes, self._texts, self._blocks, self._names, self._releases = [], [], [], set(), {}

    def _write_versions(self) -> None:
        self._rows.add(VERSIONS, sorted(self._versions.values()))
        self._versions = {}


class _RollBack(Exception):
    """Ends a transaction without an effect; caught where it is raised."""


def _pairs(collected: list[int]) -> Iterator[tuple[int, int]]:
    collected.sort()
    mask = (1 << _BLOCK_BITS) - 1
    return ((one >> _BLOCK_BITS, one & mask) for one in collected)


def hash_of(term: str) -> int:
    """A number of 60 bits for a term. Terms with equal numbers only cost a block that is read in vain."""
    hashing = _HASH.copy()
    hashing.update(term.encode("utf-8", "surrogatepass"))
    return int.from_bytes(hashing.digest(), "big") >> 4


def _row(key: str, released: Fields, plan: Fields) -> Row | None:
    """The row of a released version, by the rules of the fold; None for a build that is not a release."""
    if text_of(plan, "channel") in BETWEEN_RELEASES:
        return None
    version = text_of(released, "version") or text_of(plan, "version")
    rebuild = number_of(released, "rebuild", 0) or number_of(plan, "rebuild", 0) or rebuild_of(version)
    commit = commit_of(plan) or commit_of(released)
    rows = _rows_of(text_of(released, "project"), key, without_rebuild(version), rebuild, commit)
    return rows[0] if rows else None


def _rows_of(project: str, key: str, version: str, rebuild: int, commit: str) -> list[Row]:
    rank = rank_of(rebuild_name(version, rebuild))
    # PostgreSQL has no text with U+0000; a sound entry has none either.
    if rank is None or "\0" in f"{project}{rank.channel}{rank.text}{key}{version}{commit}":
        return []
    return [(project, rank.channel, rank.text, key, version, rebuild, commit)]
