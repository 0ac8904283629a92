"""The terms under which the index lists an entry."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.log import Entry
from release.log.catalog.terms import DIGITS, hex_of, is_of_release, tag_term, terms_of
from release.log.chain import stored
from release.log.records.entry_members import SETS_TAGS
from tests.support.logs.facts import MemoryStore, digest, writer


@pytest.mark.parametrize("kind", ["pruned", "unpruned"])
def test_an_entry_about_a_tag_is_listed_under_the_tag(kind: str) -> None:
    fact = {
        "kind": kind,
        "project": "acme/app",
        "attempt": "a",
        "target": "r.example/app",
        "tags": [{"name": "sha-1", "result": "moved", "digest": digest("i"), "before": digest("i")}],
    }
    assert kind in SETS_TAGS
    entries = writer(MemoryStore()).append([fact])
    assert tag_term("r.example/app", "sha-1") in terms_of(entries).texts


def entry(**fields: Any) -> Entry:
    return stored(json.dumps(fields, ensure_ascii=False).encode())


@pytest.mark.parametrize("value", [5, True, [], ["x"], {}, {"commit": []}, "", "é"], ids=repr)
def test_entry_with_members_of_other_types_has_terms(value: Any) -> None:
    """Another version, or a stranger, may have written the entry: it is listed under what can be read."""
    names = ("kind", "project", "commit", "release", "source", "tags", "versions", "version", "git_tag", "id")
    for kind in ("planned", "pushed", "promoted", "yanked", "deployed", "moved", "released"):
        odd = entry(**dict.fromkeys(names, value) | {"kind": kind})
        assert all(isinstance(one, str) for one in terms_of([odd]).texts)
        assert not is_of_release(odd.fields)
    assert terms_of([entry(**dict.fromkeys(names, value))]).hexes == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sha256:" + "ab" * 32, {"ab" * 7 + "a"}),
        ("sha256:abcé sha256:12", {"abc", "12"}),
        ("sha256:sha256:7", {"7"}),
        ("sha256:", set()),
        ("SHA256:ab sha25:ab", set()),
    ],
)
def test_digest_anywhere_in_an_entry_is_listed(text: str, found: set[str]) -> None:
    assert terms_of([entry(kind="note", a={"b": [text]}), entry(kind="note")]).hexes == found


@given(st.text("0123456789abcdefg_ \n+x", max_size=20))
def test_hexadecimal_beginning_of_a_text_ends_at_the_first_other_character(text: str) -> None:
    match = re.match(rf"[0-9a-f]{{1,{DIGITS}}}", text)
    assert hex_of(text) == (match[0] if match else "")
