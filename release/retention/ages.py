"""Reads and writes spans of time such as `30d`. Pure."""

from __future__ import annotations

import re

from release.lazy_pattern import pattern

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
# At most six digits: a million weeks is more than any clock holds, and the product stays below 2^53.
_SPAN = pattern(r"([0-9]{1,6})([smhdw])", re.ASCII)


def parse_span(text: str) -> int | None:
    """The milliseconds that `text` (`90m`, `24h`, `30d`, `2w`) means; None if it is not a span of time."""
    found = _SPAN.fullmatch(text.strip())
    return None if found is None else int(found[1]) * _UNITS[found[2]]


def span_text(milliseconds: int) -> str:
    """A span in the largest unit that fits, rounded down: `3d`, `5h`, `0s`."""
    for unit in ("d", "h", "m"):
        if milliseconds >= _UNITS[unit]:
            return f"{milliseconds // _UNITS[unit]}{unit}"
    return f"{max(0, milliseconds) // _UNITS['s']}s"
