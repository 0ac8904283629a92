"""Reads members of log entries; a member of another type counts as absent, as other versions may write it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Fields = dict[str, Any]


def text_of(fields: Fields, name: str) -> str:
    """The text in member `name`; empty if there is none."""
    value = fields.get(name)
    return value if type(value) is str else ""


def number_of(fields: Fields, name: str, default: int = -1) -> int:
    """The integer in member `name`, else `default`."""
    value = fields.get(name)
    return value if type(value) is int else default


def object_of(fields: Fields, name: str) -> Fields:
    """The object in member `name`; empty if there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def dicts_of(fields: Fields, name: str) -> Iterator[Fields]:
    """The objects in the list in member `name`."""
    value = fields.get(name)
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def texts_of(fields: Fields, name: str) -> Iterator[str]:
    """The texts in the list in member `name`."""
    value = fields.get(name)
    if isinstance(value, list):
        yield from (item for item in value if type(item) is str)
