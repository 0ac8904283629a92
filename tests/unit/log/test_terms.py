"""The terms under which the index lists an entry."""

from __future__ import annotations

import pytest

from release.log.catalog.terms import tag_term, terms_of
from release.log.fold import SETS_TAGS
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
