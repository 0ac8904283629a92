"""The entries of a log as a sequence whose members are read and decoded when they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from release.log import Entry
from release.log.catalog.catalog import Catalog


class Entries(Sequence[Entry]):
    """The first `count` entries of a catalog, which may get more."""

    def __init__(self, catalog: Catalog, count: int) -> None:
        self._catalog = catalog
        self._count = count

    def __len__(self) -> int:
        """Return the number of entries."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        """Return the entry at `index`, or a tuple of entries for a slice."""
        if isinstance(index, slice):
            return tuple(self._catalog.at(position) for position in range(self._count)[index])
        return self._catalog.at(range(self._count)[index])

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries, oldest first."""
        return (self._catalog.at(position) for position in range(self._count))

    def __reversed__(self) -> Iterator[Entry]:
        """Iterate over the entries, newest first."""
        return (self._catalog.at(position) for position in range(self._count - 1, -1, -1))
