"""How far a process has verified a log file: the newest position, and some before it."""

from __future__ import annotations

from collections import deque

import msgspec

from release.log import Head

# Positions that are kept besides the newest one. Each is one append, or 64 entries that were read.
_EARLIER = 16


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an entry. `file`: device and inode; None before the file was opened."""

    offset: int = 0
    head: Head = Head()
    file: tuple[int, int] | None = None


class Positions:
    """The newest position, and those before it: a mirror, or a copy, asks again for the newest entries."""

    def __init__(self) -> None:
        self.newest = Position()
        self._earlier: deque[Position] = deque(maxlen=_EARLIER)

    def advance(self, position: Position) -> None:
        """Make `position` the newest one."""
        if self.newest.file is not None:
            self._earlier.append(self.newest)
        self.newest = position

    def before(self, after: int) -> Position:
        """The latest position that is not behind entry `after`, else the file's beginning."""
        known = (one for one in (self.newest, *reversed(self._earlier)) if one.head.seq <= after)
        return next(known, Position(file=self.newest.file))
