"""JSON Schema of our own types, the same text on every Python."""

from __future__ import annotations

import inspect
from typing import Any


def cleaned(schema: Any) -> Any:
    """`schema` with its descriptions dedented: from Python 3.13 on the compiler does that to docstrings, before not."""
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
