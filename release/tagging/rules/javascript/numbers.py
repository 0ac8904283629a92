"""Converts text to a number like JavaScript's `Number()`, for priorities and lengths in tag rules."""

from __future__ import annotations

import math
import re

from release.lazy_pattern import pattern

_DECIMAL = pattern(r"[+-]?(?:Infinity|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)", re.ASCII)
_RADIX = pattern(r"0(?:[xX][0-9A-Fa-f]+|[oO][0-7]+|[bB][01]+)", re.ASCII)


def javascript_number(text: str) -> float:
    """The number in `text`; NaN if `text` is not a number. Blank text is 0, `0x10` is 16."""
    text = text.strip()
    if not text:
        return 0.0
    if _DECIMAL.fullmatch(text):
        return float(text)
    if not _RADIX.fullmatch(text):
        return math.nan
    try:
        return float(int(text, 0))
    except OverflowError:
        return math.inf
