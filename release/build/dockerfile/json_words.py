"""The JSON form of an instruction's operands: `["a", "b"]`. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from release.build.dockerfile.white_space import SPACE
from release.lazy_pattern import pattern

# Go replaces an escaped surrogate without its partner by U+FFFD; msgspec refuses it.
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_PAIR_OR_LONE = pattern(rf"\\[^u]|{_HIGH}{_LOW}|{_HIGH}|{_LOW}")


class NotStrings(ValueError):
    """The operand is a JSON array, but not of strings only."""


def json_words(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None for any other text, which is the shell form. Raises `NotStrings`."""
    value = _decoded(text)
    if value is None:
        return None
    if not all(isinstance(item, str) for item in value):
        raise NotStrings
    return tuple(value)


def is_json_array(text: str) -> bool:
    """Whether the text is a JSON array, with members of any type."""
    return _decoded(text) is not None


def _decoded(text: str) -> list[Any] | None:
    if not text.lstrip(SPACE).startswith("["):
        return None
    repaired = _PAIR_OR_LONE.sub(_without_lone, text) if "\\u" in text else text
    try:
        value = msgspec.json.decode(repaired.lstrip(SPACE))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _without_lone(match: re.Match[str]) -> str:
    is_lone = len(match[0]) == 6
    return "\\ufffd" if is_lone else match[0]
