"""The types of log records, and the JSON Schema of log records that is shipped."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from release.log.records.attempt_kinds import Built, Planned
from release.log.records.kinds import KINDS
from tests.support.logs.facts import (
    MemoryStore,
    built,
    built_platform,
    fact,
    key,
    moved,
    planned,
    pushed,
    released,
    writer,
)
from tests.support.logs.record_schema import page_with_table, record_schema, typed
from tests.support.logs.record_schema import text as record_schema_text
from tests.support.pages import text_of

OTHERS = [
    fact("failed", error={"code": "tag-conflict", "exit": 6, "step": "fix:app", "message": "held"}),
    fact("cancelled", signal="SIGTERM"),
    fact("abandoned", attempt="b", reason="its run is over", evidence="https://ci.example/runs/7"),
    {"kind": "yanked", "project": "p", "versions": ["1.4.2"], "reason": "broken", "number": 1},
    {
        "kind": "restored",
        "project": "p",
        "versions": ["1.4.2"],
        "reason": "it works",
        "number": 2,
        "follows": 3,
    },
    {
        "kind": "status",
        "project": "p",
        "version": "1.5.0",
        "number": 1,
        "status": "prerelease",
        "reason": "box",
    },
    {"kind": "promoted", "project": "p", "from": "a/b", "to": "c/d", "digest": "sha256:" + "0" * 64},
    {
        "kind": "saved-manifest",
        "project": "p",
        "target": "a/b",
        "digest": "sha256:" + "0" * 64,
        "media_type": "m",
        "content": "e30=",
        "tags": ["pr-7"],
    },
    {
        "kind": "pruned",
        "project": "p",
        "target": "a/b",
        "tags": [{"name": "pr-7"}],
        "tag_deletion": "refused",
    },
    {"kind": "unpruned", "project": "p", "target": "a/b", "digests": ["sha256:" + "0" * 64], "run": "r"},
    {
        "kind": "deployed",
        "project": "p",
        "environment": "production",
        "image": {"digest": "sha256:" + "0" * 64},
    },
    {"kind": "note", "project": "p", "text": "looked at it"},
    {"kind": "eclipsed", "project": "p", "of": {"a": [1, True]}},
]
ALL = [planned(), built_platform(), built(), pushed(), released(), moved(), *OTHERS]


def entries_of(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry.fields for entry in writer(MemoryStore()).append(facts)]


def test_shipped_json_schema_of_log_records_is_current() -> None:
    shipped = files("release.log").joinpath("record.schema.json").read_text()
    assert shipped == record_schema_text(), "run `python -m tests.support.logs.record_schema`"


def test_the_page_of_formats_has_a_row_for_each_kind() -> None:
    page = text_of("docs/formats.md")
    assert page == page_with_table(page), "run `python -m tests.support.logs.record_schema`"


def test_log_records_of_every_kind_are_valid_by_the_schema() -> None:
    schema = record_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    stored = entries_of(ALL)
    assert {fields["kind"] for fields in stored} > set(KINDS)
    for fields in stored:
        jsonschema.validate(fields, schema)


@pytest.mark.parametrize(
    "change",
    [
        {"hash": "abc"},
        {"seq": -1},
        {"at": "2026-11-20 10:00:00"},
        {"release": "r"},
        {"image": {"digest": "sha256:1"}},
    ],
)
def test_schema_of_log_records_refuses_malformed_members(change: dict[str, Any]) -> None:
    stored = entries_of([planned(), released()])[1] | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(stored, record_schema())


def test_unknown_members_of_a_log_record_are_valid_and_skipped() -> None:
    (stored,) = entries_of([planned(weather="fine", source={"remote": "git://x/y", "moon": "full"})])
    jsonschema.validate(stored, record_schema())
    record = typed(stored)
    assert isinstance(record, Planned)
    assert record.release == key("r")
    assert stored["weather"] == "fine"


def test_log_record_of_an_unknown_kind_has_no_typed_form() -> None:
    (stored,) = entries_of([{"kind": "eclipsed", "project": "p"}])
    assert typed(stored) is None


def test_log_record_with_a_member_of_a_wrong_type_has_no_typed_form() -> None:
    (stored,) = entries_of([planned()])
    assert typed(stored | {"targets": "all of them"}) is None


def test_log_records_of_every_known_kind_have_a_typed_form() -> None:
    for fields in entries_of(ALL[:-1]):
        assert type(typed(fields)) is KINDS[fields["kind"]]


def test_built_record_with_the_build_context_has_the_id_of_the_record_without_it() -> None:
    """Version 0.1.0 records an image without the build context that later versions record."""
    context = {"digest": f"sha256:{'a' * 64}", "untracked": 0}
    stored = entries_of([built(context=context)])[0]
    record = typed(stored)
    assert isinstance(record, Built)
    assert record.context is not None
    assert (record.context.digest, record.context.untracked) == (context["digest"], 0)
    older = entries_of([built()])[0]
    assert "context" not in older
    assert stored["id"] == older["id"]
