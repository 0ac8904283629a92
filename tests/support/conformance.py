"""Reads the tables of `tests/conformance/`: test cases of other projects, or results of their programs, as data."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "conformance"


def table(name: str) -> dict[str, Any]:
    """Return the table `name`, from `name.json` or from `name.json.gz`."""
    plain = FOLDER / f"{name}.json"
    text = (
        plain.read_bytes() if plain.exists() else gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes())
    )
    document: dict[str, Any] = json.loads(text)
    return document
