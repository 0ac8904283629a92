"""Canonical JSON (RFC 8785 on the subset strings, booleans, |integers| < 2^53, arrays, objects) and its hash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from release.json_text import is_utf8

_ENCODER = msgspec.json.Encoder(order="sorted")
# RFC 7493 (I-JSON), section 2.2: other JSON readers hold numbers as IEEE 754 doubles and round integers from 2^53 on,
# so that they would compute another hash.
_LIMIT = 1 << 53


def canonical(value: Any) -> bytes:
    """The canonical JSON bytes of `value`. Raises `ValueError` for null, floats, U+0000 and other excluded values."""
    if not is_plain(value):
        _require_subset(value, "$")
    return _ENCODER.encode(value)


def require_canonical(value: Any) -> None:
    """Raise `ValueError`, which names the member, for a value that has no canonical form."""
    if not is_plain(value):
        _require_subset(value, "$")


def digest_of(schema: str, value: Any, *, any_keys: bool = False) -> str:
    """64 lower-case hex: SHA-256 over the schema name, a newline, and the canonical bytes.

    `any_keys`: keys may be any text, such as names of components. Not for what goes into the version log: releases of
    shipmark that refuse such keys read it, too.
    """
    import hashlib  # imported late: it loads OpenSSL, and `tags` needs no digest

    if any_keys and not is_plain(value):
        _require_subset(value, "$", any_keys=True)
        encoded = msgspec.json.encode(_in_order(value))
    else:
        encoded = canonical(value)
    return hashlib.sha256(schema.encode() + b"\n" + encoded).hexdigest()


def _in_order(value: Any) -> Any:
    """`value` with the keys of each object in the order of RFC 8785, section 3.2.3: by UTF-16 code units."""
    match value:
        case dict():
            return {
                key: _in_order(value[key]) for key in sorted(value, key=lambda one: one.encode("utf-16-be"))
            }
        case list() | tuple():
            return [_in_order(item) for item in value]
    return value


def is_plain(value: Any) -> bool:
    """Whether a quick check finds that `value` has a canonical form.

    True for dicts, lists and tuples of booleans, integers within the limit and ASCII text without U+0000. False does
    not mean that `value` has no canonical form: text that is not ASCII needs the full check, `require_canonical`.
    """
    kind = type(value)
    if kind is dict:
        try:
            names = "".join(value)
        except TypeError:
            return False
        return names.isascii() and "\0" not in names and _are_plain(value.values())
    if kind is list or kind is tuple:
        return _are_plain(value)
    if kind is int:
        return -_LIMIT < value < _LIMIT  # type: ignore[no-any-return]  # an int, as its type says
    return kind is bool or (kind is str and value.isascii() and "\0" not in value)


def _are_plain(values: Iterable[Any]) -> bool:
    for value in values:
        if type(value) is str:  # most values are strings; checking them in this loop saves a call for each
            if not value.isascii() or "\0" in value:
                return False
        elif not is_plain(value):
            return False
    return True


def _require_subset(value: Any, where: str, *, any_keys: bool = False) -> None:
    match value:
        case bool():
            return
        case str():
            _require_text(value, where)
        case int():
            if not -_LIMIT < value < _LIMIT:
                raise ValueError(f"integer at `{where}` is not between -2^53 and 2^53")
        case list() | tuple():
            for position, item in enumerate(value):
                _require_subset(item, f"{where}[{position}]", any_keys=any_keys)
        case dict():
            for key, item in value.items():
                # RFC 8785 sorts keys by UTF-16 units, msgspec by code points; for ASCII keys the order is the same.
                if not isinstance(key, str) or not (any_keys or key.isascii()):
                    raise ValueError(f"key `{key!r}` at `{where}` is not ASCII text")
                _require_text(key, where)
                _require_subset(item, f"{where}.{key}", any_keys=any_keys)
        case _:
            raise ValueError(f"`{type(value).__name__}` at `{where}` has no canonical form")


def _require_text(value: str, where: str) -> None:
    if "\0" in value or not is_utf8(value):
        raise ValueError(f"text at `{where}` holds U+0000 or a lone surrogate")
