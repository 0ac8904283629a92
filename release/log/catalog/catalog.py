"""The entries of a log as one process knows them: an index of older blocks, and every entry behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from release.log import Entry, Head
from release.log.catalog.tables import BLOCK
from release.log.catalog.tail import Tail
from release.log.catalog.terms import hex_of
from release.log.catalog.wanted import Wanted
from release.log.chain import head_of, stored

if TYPE_CHECKING:
    from release.log.catalog.index import Index

# Entries behind the index from which they are indexed, too. Every command reads and verifies the entries behind it, in
# less than 10 ms for this many; indexing writes to the disk, and is worth while for several blocks at once.
LARGEST_TAIL = 8 * BLOCK
# Entries that are held before they are indexed, while a long log is read for the first time. More of them would not
# stay in the processor's cache. Each portion is a transaction in a database that others use, which must not be many.
_PORTION = 4 * BLOCK
_PORTION_SHARED = 64 * BLOCK


class Catalog:
    """Finds entries. `index`: None where none is kept; then every entry is held as a line.

    `may_fill`: whether the index may be written.
    """

    def __init__(self, index: Index | None = None, *, may_fill: bool = True) -> None:
        self._index = index
        self._may_fill = may_fill and index is not None
        self.head = index.position if index is not None else Head()
        self._tail = Tail()
        #: Answers that are kept until the log gets more entries.
        self.memory: dict[object, Any] = {}

    @property
    def index(self) -> Index | None:
        """The index; None without one."""
        return self._index

    @property
    def indexed(self) -> int:
        """How many entries are found through the index. The others are held."""
        return self._index.position.seq + 1 if self._index is not None else 0

    @property
    def tail(self) -> Sequence[bytes]:
        """The lines of the entries behind the index, oldest first."""
        return self._tail.lines

    def may_fill(self) -> None:
        """Allow to write the index from now on, which a command that only reads a database must not do."""
        self._may_fill = self._index is not None

    def take(self, entry: Entry) -> None:
        """Add the entry that follows those that are known."""
        self._tail.take(entry)
        self.head = head_of(entry)
        self.memory.clear()

    def follow(self, entries: Iterator[Entry]) -> None:
        """Add `entries`; index those behind the index when there are many.

        Raises what reading them raises; those that were read until then are known.
        """
        held: list[Entry] = []
        portion = _PORTION_SHARED if self._index is not None and self._index.is_shared else _PORTION
        try:
            while True:
                before = len(held)
                held.extend(islice(entries, portion - before))  # keeps those that were read before an error
                if len(held) == before:
                    break
                if len(held) >= portion:
                    held = self._fill(held)
            if len(self.tail) + len(held) >= LARGEST_TAIL:
                held = self._fill(held)
        finally:
            for entry in held:
                # If a filling failed, entries before this one are forgotten.
                if entry.seq == self.head.seq + 1:
                    self.take(entry)
            if self._index is not None:
                with self._forgetting(self._index):
                    self._index.commit()

    def _fill(self, held: list[Entry]) -> list[Entry]:
        """Index the tail and `held`; returns those of them that are not part of a whole block, which the tail lacks."""
        if not self._may_fill or self._index is None:
            for entry in held:
                self.take(entry)
            return []
        entries = [*(stored(line) for line in self.tail), *held]
        with self._forgetting(self._index):
            done = self._index.extend(entries)
        if not done:  # another process fills the index: this one goes on without
            self._may_fill = False
            return self._fill(held)
        self._forget(self._index)
        return entries[done:]

    @contextmanager
    def _forgetting(self, index: Index) -> Iterator[None]:
        """Forget the entries behind the index if the body fails: entries before them are not indexed any more."""
        try:
            yield
        except BaseException:
            self._forget(index)
            raise

    def _forget(self, index: Index) -> None:
        """Forget the entries behind the index."""
        self._tail = Tail()
        self.head = index.position
        self.memory.clear()

    def may_hold(self, identity: str) -> bool:
        """False if no entry has this id. Only the entries behind the index are known by their ids."""
        return self._index is not None or self._tail.has(identity)

    # Finding entries. The index gives blocks that may have them, and `wanted` decides.

    def with_hex(self, text: str, wanted: Wanted) -> Iterator[Entry]:
        """The wanted entries with a digest, commit or key that begins with the hexadecimal `text`, oldest first."""
        start = hex_of(text)
        if self._index is not None:
            yield from self._of_blocks(self._index.with_hex(start), wanted)
        yield from self._tail.entries(self._tail.with_hex(start), wanted)

    def with_text(self, term: str, wanted: Wanted) -> Iterator[Entry]:
        """The wanted entries with a term, oldest first."""
        if self._index is not None:
            yield from self._of_blocks(self._index.with_text(term), wanted)
        yield from self._tail.entries(self._tail.with_text(term), wanted)

    def newest_with_text(
        self, term: str, wanted: Wanted, *, before: int | None = None, time: str | None = None
    ) -> Iterator[Entry]:
        """The wanted entries with a term, newest first; with `before` only those before that position.

        time: leave blocks out that were written later.
        """
        end = self.head.seq + 1 if before is None else before
        for entry in self._tail.entries(self._tail.with_text(term)[::-1], wanted):
            if entry.seq < end:
                yield entry
        if self._index is not None:
            for number in self._index.newest_with_text(term, below=-(-end // BLOCK), time=time):
                yield from (
                    entry
                    for entry in reversed(self._index.block(number))
                    if entry.seq < end and wanted(entry.fields)
                )

    def following_with_text(self, term: str, seq: int, wanted: Wanted) -> Iterator[Entry]:
        """The wanted entries with a term that stand after entry `seq`, oldest first."""
        if self._index is not None and seq < self.indexed:
            number = seq // BLOCK
            blocks = [number] if 0 <= number < self._index.count else []
            for one in (*blocks, *self._index.following_with_text(term, number)):
                yield from (
                    entry for entry in self._index.block(one) if entry.seq > seq and wanted(entry.fields)
                )
        for entry in self._tail.entries(self._tail.with_text(term), wanted):
            if entry.seq > seq:
                yield entry

    def oldest(self, terms: Sequence[str] | None, wanted: Wanted) -> Iterator[Entry]:
        """The wanted entries of the blocks that have one of the terms, or of all for None, oldest first."""
        if self._index is not None:
            numbers: Sequence[int] = range(self._index.count)
            if terms is not None:
                numbers = sorted({number for term in terms for number in self._index.with_text(term)})
            yield from self._of_blocks(numbers, wanted)
        yield from self._tail.entries(range(len(self.tail)), wanted)

    def newest(self) -> Iterator[Entry]:
        """Every entry, newest first."""
        yield from (stored(line) for line in reversed(tuple(self.tail)))
        if self._index is not None:
            for number in range(self._index.count - 1, -1, -1):
                yield from reversed(self._index.block(number))

    def at(self, seq: int) -> Entry:
        """The entry at a position that the log has."""
        if self._index is not None and seq < self.indexed:
            return self._index.block(seq // BLOCK)[seq % BLOCK]
        return stored(self.tail[seq - self.indexed])

    def names(self, kind: str) -> set[str]:
        """The projects or targets of the log (`project`, `target`)."""
        found = set(self._index.names(kind)) if self._index is not None else set()
        start = {"project": "p:", "target": "t:"}[kind]
        return found | {one[2:].partition("\0")[0] for one in self._tail.texts(start)}

    def _of_blocks(self, numbers: Sequence[int], wanted: Wanted) -> Iterator[Entry]:
        if self._index is not None:
            for number in numbers:
                yield from (entry for entry in self._index.block(number) if wanted(entry.fields))
