"""Makes generated JSON Schemas equal on every Python version."""

from __future__ import annotations

import inspect
from typing import Any


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
