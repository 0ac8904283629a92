"""The JSON Schema of records, and the table of their kinds in `docs/formats.md`, both made of the types.

`python -m tests.support.logs.record_schema` writes them anew after the types changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from release.decoding import convert
from release.log import SCHEMA
from release.log.records.attempt_kinds import Record
from release.log.records.kinds import KINDS
from release.schema import cleaned, identifier

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "release" / "log" / "record.schema.json"
PAGE = ROOT / "docs" / "formats.md"
_MARKS = ("<!-- made by `python -m tests.support.logs.record_schema` -->\n\n", "\n<!-- end -->\n")


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one line. Unknown members and kinds are valid, as readers skip them."""
    kinds = tuple(KINDS.values())
    _, components = msgspec.json.schema_components((Record, *kinds), ref_template="#/$defs/{name}")
    envelope = components.pop("Record")
    envelope["properties"]["kind"] = {"type": "string", "not": {"enum": sorted(KINDS)}}
    components["OtherKind"] = {**envelope, "title": "OtherKind", "description": "A kind of a later version."}
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identifier(SCHEMA),
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


def kinds_table() -> str:
    """Return a Markdown table with a row for each kind: what it says, and the members that only it has."""
    shared = {field.name for field in msgspec.structs.fields(Record)}
    rows = []
    for name, kind in KINDS.items():
        says = " ".join((kind.__doc__ or "").split("\n\n")[0].split()).replace("|", "\\|")
        own = [field for field in msgspec.structs.fields(kind) if field.name not in shared]
        members = ", ".join(f"`{field.encode_name}`" for field in own)
        rows.append(f"| `{name}` | {says} | {members} |\n")
    return "".join(("| kind | says | its own members |\n|---|---|---|\n", *rows))


def page_with_table(page: str) -> str:
    """Return the text of `docs/formats.md` with the table of kinds between its marks."""
    before, opening, rest = page.partition(_MARKS[0])
    _, closing, after = rest.partition(_MARKS[1])
    assert opening
    assert closing
    return f"{before}{opening}{kinds_table()}{closing}{after}"


if __name__ == "__main__":
    SHIPPED.write_text(text())
    PAGE.write_text(page_with_table(PAGE.read_text()))
