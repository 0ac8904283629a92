"""Decodes JSON and converts plain values into typed values; no other module calls msgspec for typed decoding.

msgspec analyses a type when the type is first used and stores the result on the type, without a lock. Two threads that
decode into the same new type at the same time can crash the process with a segmentation fault (seen with msgspec 0.22.0
on Python 3.11). So the first use of each type happens under a lock.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

# Serialises the first use of each type: two threads that use a new type first at the same time can crash the process.
_FIRST_USE = threading.Lock()
_known: set[Any] = set()  # types that msgspec has analysed; they are decoded without the lock


def decode(raw: bytes | bytearray | memoryview | str, kind: type[T], *, strict: bool = True) -> T:
    """The JSON text `raw` as a `kind`.

    Raises `msgspec.DecodeError` for text that is not JSON and for a value that does not fit `kind`,
    `UnicodeDecodeError` for bytes that are not UTF-8, and `RecursionError` for very deep nesting.
    `strict`: if false, text that writes a number, a boolean or null is accepted in its place, such as `"1"` for 1.
    """
    _learn(kind)
    return msgspec.json.decode(raw, type=kind, strict=strict)


def convert(value: Any, kind: type[T], *, strict: bool = True) -> T:
    """Convert lists, mappings, texts and numbers to a `kind`. Raises `msgspec.ValidationError` if one does not fit.

    `strict`: if false, text that writes a number, a boolean or null is accepted in its place, such as `"1"` for 1.
    """
    _learn(kind)
    return msgspec.convert(value, kind, strict=strict)


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """A reusable decoder, for callers that decode thousands of lines."""
    with _FIRST_USE:
        return msgspec.json.Decoder(kind)


def _learn(kind: Any) -> None:
    # A type enters `_known` only after msgspec has analysed it completely, so it may be read without the lock.
    if kind not in _known:
        with _FIRST_USE:
            msgspec.json.Decoder(kind)  # analyses `kind` and the types of the fields
            _known.add(kind)
