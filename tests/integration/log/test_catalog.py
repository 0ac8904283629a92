"""The index of a long log gives the answers of the log itself, whatever happened to log and index in between."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import ConfigError, LogCorrupt, TagConflict
from release.log import Entry, Head, LogStore
from release.log.answers.scope import EVERYTHING
from release.log.catalog import catalog as catalog_module
from release.log.catalog import filling as filling_module
from release.log.catalog.catalog import Catalog
from release.log.catalog.open import open_catalog
from release.log.catalog.open_index import fill_tables
from release.log.catalog.sqlite_rows import SqliteRows
from release.log.catalog.tables import BLOCK, STATE, IndexFailed, Table, first_state
from release.log.fold import fold
from release.log.replicate import copy
from release.log.sealing import seal, seal_all
from release.log.stores.file.store import FileStore
from release.log.stores.sql.index import SqlRows
from release.log.stores.sql.store import SqlStore
from release.log.writer import Writer
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.facts import TickingClock, pushed, whole_release, writer
from tests.support.logs.random_log import random_entries
from tests.support.logs.same_answers import same_answers, same_claims, same_lists, same_versions, view_of
from tests.support.logs.stores import open_store
from tests.support.logs.tampering import put_index_rows

ROOT = Path(__file__).parents[3]
ENTRIES = 4 * BLOCK + 17
Open = Callable[[], Catalog]


def file_of(path: Path, entries: list[Entry]) -> FileStore:
    """Write a log file without fsync, and open it."""
    path.write_bytes(b"".join(entry.raw + b"\n" for entry in entries))
    return store(path)


def store(path: Path) -> FileStore:
    return FileStore(str(path), cancel=Cancel(), monotonic=time.monotonic)


def indexed(log: LogStore, folder: Path, *, program: str = "test") -> Catalog:
    """Return the catalog of the whole log, with everything in the index that fills a block."""
    folder.mkdir(exist_ok=True)
    found = open_catalog(log, lambda: str(folder), program=program, worth=1)
    found.may_fill()
    found.follow(log.read(found.head.seq))
    return found


def opened(log: LogStore, folder: Path) -> Catalog:
    """Return the catalog of the whole log as a command has it that does not write the index."""
    found = open_catalog(log, lambda: str(folder), program="test", worth=1, may_fill=False)
    found.follow(log.read(found.head.seq))
    return found


@pytest.fixture(autouse=True)
def _short_tails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "LARGEST_TAIL", BLOCK)
    monkeypatch.setattr(catalog_module, "_PORTION", 2 * BLOCK)
    monkeypatch.setattr(catalog_module, "_PORTION_SHARED", 2 * BLOCK)
    # Several portions of versions in one transaction.
    monkeypatch.setattr(filling_module, "_COLLECTED_VERSIONS", 5)


@pytest.fixture
def entries() -> list[Entry]:
    return random_entries(5, ENTRIES)


@pytest.fixture(params=STORES)
def filled(request: pytest.FixtureRequest, tmp_path: Path, entries: list[Entry]) -> Iterator[LogStore]:
    """Give a store with the entries."""
    description = describe(request.param, request, tmp_path)
    log: LogStore = open_store(description)
    if request.param == "file":
        Path(description["path"]).parent.mkdir(parents=True)
        log = file_of(Path(description["path"]), entries)
    else:
        copy(file_of(tmp_path / "source.jsonl", entries), log)
    yield log
    getattr(log, "close", lambda: None)()


def test_index_gives_the_answers_of_the_log(filled: LogStore, entries: list[Entry], tmp_path: Path) -> None:
    found = indexed(filled, tmp_path / "indexes")
    assert found.indexed == len(entries) // BLOCK * BLOCK
    for catalog in (found, indexed(filled, tmp_path / "indexes")):
        same_answers(catalog, entries)
        same_versions(catalog, entries)
        same_claims(catalog, entries)
        assert [catalog.at(seq) for seq in range(len(entries))] == entries


def test_index_that_grows_with_the_log_gives_the_answers_of_the_log(
    tmp_path: Path, entries: list[Entry]
) -> None:
    path = tmp_path / "log.jsonl"
    for count in (BLOCK + 1, 2 * BLOCK + 40, 3 * BLOCK - 1, len(entries)):
        found = indexed(file_of(path, entries[:count]), tmp_path / "indexes")
        there = entries[: found.head.seq + 1]  # without the beginning of a batch
        assert found.indexed == len(there) // BLOCK * BLOCK
        same_answers(found, there)
    same_versions(found, entries)


def test_catalog_without_an_index_gives_the_answers_of_the_log(tmp_path: Path, entries: list[Entry]) -> None:
    found = Catalog()
    found.follow(iter(entries))
    assert found.index is None
    same_answers(found, entries)
    same_versions(found, entries)
    same_claims(found, entries)


def test_index_lists_no_version_of_entries_without_a_release_key(tmp_path: Path) -> None:
    """Whoever may write to the log can leave the key empty; the fold reads no release from such entries."""
    facts = [{**fact, "release": ""} for fact in whole_release("none", "9.9.9")]
    facts += [fact for number in range(BLOCK) for fact in whole_release(f"{number}.", f"1.{number}.0")]
    entries = seal_all(
        {str(number): one for number, one in enumerate(facts)}, Head(), "2026-01-02T03:04:05.678Z"
    )
    found = indexed(file_of(tmp_path / "log.jsonl", entries), tmp_path / "indexes")
    same_lists(view_of(found), fold(entries), entries)
    same_versions(found, entries)


def test_index_keeps_a_release_that_was_lost_and_released_again(tmp_path: Path) -> None:
    entries = random_entries(11, 7 * BLOCK)
    lost = [entry for entry in entries if entry.fields.get("lost")]
    assert lost
    path = tmp_path / "log.jsonl"
    for count in range(2 * BLOCK, len(entries), 2 * BLOCK):
        found = indexed(file_of(path, entries[:count]), tmp_path / "indexes")
    there = entries[: found.head.seq + 1]
    same_versions(found, there)
    same_claims(found, there)


def only_index(folder: Path) -> Path:
    (found,) = folder.glob("*.sqlite")
    return found


@pytest.mark.parametrize(
    "damage", ["garbage", "empty", "cut", "another format", "another program", "another log", "shorter log"]
)
def test_index_that_is_damaged_or_does_not_fit_the_log_is_made_again(
    tmp_path: Path, entries: list[Entry], damage: str
) -> None:
    path, folder = tmp_path / "log.jsonl", tmp_path / "indexes"
    indexed(file_of(path, entries), folder)
    index = only_index(folder)
    program = "test"
    match damage:
        case "garbage":
            index.write_bytes(b"no database at all" * 500)
        case "empty":
            index.write_bytes(b"")
        case "cut":
            for other in folder.glob("*.sqlite-*"):
                other.unlink()
            index.write_bytes(index.read_bytes()[: 3 * 4096])
        case "another format":
            with closing(sqlite3.connect(index)) as base:
                base.execute("UPDATE log_index SET format = 0")
                base.commit()
        case "another program":
            program = "another"
        case "another log":
            entries = random_entries(6, ENTRIES)
            file_of(path, entries)
        case _:
            entries = list(file_of(path, entries[: 2 * BLOCK + 5]).read())
    found = indexed(store(path), folder, program=program)
    assert found.indexed == len(entries) // BLOCK * BLOCK
    same_answers(found, entries)


@pytest.mark.parametrize("blocks", range(1, 5))
def test_index_of_any_time_fits_the_log_that_a_power_cut_leaves(
    tmp_path: Path, entries: list[Entry], blocks: int
) -> None:
    """Log and index are files of two folders: after a power cut either may be the older one, and the log be torn."""
    path, folder = tmp_path / "log.jsonl", tmp_path / "indexes"
    made = indexed(file_of(path, entries[: blocks * BLOCK]), folder)
    assert made.index is not None
    made.index.close()
    kept = {one: one.read_bytes() for one in folder.iterdir()}
    for count in (0, 1, BLOCK - 1, BLOCK, 2 * BLOCK - 1, 2 * BLOCK + 1, 4 * BLOCK, ENTRIES - 1):
        for one in folder.iterdir():
            one.unlink()
        for one, content in kept.items():
            one.write_bytes(content)
        log = file_of(path, entries[:count])
        with path.open("ab") as file:
            file.write(entries[count].raw[: 7 * count])
        whole = list(log.read())
        found = indexed(store(path), folder)
        assert found.head.seq + 1 == len(whole)
        assert list(found.newest()) == whole[::-1]
        assert view_of(found).release(str(entries[0].fields["release"])) == fold(whole).release(
            str(entries[0].fields["release"])
        )
        if found.index is not None:
            found.index.close()


def test_index_is_private_and_lies_where_the_folder_says(tmp_path: Path, entries: list[Entry]) -> None:
    path, folder = tmp_path / "log.jsonl", tmp_path / "indexes"
    indexed(file_of(path, entries), folder)
    assert only_index(folder).stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["log.jsonl"]


def test_entry_that_was_changed_after_it_was_indexed_is_refused_when_it_is_used(
    tmp_path: Path, entries: list[Entry]
) -> None:
    """Also an entry whose own hash was made to fit: the index has the hash of the entry that stood there."""
    path, folder = tmp_path / "log.jsonl", tmp_path / "indexes"
    indexed(file_of(path, entries), folder)
    for changed in (_changed(entries, 5, reseal=False), _changed(entries, 5, reseal=True)):
        log = file_of(path, changed)
        found = indexed(log, folder)
        with pytest.raises(LogCorrupt, match="entries 0 to 63 are not those that were verified before"):
            view_of(found).release(str(entries[5].fields["release"]))
        with pytest.raises(LogCorrupt):
            list(store(path).read())


def _changed(entries: list[Entry], seq: int, *, reseal: bool) -> list[Entry]:
    """The entries with another time in one, and with a hash that fits it for `reseal`."""
    fields = entries[seq].fields
    raw = entries[seq].raw.replace(b'"at":"2', b'"at":"3', 1)
    if reseal:
        batch = fields.get("batch")
        span = (batch["first"], batch["last"]) if batch else None
        raw = seal(fields, Head(seq=seq - 1, hash=fields["prev"]), f"3{fields['at'][1:]}", span)
    assert len(raw) == len(entries[seq].raw)
    return [*entries[:seq], Entry(raw=raw, fields=fields), *entries[seq + 1 :]]


def test_damage_behind_the_index_is_told_by_every_reader(tmp_path: Path, entries: list[Entry]) -> None:
    path, folder = tmp_path / "log.jsonl", tmp_path / "indexes"
    indexed(file_of(path, entries), folder)
    last = entries[-3]
    path.write_bytes(path.read_bytes().replace(last.raw, last.raw.replace(b'"at":"2', b'"at":"3', 1)))
    for _ in range(2):
        with pytest.raises(LogCorrupt):
            indexed(store(path), folder)


def test_log_that_cannot_be_indexed_is_read_as_a_whole(tmp_path: Path, entries: list[Entry]) -> None:
    path, folder = tmp_path / "log.jsonl", tmp_path / "indexes"
    indexed(file_of(path, entries), folder)
    index = only_index(folder)
    index.unlink()
    index.mkdir()
    found = indexed(store(path), folder)
    assert found.index is None
    same_answers(found, entries)


def test_index_of_a_short_log_is_not_made(tmp_path: Path, entries: list[Entry]) -> None:
    log = file_of(tmp_path / "log.jsonl", entries)
    asked: list[str] = []

    def folder() -> str:
        asked.append("asked")
        return str(tmp_path)

    assert open_catalog(log, folder, program="test").index is None
    assert asked == []


def test_answers_about_an_empty_log_are_empty(tmp_path: Path) -> None:
    view = view_of(indexed(store(tmp_path / "log.jsonl"), tmp_path / "indexes"))
    assert view.mentions("sha256:" + "0" * 64) == ()
    assert view.at("latest", "9999") == ()
    assert view.newest(EVERYTHING, 50) == ([], 0)
    with pytest.raises(ConfigError, match="is not a digest"):
        view.mentions("latest")


def _break_adding(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> list[str]:
    """Let the database refuse rows of a table, at first when they are added the `number`-th time."""
    calls: list[str] = []
    for rows in (SqliteRows, SqlRows):

        def add(self: Any, table: Table, given: Any, _add: Any = rows.add) -> None:
            calls.extend([table.name] if table.name == name else [])
            if calls.count(name) >= number:
                self.change("DELETE FROM no_such_table")
            _add(self, table, given)

        monkeypatch.setattr(rows, "add", add)
    return calls


@pytest.mark.parametrize("table", ["log_index_hex", "log_index"])
def test_filling_that_fails_is_undone_and_the_command_goes_on(
    filled: LogStore, entries: list[Entry], tmp_path: Path, table: str
) -> None:
    folder = tmp_path / "indexes"
    folder.mkdir()
    own_file = not isinstance(filled, SqlStore)
    with pytest.MonkeyPatch.context() as patch:
        # A file is filled in one transaction, a database in one for each portion: there the second one fails.
        calls = _break_adding(patch, table, 1 if own_file else 2)
        with pytest.raises(IndexFailed):
            indexed(filled, folder)
        assert calls
        writer = Writer(
            filled,
            clock=TickingClock(),
            cancel=Cancel(),
            catalog=lambda may_fill: open_catalog(
                filled, lambda: str(folder), program="test", worth=1, may_fill=may_fill
            ),
        )
        assert [one.seq for one in writer.entries()] == list(range(len(entries)))
        assert writer.view().newest(EVERYTHING, 7)[1] == len(fold(entries).releases)
    kept = open_catalog(filled, lambda: str(folder), program="test", worth=1)
    assert kept.indexed == (0 if own_file else 2 * BLOCK)
    found = indexed(filled, folder)
    assert found.indexed == len(entries) // BLOCK * BLOCK
    same_lists(view_of(found), fold(entries), entries)
    same_versions(found, entries)


def test_filling_that_fails_at_its_first_question_is_left_to_the_next_command(
    filled: LogStore, entries: list[Entry], tmp_path: Path
) -> None:
    """As when the database ends right after the transaction began."""
    folder = tmp_path / "indexes"
    folder.mkdir()
    opened(filled, folder)  # makes the file
    with pytest.MonkeyPatch.context() as patch:
        for rows in (SqliteRows, SqlRows):

            def ask(self: Any, query: str, *values: Any, _ask: Any = rows.ask) -> Any:
                return _ask(
                    self, query.replace("SELECT seq, hash, program FROM", "SELECT none FROM"), *values
                )

            patch.setattr(rows, "ask", ask)
        assert indexed(filled, folder).indexed == 0
    assert indexed(filled, folder).indexed == len(entries) // BLOCK * BLOCK


@pytest.mark.parametrize("store_name", ["file", "sqlite", "postgresql"])
def test_index_that_was_committed_without_a_reply_is_used_and_not_filled_twice(
    store_name: str, request: pytest.FixtureRequest, tmp_path: Path, entries: list[Entry]
) -> None:
    log = open_store(describe(store_name, request, tmp_path))
    copy(file_of(tmp_path / "source.jsonl", entries), log)
    folder = tmp_path / "indexes"
    folder.mkdir()
    opened(log, folder)  # makes the file
    found = open_catalog(log, lambda: str(folder), program="test", worth=1)
    found.may_fill()
    with pytest.MonkeyPatch.context() as patch:
        for rows in (SqliteRows, SqlRows):
            patch.setattr(rows, "transaction", _without_a_reply(rows.transaction))
        with pytest.raises(IndexFailed, match="the reply was lost"):
            found.follow(log.read(found.head.seq))
    found.follow(log.read(found.head.seq))
    same_lists(view_of(found), fold(entries), entries)
    again = opened(log, folder)
    assert again.indexed == (4 if store_name == "file" else 2) * BLOCK, "a database commits each portion"
    same_lists(view_of(again), fold(entries), entries)
    same_versions(again, entries)
    assert indexed(log, folder).indexed == 4 * BLOCK
    getattr(log, "close", lambda: None)()


def _without_a_reply(transaction: Any) -> Any:
    """Let transactions be committed, and their replies get lost."""

    @contextmanager
    def lost(rows: Any) -> Iterator[bool]:
        with transaction(rows) as is_alone:
            yield is_alone
        raise IndexFailed("the reply was lost", hint="")

    return lost


_KILLED = """
import json, os, signal, sys
from release.log.catalog import catalog
from release.log.catalog.open import open_catalog
from release.log.catalog.sqlite_rows import SqliteRows
from release.log.stores.sql.index import SqlRows
from tests.support.logs.stores import open_store

catalog._PORTION = catalog._PORTION_SHARED = catalog.LARGEST_TAIL = 128
for rows in (SqliteRows, SqlRows):
    def add(self, table, given, _add=rows.add):
        _add(self, table, given)
        if table.name == sys.argv[3]:
            os.kill(os.getpid(), signal.SIGKILL)
    rows.add = add
log = open_store(json.loads(sys.argv[1]))
found = open_catalog(log, lambda: sys.argv[2], program="test", worth=1)
found.may_fill()
found.follow(log.read(found.head.seq))
"""


@pytest.mark.parametrize("store_name", ["file", "sqlite", "postgresql"])
def test_process_killed_while_it_fills_the_index_leaves_a_sound_one(
    store_name: str, request: pytest.FixtureRequest, tmp_path: Path, entries: list[Entry]
) -> None:
    description = describe(store_name, request, tmp_path)
    log = open_store(description)
    copy(file_of(tmp_path / "source.jsonl", entries), log)
    folder = tmp_path / "indexes"
    folder.mkdir()
    for table in ("log_index_hex", "log_index"):
        argv = [sys.executable, "-c", _KILLED, json.dumps(description), str(folder), table]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        found = indexed(log, folder) if table == "log_index" else opened(log, folder)
        same_lists(view_of(found), fold(entries), entries)
        same_versions(found, entries)
    getattr(log, "close", lambda: None)()


def test_two_processes_that_fill_one_index_end_with_the_same(tmp_path: Path, entries: list[Entry]) -> None:
    path, folder = tmp_path / "log.jsonl", tmp_path / "indexes"
    folder.mkdir()
    log = file_of(path, entries[: 2 * BLOCK])
    first, second = (
        open_catalog(one, lambda: str(folder), program="test", worth=1) for one in (log, store(path))
    )
    file_of(path, entries)
    first.follow(store(path).read(-1))
    second.follow(store(path).read(-1))
    assert (first.indexed, second.indexed) == (4 * BLOCK, 0)
    for found in (first, second, indexed(store(path), folder)):
        same_answers(found, entries)


def test_writer_on_an_indexed_log_appends_each_fact_once(filled: LogStore, tmp_path: Path) -> None:
    folder = tmp_path / "indexes"
    folder.mkdir()

    def again() -> Writer:
        def catalog(may_fill: bool) -> Catalog:
            return open_catalog(filled, lambda: str(folder), program="test", worth=1, may_fill=may_fill)

        return Writer(filled, clock=TickingClock(), cancel=Cancel(), catalog=catalog)

    before = again().head.seq
    facts = whole_release("fresh", "7.0.0")
    made = again().append(facts)
    assert again().append(facts) == made
    assert len(again().entries()) == len(list(filled.read()))
    assert before <= made[0].seq
    with pytest.raises(TagConflict, match=r"app:7\.0\.0` is"):
        again().append([pushed("another", "another", tag="7.0.0")])


def test_sql_index_is_filled_by_migrate_and_then_by_writers(
    request: pytest.FixtureRequest, tmp_path: Path, entries: list[Entry]
) -> None:
    for kind in ("sqlite", "postgresql"):
        description = describe(kind, request, tmp_path)
        log = open_store(description)
        copy(file_of(tmp_path / "source.jsonl", entries[: 3 * BLOCK]), log)
        reader = open_catalog(log, lambda: str(tmp_path), program="test")
        reader.follow(log.read(reader.head.seq))
        assert (reader.indexed, len(reader.tail)) == (0, reader.head.seq + 1), (
            "a command that only reads changes no table"
        )
        fill_tables(log)
        assert open_catalog(log, lambda: str(tmp_path), program="test").indexed == 2 * BLOCK
        copy(file_of(tmp_path / "source.jsonl", entries), log)
        found = indexed(log, tmp_path)
        assert found.indexed == 4 * BLOCK
        same_answers(found, entries)
        assert list(tmp_path.glob("*.sqlite")) == [], "the tables were used, and no file in the cache folder"
        getattr(log, "close", lambda: None)()


@pytest.mark.parametrize("state", [None, first_state("")], ids=["emptied", "made anew"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_sql_index_that_was_emptied_under_a_process_gives_an_error_and_never_a_wrong_answer(
    request: pytest.FixtureRequest, tmp_path: Path, entries: list[Entry], kind: str, state: Any
) -> None:
    description = describe(kind, request, tmp_path)
    log = open_store(description)
    entries = entries[: 2 * BLOCK]
    copy(file_of(tmp_path / "source.jsonl", entries), log)
    fill_tables(log)

    def catalog(may_fill: bool) -> Catalog:
        return open_catalog(log, lambda: str(tmp_path), program="test", may_fill=may_fill)

    stays = Writer(log, clock=TickingClock(), cancel=Cancel(), catalog=catalog)
    facts = whole_release("fresh", "7.0.0")
    made = stays.append(facts)
    key = next(one.fields["release"] for one in entries if one.fields.get("release"))
    view, whole = stays.view(), fold(entries)
    put_index_rows(description["url"], {} if state is None else {STATE.name: [state]})
    for ask in (
        lambda: view.release(key),
        lambda: view.releases_with(key[:9]),
        lambda: view.projects,
        lambda: view.statuses_of(),
        lambda: view.entries[0],
    ):
        with pytest.raises(IndexFailed, match="made anew meanwhile"):
            ask()
    assert stays.append(facts) == made
    assert stays.find(facts[0]) == made[0]
    assert stays.view().release(key) == whole.release(key)
    getattr(log, "close", lambda: None)()


def test_emptied_sql_index_is_not_begun_in_the_middle_of_the_log(
    request: pytest.FixtureRequest, tmp_path: Path, entries: list[Entry]
) -> None:
    description = describe("sqlite", request, tmp_path)
    log, other = open_store(description), open_store(description)
    copy(file_of(tmp_path / "source.jsonl", entries[: 3 * BLOCK]), log)
    fill_tables(log)
    stays = indexed(log, tmp_path)
    assert stays.indexed
    put_index_rows(description["url"], {})
    copy(file_of(tmp_path / "source.jsonl", entries), other)
    stays.follow(log.read(stays.head.seq))
    same_answers(indexed(other, tmp_path), entries)
    for one in (log, other):
        getattr(one, "close", lambda: None)()


def test_writer_in_its_turn_does_not_wait_for_its_own_lock(
    request: pytest.FixtureRequest, tmp_path: Path, entries: list[Entry]
) -> None:
    """A writer that lost a race reads in its turn, and may find as many new entries as are worth indexing."""
    description = describe("sqlite", request, tmp_path)
    log, other = open_store(description), open_store(description)
    copy(file_of(tmp_path / "source.jsonl", entries[:BLOCK]), log)
    fill_tables(log)

    def catalog(may_fill: bool) -> Catalog:
        return open_catalog(log, lambda: str(tmp_path), program="test", may_fill=may_fill)

    mine = Writer(log, clock=TickingClock(), cancel=Cancel(), catalog=catalog)
    mine.append(whole_release("first", "7.0.0"))
    theirs = [fact for number in range(2 * BLOCK) for fact in whole_release(f"{number}.", f"8.{number}.0")]
    writer(other).append(theirs)
    begun = time.monotonic()
    mine.append(whole_release("second", "7.1.0"))
    assert time.monotonic() - begun < 5, "SQLite waits ten seconds for a lock"
    assert len(mine.entries()) == len(list(log.read()))
    assert opened(log, tmp_path).indexed > BLOCK, "the next reading without a turn fills the index"
    for one in (log, other):
        getattr(one, "close", lambda: None)()


def test_sqlite_log_in_the_workspace_keeps_its_index_in_the_cache(
    tmp_path: Path, entries: list[Entry]
) -> None:
    """An outsider may have written the workspace, and with it the tables of the index."""
    from release.log.stores.sql.migrate import migrate

    url = f"sqlite:///{tmp_path}/workspace/log.db"
    (tmp_path / "workspace").mkdir()
    migrate(url, workspace=str(tmp_path / "workspace"))
    log = SqlStore(url, cancel=Cancel(), workspace=str(tmp_path / "workspace"))
    copy(file_of(tmp_path / "source.jsonl", entries), log)
    fill_tables(log)
    found = indexed(log, tmp_path / "indexes")
    assert only_index(tmp_path / "indexes").exists()
    same_answers(found, entries)
    log.close()


def test_unused_indexes_are_named_by_the_file_that_a_symlink_leads_to(
    tmp_path: Path, entries: list[Entry]
) -> None:
    (tmp_path / "real").mkdir()
    file_of(tmp_path / "real" / "log.jsonl", entries)
    os.symlink(tmp_path / "real", tmp_path / "link")
    for name in ("real", "link"):
        indexed(store(tmp_path / name / "log.jsonl"), tmp_path / "indexes")
    assert only_index(tmp_path / "indexes").exists()
