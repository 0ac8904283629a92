"""Globs of branch names: `*` is anything but `/`, `**` anything, `?` one character. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from release.lazy_pattern import pattern

_PIECES = pattern(r"\*\*|\*|\?|[^*?]", re.DOTALL)


def globbed(pattern: str, name: str) -> bool:
    """Whether the branch `name` matches `pattern`. Git allows no wildcards in names of branches.

    All ways to match are followed at once, as bits of a number: bit n is set if the first n characters of `name` match
    the pattern so far. `re` would try the ways one after another, which can take very long.
    """
    inside = _bits(character != "/" for character in name)
    places: dict[str, int] = {}
    reached = 1
    for piece in _PIECES.findall(pattern):
        if piece == "**":
            lowest = reached & -reached
            reached = (1 << len(name) + 1) - lowest if reached else 0
        elif piece == "*":
            reached = _through_names(reached, name)
        elif piece == "?":
            reached = (reached & inside) << 1
        else:
            if piece not in places:
                places[piece] = _bits(character == piece for character in name)
            reached = (reached & places[piece]) << 1
        if not reached:
            return False
    return bool(reached >> len(name) & 1)


def _through_names(reached: int, name: str) -> int:
    """The bits of `reached`, and the bits after each of them up to the next slash."""
    for at, character in enumerate(name):
        if reached >> at & 1 and character != "/":
            reached |= 1 << at + 1
    return reached


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << at for at, flag in enumerate(flags) if flag)
