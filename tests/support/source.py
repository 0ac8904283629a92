"""Parses the modules of `ci` and `release` into syntax trees, for tests of rules that every module must follow."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    """Return each module of `ci` and `release` by its dotted name, parsed once for all tests."""
    found = []
    for package in ("ci", "release"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append((name, ast.parse(path.read_text(), str(path))))
    return tuple(found)
