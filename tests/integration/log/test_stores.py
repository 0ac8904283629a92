"""One suite over every store: what a `LogStore` promises, whoever is killed. The long form is in `tests/soak`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.errors import LogError, RefusedError
from release.log import Entry, Head, HeadMoved, LogStore
from release.log.chain import head_of, seal, seal_all
from release.log.replicate import Mirrored, copy
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.facts import MemoryStore, independently_verified, planned, whole_release, writer
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


def test_an_empty_log(open_: Open) -> None:
    store = open_()
    assert store.head() == Head()
    assert raw(store) == []
    store.append([], Head())
    assert store.head() == Head()


def test_what_is_appended_is_read_back_by_anybody(open_: Open) -> None:
    log = writer(open_())
    written = [*log.append(whole_release("a", "1.4.1")), *log.append([planned("b", greek="αβγ")])]
    other = open_()
    assert raw(other) == [entry.raw for entry in written]
    assert other.head() == log.head
    assert len(independently_verified(raw(other))) == 6


def test_reading_goes_on_from_any_position(open_: Open) -> None:
    writer(open_()).append(whole_release("a", "1.4.1"))
    store = open_()
    for after in (1, -1, 4, 3, 0, 4):
        assert [entry.seq for entry in store.read(after)] == list(range(after + 1, 5))


def test_two_stores_see_each_others_entries(open_: Open) -> None:
    one, other = writer(open_()), writer(open_())
    for number in range(3):
        one.append([planned(attempt=f"one-{number}")])
        other.append([planned(attempt=f"other-{number}")])
    assert tuple(one.entries()) == tuple(other.entries())
    assert len(independently_verified(raw(open_()))) == 6


def test_the_head_is_compared_and_swapped(open_: Open) -> None:
    one, other = open_(), open_()
    assert one.head() == other.head()
    one.append([seal(planned(), Head(), AT)], Head())
    for store in (one, other):
        with pytest.raises(HeadMoved):
            store.append([seal(planned(attempt="b"), Head(), AT)], Head())
    assert len(raw(open_())) == 1


def test_a_line_that_does_not_continue_the_log_is_refused(open_: Open) -> None:
    store = open_()
    store.append([seal(planned(), Head(), AT)], Head())
    alien = seal(planned(attempt="b"), Head(seq=0, hash="1" * 64), AT)
    with pytest.raises(LogError):
        store.append([alien], store.head())
    with pytest.raises(LogError):
        store.append([b"{}"], store.head())
    assert len(raw(open_())) == 1


def test_a_fact_is_there_once_whoever_writes_it(open_: Open) -> None:
    facts = whole_release("a", "1.4.1")
    first = writer(open_()).append(facts)
    assert writer(open_()).append(facts) == first
    assert len(raw(open_())) == 5


def test_checking_writes_nothing(open_: Open) -> None:
    open_().check_writable()
    writer(open_()).append([planned()])
    open_().check_writable()
    assert len(raw(open_())) == 1


def test_names_hold_no_path_to_a_secret(open_: Open) -> None:
    assert "@/" not in open_().name
    assert "://" not in open_().name or "@" not in open_().name


def test_long_batches_stay_together(open_: Open) -> None:
    facts = {f"{number:032}": planned(attempt=str(number)) for number in range(60)}
    lines = [entry.raw for entry in seal_all(facts, Head(), AT)]
    open_().append(lines, Head())
    assert raw(open_()) == lines


def test_a_log_is_copied_to_the_byte_and_back(open_: Open) -> None:
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


def test_histories_are_never_mixed(open_: Open) -> None:
    origin = MemoryStore()
    writer(origin).append([planned(attempt="here")])
    writer(open_()).append([planned(attempt="there"), planned(attempt="there too")])
    with pytest.raises(RefusedError, match="holds 2 entries that are not the beginning"):
        copy(origin, open_())


def test_a_mirror_follows(open_: Open) -> None:
    warnings: list[str] = []
    truth = MemoryStore()
    writer(truth).append([planned(attempt="before")])
    log = writer(Mirrored(truth, [open_()], warn=warnings.append))
    log.append(whole_release("a", "1.4.1"))
    assert raw(open_()) == truth.lines
    assert warnings == []


def test_killed_writers_lose_nothing_and_double_nothing(
    kind: str, description: dict[str, Any], tmp_path: Path
) -> None:
    workers, count, kills = SHORT[kind]
    herd = Herd(description, tmp_path, workers=workers, count=count)
    herd.run(kills=kills, pause=0.4)
    entries = herd.verify()
    assert len(entries) == workers * count


def test_a_mirror_that_fails_never_fails_the_release() -> None:
    class Broken(MemoryStore):
        name = "the other place"

        def head(self) -> Head:
            raise LogError("it is on fire")

    warnings: list[str] = []
    truth = MemoryStore()
    entries = writer(Mirrored(truth, [Broken()], warn=warnings.append)).append([planned()])
    assert head_of(entries[0]) == truth.head()
    assert warnings == ["mirror `the other place` was not written: it is on fire"]


def test_a_mirror_that_went_another_way_is_left_alone() -> None:
    warnings: list[str] = []
    truth, mirror = MemoryStore(), MemoryStore()
    writer(mirror).append([planned(attempt="alien")])
    before = list(mirror.lines)
    writer(Mirrored(truth, [mirror], warn=warnings.append)).append([planned()])
    assert mirror.lines == before
    assert "are not the beginning of" in warnings[0]


def test_an_entry_is_its_bytes_and_its_fields() -> None:
    line = seal(planned(), Head(), AT)
    store = MemoryStore()
    store.append([line], Head())
    (entry,) = store.read()
    assert isinstance(entry, Entry)
    assert entry.raw == line
    assert entry.kind == "planned"
