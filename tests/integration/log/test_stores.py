"""The contract of `LogStore`, tested for every store, also with killed writers; longer in `tests/soak`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import LogCorrupt, LogError, RefusedError
from release.log import Entry, Head, HeadMoved, LogStore
from release.log.catalog.tables import BLOCK
from release.log.chain import head_of
from release.log.replicate import Mirrored, copy
from release.log.sealing import seal, seal_all
from release.log.stores.file.store import FileStore
from release.log.stores.syscalls import OsFiles
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.facts import (
    MemoryStore,
    independently_verified,
    moved,
    planned,
    whole_release,
    writer,
)
from tests.support.logs.random_log import random_entries
from tests.support.logs.stores import open_store
from tests.support.logs.worker import Herd

AT = "2026-11-20T10:00:00.000Z"

#: workers, appends of each, kills
SHORT = {"file": (3, 40, 4), "sqlite": (3, 15, 3), "postgresql": (3, 20, 3), "git": (2, 4, 2)}

Open = Callable[[], LogStore]


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def description(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    return describe(kind, request, tmp_path)


@pytest.fixture
def open_(description: dict[str, Any]) -> Iterator[Open]:
    opened: list[LogStore] = []

    def again() -> LogStore:
        opened.append(open_store(description))
        return opened[-1]

    yield again
    for store in opened:
        getattr(store, "close", lambda: None)()


def raw(store: LogStore, after: int = -1) -> list[bytes]:
    return [entry.raw for entry in store.read(after)]


def test_new_log_store_is_an_empty_log(open_: Open) -> None:
    store = open_()
    assert store.head() == Head()
    assert raw(store) == []
    store.append([], Head())
    assert store.head() == Head()


def test_appended_entries_are_read_by_another_store_object(open_: Open) -> None:
    log = writer(open_())
    written = [*log.append(whole_release("a", "1.4.1")), *log.append([planned("b", greek="αβγ")])]
    other = open_()
    assert raw(other) == [entry.raw for entry in written]
    assert other.head() == log.head
    assert len(independently_verified(raw(other))) == 6


def test_read_returns_the_entries_after_any_position(open_: Open) -> None:
    writer(open_()).append(whole_release("a", "1.4.1"))
    store = open_()
    for after in (1, -1, 4, 3, 0, 4):
        assert [entry.seq for entry in store.read(after)] == list(range(after + 1, 5))


def test_two_writers_read_each_others_entries(open_: Open) -> None:
    one, other = writer(open_()), writer(open_())
    for number in range(3):
        one.append([planned(attempt=f"one-{number}")])
        other.append([planned(attempt=f"other-{number}")])
    assert tuple(one.entries()) == tuple(other.entries())
    assert len(independently_verified(raw(open_()))) == 6


def test_append_to_a_log_store_with_an_old_head_raises_head_moved(open_: Open) -> None:
    one, other = open_(), open_()
    assert one.head() == other.head()
    one.append([seal(planned(), Head(), AT)], Head())
    for store in (one, other):
        with pytest.raises(HeadMoved):
            store.append([seal(planned(attempt="b"), Head(), AT)], Head())
    assert len(raw(open_())) == 1


def test_line_that_does_not_continue_the_log_is_refused(open_: Open) -> None:
    store = open_()
    store.append([seal(planned(), Head(), AT)], Head())
    alien = seal(planned(attempt="b"), Head(seq=0, hash="1" * 64), AT)
    with pytest.raises(LogError):
        store.append([alien], store.head())
    with pytest.raises(LogError):
        store.append([b"{}"], store.head())
    assert len(raw(open_())) == 1


def test_equal_facts_of_two_writers_are_stored_once(open_: Open) -> None:
    facts = whole_release("a", "1.4.1")
    first = writer(open_()).append(facts)
    assert writer(open_()).append(facts) == first
    assert len(raw(open_())) == 5


def test_entries_for_a_head_that_others_moved_on_are_refused_by_every_log_store(open_: Open) -> None:
    mine, other = writer(open_()), writer(open_())
    mine.append(whole_release("r", "1.4.2"))
    for theirs in (
        planned("x", version="1.4.3"),
        moved("r", image="other"),
        {"kind": "note", "project": "p", "text": "x"},
    ):
        head = mine.head
        other.append([theirs])
        for _ in range(2):  # before this writer has read what the other appended, and afterwards
            assert not mine.append_at([moved("r", tag="1.4")], head)
            assert mine.head == other.head
        assert mine.find(moved("r", tag="1.4")) is None
    assert mine.append_at([moved("r", tag="1.4")], mine.head)
    assert other.find(moved("r", tag="1.4")) is not None


def test_check_writable_of_a_log_store_appends_nothing(open_: Open) -> None:
    open_().check_writable()
    writer(open_()).append([planned()])
    open_().check_writable()
    assert len(raw(open_())) == 1


def test_name_of_a_log_store_contains_no_credential(open_: Open) -> None:
    assert "@/" not in open_().name
    assert "://" not in open_().name or "@" not in open_().name


def test_long_batch_of_entries_is_stored_whole(open_: Open) -> None:
    facts = {f"{number:032}": planned(attempt=str(number)) for number in range(60)}
    lines = [entry.raw for entry in seal_all(facts, Head(), AT)]
    open_().append(lines, Head())
    assert raw(open_()) == lines


def test_copied_log_has_equal_bytes(open_: Open) -> None:
    origin = MemoryStore()
    log = writer(origin)
    for number in range(7):
        log.append(whole_release(f"r{number}", f"1.0.{number}"))
    store = open_()
    assert copy(origin, store) == 35
    assert copy(origin, store) == 0
    log.append([planned("later")])
    assert copy(origin, store) == 1
    back = MemoryStore()
    copy(open_(), back)
    assert back.lines == origin.lines


def test_two_copies_at_once_make_one_log(open_: Open) -> None:
    origin = MemoryStore()
    origin.lines = [entry.raw for entry in random_entries(3, 450)]
    others: list[int] = []

    def overtake(copied: int) -> None:
        if not others:
            others.append(copied)
            others.append(copy(origin, open_()))

    assert copy(origin, open_(), progress=overtake) == others[0] < len(origin.lines)
    assert [entry.raw for entry in open_().read()] == origin.lines
    assert sum(others) == len(origin.lines)


def test_copy_of_a_log_with_an_entry_twice_is_refused_by_databases(open_: Open, kind: str) -> None:
    first, *_ = seal_all({"a" * 32: planned()}, Head(), AT)
    (second,) = seal_all({"a" * 32: planned()}, head_of(first), AT)
    origin = MemoryStore()
    origin.lines = [first.raw, second.raw]
    if kind in ("file", "git"):  # these look at the chain only
        assert copy(origin, open_()) == 2
        return
    with pytest.raises(LogCorrupt, match="an entry is there twice"):
        copy(origin, open_())


def test_copy_to_a_log_with_other_entries_is_refused(open_: Open) -> None:
    origin = MemoryStore()
    writer(origin).append([planned(attempt="here")])
    writer(open_()).append([planned(attempt="there"), planned(attempt="there too")])
    with pytest.raises(RefusedError, match="holds 2 entries that are not the beginning"):
        copy(origin, open_())


def test_mirror_of_a_log_receives_old_and_new_entries(open_: Open) -> None:
    warnings: list[str] = []
    truth = MemoryStore()
    writer(truth).append([planned(attempt="before")])
    log = writer(Mirrored(truth, [open_()], warn=warnings.append))
    log.append(whole_release("a", "1.4.1"))
    assert raw(open_()) == truth.lines
    assert warnings == []


def test_mirrored_append_reads_only_the_newest_entries(tmp_path: Path) -> None:
    """A mirror is compared with the log at each append; reading a long log from its beginning would take seconds."""
    offsets: list[int] = []

    class Recording(OsFiles):
        def read(self, fd: int, offset: int) -> Iterator[bytes]:
            offsets.append(offset)
            return super().read(fd, offset)

    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(entry.raw + b"\n" for entry in random_entries(3, 400)))
    truth = FileStore(str(path), cancel=Cancel(), monotonic=time.monotonic, files=Recording())
    mirror = MemoryStore()
    warnings: list[str] = []
    log = writer(Mirrored(truth, [mirror], warn=warnings.append))
    log.append([planned(attempt="first")])
    offsets.clear()
    for number in range(30):
        log.append([planned(attempt=str(number))])
    assert mirror.lines == path.read_bytes().splitlines()
    assert offsets
    assert min(offsets) > path.stat().st_size // 2
    assert warnings == []


def test_killed_writers_of_a_log_store_lose_and_repeat_no_entry(
    kind: str, description: dict[str, Any], tmp_path: Path
) -> None:
    """The writers also keep an index, which gives every entry wherever they were killed."""
    workers, count, kills = SHORT[kind]
    herd = Herd(description, tmp_path, workers=workers, count=count, indexed=True)
    herd.run(kills=kills, pause=0.4)
    entries = herd.verify()
    assert len(entries) == workers * count
    assert herd.verify_index() % BLOCK == 0


def test_failing_mirror_of_a_log_causes_a_warning_only() -> None:
    class Broken(MemoryStore):
        name = "the other place"

        def head(self) -> Head:
            raise LogError("it is on fire")

    warnings: list[str] = []
    truth = MemoryStore()
    entries = writer(Mirrored(truth, [Broken()], warn=warnings.append)).append([planned()])
    assert head_of(entries[0]) == truth.head()
    assert warnings == ["mirror `the other place` was not written: it is on fire"]


def test_mirror_of_a_log_with_other_entries_is_left_unchanged_with_a_warning() -> None:
    warnings: list[str] = []
    truth, mirror = MemoryStore(), MemoryStore()
    writer(mirror).append([planned(attempt="alien")])
    before = list(mirror.lines)
    writer(Mirrored(truth, [mirror], warn=warnings.append)).append([planned()])
    assert mirror.lines == before
    assert "are not the beginning of" in warnings[0]


def test_entry_read_from_a_log_store_has_its_raw_bytes_and_its_kind() -> None:
    line = seal(planned(), Head(), AT)
    store = MemoryStore()
    store.append([line], Head())
    (entry,) = store.read()
    assert isinstance(entry, Entry)
    assert entry.raw == line
    assert entry.kind == "planned"
