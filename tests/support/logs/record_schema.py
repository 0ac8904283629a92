"""The record's JSON Schema; `python -m tests.support.logs.record_schema` writes it after its types changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from release.decoding import convert
from release.log.record import KINDS, SCHEMA, Record
from release.schema import cleaned

SHIPPED = Path(__file__).parents[3] / "release" / "log" / "record.schema.json"


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one line. Unknown members and kinds are valid, as readers skip them."""
    kinds = tuple(KINDS.values())
    _, components = msgspec.json.schema_components((Record, *kinds), ref_template="#/$defs/{name}")
    envelope = components.pop("Record")
    envelope["properties"]["kind"] = {"type": "string", "not": {"enum": sorted(KINDS)}}
    components["OtherKind"] = {**envelope, "title": "OtherKind", "description": "A kind of a later version."}
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "description": "One line of a version log.",
        "anyOf": [
            *({"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds),
            {"$ref": "#/$defs/OtherKind"},
        ],
        "$defs": dict(sorted(components.items())),
    }
    return dict(cleaned(schema))


def typed(fields: dict[str, Any]) -> Record | None:
    """Return the typed form of stored fields; None for a kind, or a shape, that this version does not know."""
    known = KINDS.get(fields.get("kind", ""))
    if known is None:
        return None
    try:
        return convert(fields, known)
    except msgspec.ValidationError:
        return None


def text() -> str:
    """Return the text that `record.schema.json` must have."""
    return json.dumps(record_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    SHIPPED.write_text(text())
