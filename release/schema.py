"""Gives generated JSON Schemas their identifier, and makes them equal on every Python version."""

from __future__ import annotations

import inspect
from typing import Any


def identifier(name: str) -> str:
    """The `$id` of a JSON Schema: `urn:shipmark:schema:log:1` for `shipmark.log/1`.

    A URN and no URL: an identifier need not be served, and a host that is made up could be registered by somebody else.
    """
    return f"urn:shipmark:schema:{name.removeprefix('shipmark.').replace('/', ':')}"


def cleaned(schema: Any) -> Any:
    """`schema` with every description dedented: the compiler dedents docstrings since Python 3.13, and not before."""
    if isinstance(schema, dict):
        return {
            name: inspect.cleandoc(value)
            if name == "description" and isinstance(value, str)
            else cleaned(value)
            for name, value in schema.items()
        }
    if isinstance(schema, list | tuple):
        return [cleaned(item) for item in schema]
    return schema
