"""Fills the index: makes the rows of whole blocks of entries, and writes them sorted, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from release.errors import LogError
from release.log import Entry, Head
from release.log.catalog.ranks import rank_of
from release.log.catalog.tables import BLOCK, BLOCKS, FORMAT, HEXES, NAMES, STATE, TEXTS, VERSIONS, Rows
from release.log.catalog.terms import DIGITS, hex_of, is_of_release, terms_of
from release.log.chain import head_of
from release.log.entry_members import CommonMembers, PlanMembers, common_of, rebuild_of, without_rebuild
from release.log.fold import fold
from release.log.members import Fields, number_of, text_of
from release.log.state import BETWEEN_RELEASES

if TYPE_CHECKING:
    from release.log.catalog.index import Source

# Rows of terms that are collected before they are written. Sorted rows write each page of a table once; more of them
# take more memory, about 45 bytes each.
_COLLECTED = 400_000
# Bits of a block's number in a collected row, enough for a billion entries. A term and a block are one integer, which
# takes a third of the memory of a pair and sorts faster.
_BLOCK_BITS = 24
# Plans that are kept until their release is recorded. A plan that is not among them is read from the log.
_PLANS = 2000
# Kinds of entries that decide which version is released. Of other kinds only a release's first entry counts.
_NOTED = frozenset({"planned", "released", "abandoned"})

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
        self._seen: set[str] = set()  # beginnings of release keys
        self._plans: dict[str, Fields] = {}
        self._versions: dict[str, Row] = {}
        self._doubtful: dict[str, None] = {}

    def begun(self, program: str) -> bool:
        """Begin the transaction; False if another process fills the index, or has filled it meanwhile."""
        transaction = self._rows.transaction()
        try:
            alone = transaction.__enter__()
        except LogError:  # a role that may only read the tables, or a database that does not answer
            return False
        self._transaction = transaction
        found = self._rows.ask("SELECT seq, hash, program FROM log_index") if alone else []
        if alone and (not found or tuple(found[0]) == (self.position.seq, self.position.hash, program)):
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
        return whole

    def commit(self, program: str, entries_of: Callable[[str], list[Entry]]) -> None:
        """Write everything. `entries_of`: the indexed entries of a release."""
        self._write()
        for key in self._doubtful:
            self._settle(key, entries_of(key))
        state = (1, FORMAT, self.position.seq, self.position.hash, self.place, program)
        self._rows.change("DELETE FROM log_index")
        self._rows.add(STATE, [state])
        if self._transaction is not None:
            self._transaction.__exit__(None, None, None)
        self._transaction = None

    def rollback(self) -> None:
        """End the transaction without an effect."""
        if self._transaction is not None:
            with suppress(_RollBack):
                self._transaction.__exit__(_RollBack, _RollBack(), None)
        self._transaction = None

    def _add_block(self, entries: Sequence[Entry]) -> None:
        number = (self.position.seq + 1) // BLOCK
        terms = terms_of(entries)
        least_at = min((at for entry in entries if type(at := entry.fields.get("at")) is str), default="~")
        for entry in entries:
            key, kind = entry.fields.get("release"), entry.fields.get("kind")
            if key and (kind in _NOTED or key[:DIGITS] not in self._seen):
                self._follow(entry.fields)
        kept = b"\n".join([entry.raw for entry in entries]) if self._source.keeps_lines else None
        self._blocks.append((number, self.position.hash, self.place, least_at, kept))
        self._hexes += [int(one.ljust(DIGITS, "0"), 16) << _BLOCK_BITS | number for one in terms.hexes]
        self._texts += [hash_of(one) << _BLOCK_BITS | number for one in terms.texts]
        for one in terms.texts:
            if one.startswith("t:"):
                self._names.add(("target", one[2:].partition("\0")[0]))
            elif one.startswith("p:") and "\0" not in one:  # PostgreSQL has no text with U+0000
                self._names.add(("project", one[2:]))
        self.place = self._source.place_behind(self.place, entries)
        self.position = head_of(entries[-1])

    def _follow(self, fields: Fields) -> None:
        """Count a release that begins with this entry, and note the version that it releases."""
        if not is_of_release(fields):
            return
        key, kind = text_of(fields, "release"), fields["kind"]
        start = hex_of(key)
        if start not in self._seen:
            self._seen.add(start)
            query = "SELECT 1 FROM log_index_hex WHERE prefix = ? LIMIT 1"
            if self._is_new or not self._rows.ask(query, int(start, 16)):
                project = text_of(fields, "project")
                self._releases[project] = self._releases.get(project, 0) + 1
        if kind == "planned":
            if len(self._plans) < _PLANS:
                self._plans[key] = fields
        elif kind == "released" and key not in self._versions:
            plan = self._plans.pop(key, None)
            if plan is None:
                self._doubtful[key] = None
            elif (row := _row(key, common_of(fields), _plan(plan))) is not None:
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
        self._rows.add(HEXES, list(_pairs(self._hexes)))
        self._rows.add(TEXTS, list(_pairs(self._texts)))
        self._rows.add(NAMES, [(*one, 0) for one in sorted(self._names)])
        for project, count in self._releases.items():
            statement = (
                "UPDATE log_index_name SET releases = releases + ? WHERE kind = 'project' AND name = ?"
            )
            self._rows.change(statement, count, project)
        self._rows.add(VERSIONS, sorted(self._versions.values()))
        self._hexes, self._texts, self._blocks, self._names = [], [], [], set()
        self._releases, self._versions = {}, {}


class _RollBack(Exception):
    """Ends a transaction without an effect; caught where it is raised."""


def _pairs(collected: list[int]) -> Iterator[tuple[int, int]]:
    collected.sort()
    mask = (1 << _BLOCK_BITS) - 1
    return ((one >> _BLOCK_BITS, one & mask) for one in collected)


@lru_cache(maxsize=4096)
def hash_of(term: str) -> int:
    """A number of 60 bits for a term. Terms with equal numbers only cost a block that is read in vain."""
    digest = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 4


def _plan(fields: Fields) -> PlanMembers:
    return PlanMembers(
        version=text_of(fields, "version"),
        rebuild=number_of(fields, "rebuild", 0),
        commit=text_of(fields, "commit"),
        channel=text_of(fields, "channel"),
    )


def _row(key: str, released: CommonMembers, plan: PlanMembers) -> Row | None:
    """The row of a released version, by the rules of the fold; None for a build that is not a release."""
    if plan.channel in BETWEEN_RELEASES:
        return None
    version = released.version or plan.version
    rebuild = released.rebuild or plan.rebuild or rebuild_of(version)
    rows = _rows_of(released.project, key, without_rebuild(version), rebuild, plan.commit or released.commit)
    return rows[0] if rows else None


def _rows_of(project: str, key: str, version: str, rebuild: int, commit: str) -> list[Row]:
    rank = rank_of(f"{version}_r{rebuild}" if rebuild else version)
    row = (project, rank.channel, rank.text, key, version, rebuild, commit) if rank is not None else None
    # PostgreSQL has no text with U+0000; a sound entry has none either.
    return [row] if row is not None and not any(isinstance(one, str) and "\0" in one for one in row) else []
