"""The index of a log's older entries: which blocks of entries have a term, and which versions were released.

The index is never the truth. It gives numbers of blocks; the entries themselves are read from the log, and verified
against the hashes that the index kept when it verified them before. An index that does not fit its log is made again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from release.errors import LogCorrupt, LogError
from release.log import Entry, Head
from release.log.catalog.filling import Filling, hash_of
from release.log.catalog.tables import BLOCK, FORMAT, IndexFailed, Released, Rows, Source, Unfit
from release.log.catalog.terms import DIGITS
from release.log.chain import head_of, verify_all

# Blocks that stay in memory once they were read, about 5 MB: one command often asks about neighbouring entries.
_KEPT = 32
# Terms whose blocks stay in memory. A command asks for a few hundred; a server that appends for ever needs a limit.
_REMEMBERED = 10_000
# Numbers of blocks that the first query for the newest ones returns. Most questions need one or two.
_PAGE = 32


class Index:
    """An index in `rows` of the log that `source` reads. `program`: another program's index is `Unfit`; "": any."""

    def __init__(self, rows: Rows, source: Source, *, program: str = "") -> None:
        self._rows = rows
        self._source = source
        self._program = program
        self._read: OrderedDict[int, tuple[Entry, ...]] = OrderedDict()
        self._found: dict[object, list[int]] = {}  # blocks by term; the blocks before `position` never change
        self._filling: Filling | None = None
        #: Whether another process made the shared index anew: then no question is answered any more.
        self.is_lost = False
        found = rows.ask("SELECT format, program, seq, hash, place FROM log_index")
        layout, made_by, seq, digest, place = found[0] if found else (FORMAT, program, -1, Head().hash, "")
        if layout != FORMAT or made_by != program or (seq + 1) % BLOCK:
            raise Unfit(f"format {layout} of {made_by}")
        #: The last entry that is indexed, the last one of a block.
        self.position = Head(seq=seq, hash=digest)
        self.place: str = place
        self._committed = self.position, self.place

    @property
    def count(self) -> int:
        """How many blocks are indexed."""
        return (self.position.seq + 1) // BLOCK

    @property
    def is_shared(self) -> bool:
        """See `Rows.is_shared`."""
        return self._rows.is_shared

    def close(self) -> None:
        """Close the database."""
        self._rows.close()

    # Finding blocks.

    def with_hex(self, start: str) -> list[int]:
        """The blocks that have a hexadecimal term beginning with `start`, oldest first."""
        digits = start[:DIGITS]
        low, high = (int(digits.ljust(DIGITS, fill), 16) for fill in "0f")
        query = "SELECT DISTINCT block FROM log_index_hex WHERE prefix BETWEEN ? AND ? AND block < ?"
        return self._blocks(query, low, high)

    def with_text(self, term: str) -> list[int]:
        """The blocks that have a term, oldest first."""
        return self._blocks("SELECT block FROM log_index_term WHERE term = ? AND block < ?", hash_of(term))

    def _blocks(self, query: str, *values: int) -> list[int]:
        if not self.count:
            return []
        if len(self._found) > _REMEMBERED:
            self._found.clear()
        if values not in self._found:
            self._found[values] = sorted(block for (block,) in self._ask(query, *values, self.count))
        return self._found[values]

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query, in no order, which begin with a column that is never NULL.

        Raises `IndexFailed` if the shared index does not have the blocks any more that it had for this process. One
        statement reads the state and the rows: between two, another process could empty and fill the tables.
        """
        known = self._committed[0].seq
        if not self._rows.is_shared or known < 0:
            return self._rows.ask(query, *values)
        checked = f"SELECT q.* FROM log_index s LEFT JOIN ({query}) q ON 1 = 1 WHERE s.seq >= ?"  # noqa: S608 - ours
        found = self._rows.ask(checked, *values, known)
        if not found:
            self.is_lost = True
            raise IndexFailed("the index of the version log was made anew meanwhile", hint="run again")
        return [row for row in found if row[0] is not None]

    def newest_with_text(self, term: str, *, below: int, time: str | None = None) -> Iterator[int]:
        """The blocks before `below` that have a term, newest first; with `time` only those with an entry until then."""
        below, size = min(below, self.count), _PAGE
        query = "SELECT t.block FROM log_index_term t WHERE t.term = ? AND t.block < ? ORDER BY t.block DESC LIMIT ?"
        extra: tuple[str, ...] = ()
        if time is not None:
            extra = (time,)
            query = query.replace(
                "WHERE", "JOIN log_index_block b ON b.number = t.block WHERE b.least_at <= ? AND"
            )
        while True:
            found = sorted(
                (block for (block,) in self._ask(query, *extra, hash_of(term), below, size)), reverse=True
            )
            yield from found
            if len(found) < size:
                return
            below, size = found[-1], size * 4

    def following_with_text(self, term: str, block: int) -> Iterator[int]:
        """The blocks after `block` that have a term, oldest first."""
        size = _PAGE
        query = "SELECT block FROM log_index_term WHERE term = ? AND block > ? AND block < ? ORDER BY block LIMIT ?"
        while True:
            found = sorted(number for (number,) in self._ask(query, hash_of(term), block, self.count, size))
            yield from found
            if len(found) < size:
                return
            block, size = found[-1], size * 4

    def is_current(self) -> bool:
        """Whether no other process has indexed more entries since this index was opened."""
        return self._rows.ask("SELECT seq FROM log_index") == [(self.position.seq,)]

    def names(self, kind: str) -> dict[str, int]:
        """The projects or targets of the log (`project`, `target`), with the number of a project's releases."""
        return dict(sorted(self._ask("SELECT name, releases FROM log_index_name WHERE kind = ?", kind)))

    def released(
        self, project: str, channel: str, low: str, high: str, *, limit: int, offset: int = 0
    ) -> list[Released]:
        """Released versions of a project with ranks from `low` to `high`, highest first. See `ranks`."""
        query = (
            "SELECT version, rebuild, commit_id, rank, release FROM log_index_version "
            "WHERE project = ? AND channel = ? AND rank >= ? AND rank <= ? "
            "ORDER BY rank DESC, release DESC LIMIT ? OFFSET ?"
        )
        found = [Released(*row) for row in self._ask(query, project, channel, low, high, limit, offset)]
        return sorted(found, key=lambda one: (one.rank, one.release), reverse=True)

    def all_released(self, project: str, low: str = "") -> list[Released]:
        """Every released version of a project with a rank from `low` on."""
        query = (
            "SELECT version, rebuild, commit_id, rank, release FROM log_index_version WHERE project = ? "
            "AND channel IN (SELECT DISTINCT channel FROM log_index_version WHERE project = ?) AND rank >= ?"
        )
        return [Released(*row) for row in self._ask(query, project, project, low)]

    def count_released(self, project: str, channel: str, low: str, high: str) -> int:
        """How many rows `released` has without a limit."""
        query = "SELECT count(*) FROM log_index_version WHERE project = ? AND channel = ? AND rank >= ? AND rank <= ?"
        return int(self._ask(query, project, channel, low, high)[0][0])

    # Reading blocks.

    def block(self, number: int) -> tuple[Entry, ...]:
        """The entries of a block, verified. Raises `LogCorrupt` if they are not those that were indexed."""
        if number in self._read:
            self._read.move_to_end(number)
            return self._read[number]
        entries = self._block(number)
        self._read[number] = entries
        if len(self._read) > _KEPT:
            self._read.popitem(last=False)
        return entries

    def _block(self, number: int) -> tuple[Entry, ...]:
        query = "SELECT number, hash, place, lines FROM log_index_block WHERE number BETWEEN ? AND ?"
        found = {row[0]: row[1:] for row in self._ask(query, number, number + 1)}
        if number not in found:
            raise _changed(number, "the index has no such block")
        digest, place, kept = found[number]
        end_hash, end = (
            found[number + 1][:2]
            if number + 1 < self.count and number + 1 in found
            else (self.position.hash, self.place)
        )
        lines = bytes(kept).split(b"\n") if kept else self._source.lines(number, place, end)
        head = Head(seq=number * BLOCK - 1, hash=digest)
        try:
            entries = tuple(verify_all(lines, head))
        except LogCorrupt as error:
            raise _changed(number, error.message) from error
        if entries:
            head = head_of(entries[-1])
        if head != Head(seq=number * BLOCK + BLOCK - 1, hash=end_hash):
            raise _changed(number, f"they end with entry {head.seq}, {head.hash[:12]}…")
        return entries

    # Filling. What fails leaves the index as the last `commit` left it, and raises `IndexFailed`.

    def extend(self, entries: Sequence[Entry]) -> int:
        """Index the whole blocks of `entries`, which follow the indexed ones; `commit` keeps them.

        Returns the number of entries that are indexed now. Returns 0 if another process fills the index.
        """
        with self._all_or_nothing():
            if self._filling is None:
                filling = Filling(self._rows, self._source, self.position, self.place)
                if not filling.begun(self._program):
                    return 0
                self._filling = filling
            done = self._filling.add(entries)
            self.position, self.place = self._filling.position, self._filling.place
            self._found.clear()
        if self._rows.is_shared:
            self.commit()
        return done

    def commit(self) -> None:
        """Keep what was indexed since the last `commit`."""
        if self._filling is not None:
            with self._all_or_nothing():
                self._filling.commit(self._program, self._of_release)
            self._filling = None
            self._committed = self.position, self.place

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Undo what was indexed since the last `commit` if the body fails."""
        try:
            yield
        except BaseException as error:
            filling, self._filling = self._filling, None
            self.position, self.place = self._committed
            self._read.clear()
            self._found.clear()
            failed = error
            try:
                if filling is not None:
                    filling.rollback(error)
            except LogError as told:
                failed = told
            if isinstance(failed, LogError) and not isinstance(failed, LogCorrupt):
                # The database refused, or did not answer. The log can be used without the index.
                raise IndexFailed(failed.message, hint=failed.hint) from error
            raise

    def _of_release(self, key: str) -> list[Entry]:
        found = (entry for number in self.with_hex(key) for entry in self.block(number))
        return [entry for entry in found if entry.fields.get("release") == key]


def _changed(number: int, found: str) -> LogCorrupt:
    first = number * BLOCK
    return LogCorrupt(
        f"entries {first} to {first + BLOCK - 1} are not those that were verified before: {found}",
        hint="`shipmark log verify` checks the whole log; if that is whole, `shipmark cache clean` removes the index",
    )
