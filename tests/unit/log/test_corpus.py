"""Logs that released versions wrote stay readable: verified, folded, appended to. The files are never changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from release.log.answers.mentions import find
from release.log.fold import fold
from release.log.timestamps import moment
from tests.support.logs.facts import (
    COMMIT,
    PROJECT,
    MemoryStore,
    digest,
    independently_verified,
    key,
    planned,
    writer,
)
from tests.support.logs.reference_answers import at

CORPUS = Path(__file__).parent / "corpus"

#: File -> SHA-256 of its bytes, and the hash of its last entry. A new version adds a line, none is ever changed.
FILES = {
    "shipmark.log-1.jsonl": (
        "081337b742eecd04196a3efd219aa2665d77337455e44588cec8cd72ccc7a779",
        "5dfe8f7d7c0c5b902dfb43f9eb65851ce7a8bd89b0c1630c414dc62e074b8b8d",
    ),
}


def store_of(name: str) -> MemoryStore:
    store = MemoryStore()
    store.lines = (CORPUS / name).read_bytes().splitlines()
    return store


def test_log_files_of_the_corpus_are_listed_and_unchanged() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(CORPUS.glob("*.jsonl"))
    }
    assert found == {name: whole for name, (whole, _) in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_log_of_an_older_version_verifies_and_accepts_an_append(name: str) -> None:
    store = store_of(name)
    log = writer(store)
    assert log.entries()
    assert log.head.hash == FILES[name][1]
    log.append([planned("new", attempt="new")])
    independently_verified(store.lines)


@pytest.mark.parametrize("name", FILES)
def test_facts_of_an_older_version_keep_their_ids(name: str) -> None:
    """With changed ids, facts of a release that an older version began would be recorded a second time."""
    store = store_of(name)
    log = writer(store)
    own = {"schema", "seq", "prev", "hash", "id", "at", "batch"}
    facts = [
        {member: value for member, value in entry.fields.items() if member not in own}
        for entry in log.entries()
    ]
    assert log.append(facts) == tuple(log.entries())


def test_log_with_schema_version_1_folds_to_the_expected_state() -> None:
    entries = writer(store_of("shipmark.log-1.jsonl")).entries()
    state = fold(entries)
    assert state.skipped == 1
    assert {release.version: release.state for release in state.releases.values()} == {
        "1.4.1": "released",
        "1.4.2": "released",
        "1.5.0": "planned",
    }
    assert state.released_versions(PROJECT) == (("1.4.1", COMMIT, 0), ("1.4.2", COMMIT, 0))
    assert [(one.version, one.status) for one in state.statuses_of(PROJECT)] == [("1.4.2", "yanked")]
    assert state.open_attempts() == ()
    second = state.release(key("second"))
    assert second is not None
    assert second.image is not None
    assert (second.image.digest, second.via) == (digest("two"), "resume")
    assert [attempt.ended for attempt in second.attempts] == ["failed", "released"]
    assert at(state, "latest", moment("2025-12-31"))[0].hold.version == "1.4.1"
    assert at(state, "stable", moment("2025-12-31"))[0].target == "prod.example/app"
    assert {mention.kind for mention in find(entries, digest("one"))} == {
        "built",
        "pushed",
        "released",
        "moved",
        "promoted",
        "deployed",
    }
