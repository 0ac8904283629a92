"""The entries behind the index, which one process holds in memory as lines, and finds by their terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from release.log import Entry
from release.log.catalog.terms import DIGITS, terms_of
from release.log.catalog.wanted import Wanted
from release.log.chain import GROUP, stored


class Tail:
    """Consecutive entries, in the order in which they were added. Positions count from the first of them."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._ids: set[str] = set()
        self._texts: dict[str, list[int]] = {}  # term -> positions
        self._hexes: dict[str, list[int]] = {}
        # How many of the lines have their terms listed. Most appends ask for ids only: a writer in a loop, which
        # reads what others append meanwhile, need not list any.
        self._listed = 0
        self._newest: list[Entry] = []  # the last entries, to list their terms

    def take(self, entry: Entry) -> None:
        """Add an entry."""
        self.lines.append(entry.raw)
        if type(identity := entry.fields.get("id")) is str:
            self._ids.add(identity)
        if len(self._newest) == GROUP:
            self._newest.clear()
        self._newest.append(entry)

    def has(self, identity: str) -> bool:
        """Whether an entry has this id."""
        return identity in self._ids

    def with_text(self, term: str) -> Sequence[int]:
        """The positions of the entries with a term."""
        self._list_terms()
        return self._texts.get(term, [])

    def texts(self, start: str) -> list[str]:
        """The terms that begin with `start`."""
        self._list_terms()
        return [one for one in self._texts if one.startswith(start)]

    def with_hex(self, start: str) -> Sequence[int]:
        """The positions of the entries with a hexadecimal term that begins with `start`."""
        self._list_terms()
        if len(start) == DIGITS:
            return self._hexes.get(start, [])
        found = [several for one, several in self._hexes.items() if one.startswith(start)]
        return sorted({position for several in found for position in several})

    def entries(self, positions: Sequence[int], wanted: Wanted) -> Iterator[Entry]:
        """The wanted entries at `positions`."""
        for position in positions:
            entry = stored(self.lines[position])
            if wanted(entry.fields):
                yield entry

    def _list_terms(self) -> None:
        """List the terms of the newest entries. Each question about terms begins with this."""
        newest = len(self.lines) - len(self._newest)
        for position in range(self._listed, len(self.lines)):
            held = position >= newest
            entry = self._newest[position - newest] if held else stored(self.lines[position])
            hexes, texts = terms_of((entry,))
            for one in texts:
                self._texts.setdefault(one, []).append(position)
            for one in hexes:
                self._hexes.setdefault(one, []).append(position)
        self._listed = len(self.lines)
        self._newest.clear()
