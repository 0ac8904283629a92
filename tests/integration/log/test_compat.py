"""Logs that released versions of shipmark wrote are read, copied to other stores and continued by this version.

`tests/compat/write_corpus.py` wrote the logs, and the files are never changed. In every store, this version must read
from a log the state that the version which wrote the log read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.log import LogStore
from release.log.replicate import copy
from release.plan.release_key import release_key
from tests.compat.summary import file_store, summary_of
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.facts import independently_verified, planned, writer
from tests.support.logs.stores import open_store
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

CORPUS = Path(__file__).parents[2] / "compat"
LOGS = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*.jsonl"))
OWN = ("schema", "seq", "prev", "hash", "id", "at", "batch")


def expected(log: str) -> dict[str, Any]:
    whole = json.loads((CORPUS / log).with_name("expected.json").read_text())
    return dict(whole[Path(log).stem])


def copied(log: str, folder: Path) -> Path:
    """Make a writable copy of a log of the corpus, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(CORPUS / log, folder / "log.jsonl"))


def test_corpus_of_old_logs_has_every_flow_and_is_unchanged() -> None:
    flows = {"cancelled", "killed", "promoted", "releases", "resumed", "rollback", "torn"}
    for version in {Path(log).parent for log in LOGS}:
        assert {Path(log).stem for log in LOGS if Path(log).parent == version} >= flows
    for log in LOGS:
        assert hashlib.sha256((CORPUS / log).read_bytes()).hexdigest() == expected(log)["sha256"]


@pytest.fixture(params=STORES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    """Give an empty log in each kind of store."""
    store: LogStore = open_store(describe(request.param, request, tmp_path), Cancel())
    yield store
    getattr(store, "close", lambda: None)()


@pytest.mark.parametrize("log", LOGS)
def test_old_log_is_copied_to_every_store_and_continued(log: str, empty: Any, tmp_path: Path) -> None:
    origin = file_store(copied(log, tmp_path / "old"))
    lines = [entry.raw for entry in origin.read()]
    assert copy(origin, empty) == expected(log)["entries"]
    assert [entry.raw for entry in empty.read()] == lines
    assert {"sha256": expected(log)["sha256"], **summary_of(empty)} == expected(log)
    added = writer(empty).append([planned("new", attempt="new")])
    after = [entry.raw for entry in empty.read()]
    assert after == [*lines, *(entry.raw for entry in added)]
    independently_verified(after)


@pytest.mark.parametrize("log", LOGS)
def test_facts_of_an_old_log_are_not_written_again(log: str, tmp_path: Path) -> None:
    """A release that began under an older version is continued, not begun again."""
    log_writer = writer(file_store(copied(log, tmp_path)))
    entries = tuple(log_writer.entries())
    facts = [{name: value for name, value in entry.fields.items() if name not in OWN} for entry in entries]
    assert log_writer.append(facts) == entries


@pytest.mark.parametrize("log", LOGS)
def test_release_keys_of_an_old_log_are_those_of_this_version(log: str, tmp_path: Path) -> None:
    """With another key, a release that began under an older version would begin a second time."""
    entries = list(file_store(copied(log, tmp_path)).read())
    begun = [entry.fields for entry in entries if entry.kind == "planned"]
    assert begun
    for one in begun:
        primary = next(tag["name"] for tag in one["targets"][0]["tags"] if tag["kind"] == "fixed")
        assert one["release"] == release_key(one["project"], one["commit"], primary)


@pytest.mark.parametrize("log", [log for log in LOGS if log.endswith("/torn.jsonl")])
def test_torn_tail_of_an_old_log_is_copied_and_cut_off(log: str, tmp_path: Path) -> None:
    path = copied(log, tmp_path)
    whole, _, torn = path.read_bytes().rpartition(b"\n")
    assert torn
    writer(file_store(path)).append([planned("new", attempt="new")])
    assert path.read_bytes().startswith(whole + b"\n")
    independently_verified(path.read_bytes().splitlines())
    (aside,) = tmp_path.glob("log.jsonl.torn-*")
    assert aside.read_bytes() == torn


@pytest.mark.parametrize("log", LOGS)
def test_log_commands_read_a_log_of_an_older_version(log: str, git_repo: GitRepo, shipmark: Shipmark) -> None:
    copied(log, git_repo.path / ".shipmark")
    git_repo.write({"shipmark.yml": "image: registry.example/acme/app\nproject: acme/app\n"})
    told = shipmark("log", "verify", cwd=git_repo.path)
    assert told.code == 0, told.stderr
    assert f"{expected(log)['entries']} entries, the chain is whole" in told.stdout
    listed = shipmark("log", "list", "--json", cwd=git_repo.path).json["releases"]
    # The summary has the state of the release, which stays `released` when the version is taken back.
    assert [
        (one["version"], "released" if one["yanked_at"] else one["state"]) for one in reversed(listed)
    ] == [(version, state) for version, state, *_ in expected(log)["releases"]]
    assert shipmark("log", "show", "1.4.1", cwd=git_repo.path).code == 0
