"""Keeps entries as undecoded lines, a fifth of the memory of decoded ones, and decodes each on access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from release.log import Entry
from release.log.chain import stored


class Lines(Sequence[Entry]):
    """The first `count` entries of `lines`, decoded on access. `lines`: verified; later lines may be appended."""

    def __init__(self, lines: list[bytes], count: int) -> None:
        self._lines = lines
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
            return tuple(stored(self._lines[position]) for position in range(self._count)[index])
        return stored(self._lines[range(self._count)[index]])

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries, oldest first."""
        return (stored(self._lines[position]) for position in range(self._count))
