"""Writes the record's JSON Schema: `python -m tests.support.logs.record_schema` after its types changed."""

from __future__ import annotations

import json
from pathlib import Path

from release.log.record import record_schema

SHIPPED = Path(__file__).parents[3] / "release" / "log" / "record.schema.json"


def text() -> str:
    """Return the text that `record.schema.json` must have."""
    return json.dumps(record_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    SHIPPED.write_text(text())
