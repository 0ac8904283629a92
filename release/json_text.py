"""Parses untrusted JSON, from a workspace or a CI system: with a limit for its depth, and `ConfigError` for all faults.

Pure.
"""

from __future__ import annotations

from typing import Any

import msgspec

from release.errors import ConfigError
from release.limits import DOCUMENT_DEPTH

_CORRECT = "correct it at that place, or write it again with the program that made it"


def is_utf8(text: str) -> bool:
    """Whether UTF-8 can hold the text: Python gives lone surrogates for other bytes of names and variables."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def parse_json(raw: bytes, source: str, *, hint: str = _CORRECT) -> Any:
    """The value in `raw`. `source`: the name of the JSON text in messages.

    Raises `ConfigError` for text that is not JSON in UTF-8, numbers that are out of range, and deep nesting. NaN and
    half surrogate pairs are not JSON. Of duplicate keys the last counts, as in most readers of JSON.
    """
    try:
        value = msgspec.json.decode(raw)
    except ValueError as error:
        # The text of a `UnicodeDecodeError` is not used: it quotes bytes of the file, which may be secret.
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigError(f"`{source}` is not JSON: {reason}", hint=hint) from None
    except RecursionError:
        raise _too_deep(source) from None
    level = [value]
    for _ in range(DOCUMENT_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    if any(isinstance(one, dict | list) for one in level):
        raise _too_deep(source)
    return value


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep(source: str) -> ConfigError:
    return ConfigError(
        f"`{source}` is nested deeper than {DOCUMENT_DEPTH} levels", hint="flatten the document"
    )
