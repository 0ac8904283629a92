"""Appending to the log: numbering, chaining, retries after lost races, and one entry for equal facts."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from release.control import Cancel
from release.errors import LogCorrupt, LogError, LogUnavailable, TagConflict, Terminated
from release.log import Entry, Head, HeadMoved
from release.log.chain import head_of
from release.log.writer import Writer
from tests.support.logs.facts import (
    MemoryStore,
    TickingClock,
    built,
    digest,
    fact,
    independently_verified,
    planned,
    pushed,
    released,
    whole_release,
    writer,
)


def test_appended_log_entries_are_chained_and_returned() -> None:
    store = MemoryStore()
    entries = writer(store).append(whole_release("r", "1.4.2"))
    assert [entry.seq for entry in entries] == [0, 1, 2, 3, 4]
    assert [line["kind"] for line in independently_verified(store.lines)] == [
        "planned",
        "built",
        "pushed",
        "released",
        "moved",
    ]


def test_equal_facts_of_two_writers_are_written_once() -> None:
    store = MemoryStore()
    (first,) = writer(store).append([built(attempt="a")])
    (second,) = writer(store).append([built(attempt="b", actor="bob")])
    assert second == first
    assert len(store.lines) == 1


def test_only_facts_that_the_log_lacks_are_appended() -> None:
    store = MemoryStore()
    log = writer(store)
    log.append([planned(), built()])
    entries = log.append([built(), pushed(), pushed(), planned()])
    assert [entry.seq for entry in entries] == [1, 2, 2, 0]
    assert len(store.lines) == 3


def test_append_of_facts_that_the_log_has_still_calls_the_store() -> None:
    asked: list[int] = []
    store = MemoryStore()
    log = writer(store)
    log.append([planned()])
    store.before_append = lambda: asked.append(1)
    log.append([planned()])
    assert asked == [1]


def test_facts_are_appended_at_a_head_only_while_the_log_ends_there() -> None:
    store = MemoryStore()
    log, other = writer(store), writer(store)
    start = log.head
    other.append([planned()])
    assert not log.append_at([built()], start)
    assert len(store.lines) == 1
    assert log.head == other.head
    assert log.append_at([built()], log.head)
    assert log.append_at([built()], log.head)
    assert len(independently_verified(store.lines)) == 2


def test_facts_that_lost_a_race_for_a_head_are_not_left_for_other_writers() -> None:
    store = WithInbox()
    log = writer(store)
    log.append([planned()])

    def interfere() -> None:
        store.before_append = lambda: None
        writer(store).append([built()])

    store.before_append = interfere
    assert not log.append_at([pushed()], log.head)
    assert store.parked() == {}


def test_log_writer_retries_after_lost_races() -> None:
    store = MemoryStore()
    other = writer(MemoryStore())
    other._store = store
    rounds = iter("xyz")

    def interfere() -> None:
        store.before_append = lambda: None
        other.append([planned(attempt=f"other-{next(rounds)}")])
        if len(store.lines) < 3:
            store.before_append = interfere

    store.before_append = interfere
    (entry,) = writer(store, jitter=lambda: 0.0).append([planned(attempt="mine")])
    assert entry.seq == 3
    independently_verified(store.lines)


def test_entry_of_a_concurrent_writer_for_an_equal_fact_is_returned() -> None:
    store = MemoryStore()

    def interfere() -> None:
        store.before_append = lambda: None
        writer(store).append([built(attempt="rival")])

    store.before_append = interfere
    (entry,) = writer(store, jitter=lambda: 0.0).append([built(attempt="mine")])
    assert entry.fields["attempt"] == "rival"
    assert len(store.lines) == 1


def test_log_writer_that_loses_races_for_the_time_budget_raises_an_error() -> None:
    class Contended(MemoryStore):
        def append(self, lines: Sequence[bytes], expected: Head) -> None:
            raise HeadMoved

    with pytest.raises(
        LogError, match=r"`a log in memory` is changed by other writers all the time: 0\.05 s"
    ):
        writer(Contended(), budget=0.05).append([planned()])


@pytest.mark.parametrize(("others", "attempts"), [(0, 2), (3, 6)])
def test_log_writer_waits_for_an_unavailable_store_as_long_as_others_append(
    others: int, attempts: int
) -> None:
    tried: list[Head] = []

    class TenSecondsEach(TickingClock):
        def monotonic(self) -> float:
            return 10.0 * len(tried)

    class Locked(MemoryStore):
        def append(self, lines: Sequence[bytes], expected: Head) -> None:
            tried.append(expected)
            if len(tried) <= others:
                rival = MemoryStore()
                rival.lines = self.lines
                writer(rival).append([planned(attempt=f"rival-{len(tried)}")])
            raise LogUnavailable("locked")

    mine = Writer(Locked(), clock=TenSecondsEach(), cancel=Cancel(), jitter=lambda: 0.0, patience=15)
    with pytest.raises(LogUnavailable, match="locked"):
        mine.append([planned(attempt="mine")])
    assert len(tried) == attempts


@pytest.mark.parametrize("kind", ["entries", "find", "of_release", "view"])
def test_read_of_a_store_that_is_away_for_a_moment_is_retried_after_the_first_one(kind: str) -> None:
    """Each effect of a run is looked for in the log first: a database that starts again must not end the run there."""

    class Restarting(MemoryStore):
        refusals = 1

        def read(self, after: int = -1) -> Iterator[Entry]:
            if self.refusals:
                self.refusals -= 1
                raise LogUnavailable("the database system is starting up")
            return super().read(after)

    store = Restarting()
    log = writer(store, patience=5, jitter=lambda: 0.0)
    ask = {
        "entries": log.entries,
        "find": lambda: log.find(planned()),
        "of_release": lambda: log.of_release("a" * 64),
        "view": log.view,
    }[kind]
    with pytest.raises(LogUnavailable):
        ask()
    ask()
    store.refusals = 3
    ask()
    assert store.refusals == 0
    store.refusals = 1000
    impatient = writer(store, patience=0)
    impatient._has_read = True
    with pytest.raises(LogUnavailable):
        impatient.entries()
    assert store.refusals == 999


def test_cancellation_ends_the_retries_of_the_log_writer() -> None:
    cancel = Cancel()

    class Contended(MemoryStore):
        def append(self, lines: Sequence[bytes], expected: Head) -> None:
            cancel.trip(Terminated("terminated"))
            raise HeadMoved

    with pytest.raises(Terminated):
        Writer(Contended(), clock=TickingClock(), cancel=cancel).append([planned()])


class Unsure(MemoryStore):
    """Log store whose append fails `failures` times, after it wrote (`writes`) or before."""

    def __init__(self, *, writes: bool, failures: int = 1) -> None:
        super().__init__()
        self.writes = writes
        self.failures = failures
        self.settled = 0

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        if not lines:
            self.settled += 1
        if self.failures == 0 or not lines:
            return super().append(lines, expected)
        self.failures -= 1
        if self.writes:
            super().append(lines, expected)
        raise LogError("the outcome is unknown")


def test_append_that_failed_after_the_write_is_found_by_reading_the_log() -> None:
    store = Unsure(writes=True)
    (entry,) = writer(store, jitter=lambda: 0.0).append([planned()])
    assert entry.seq == 0
    assert len(store.lines) == 1
    assert store.settled == 1


def test_append_that_failed_before_the_write_raises_an_error_and_can_be_repeated() -> None:
    store = Unsure(writes=False)
    log = writer(store)
    with pytest.raises(LogError, match="unknown"):
        log.append([planned()])
    assert log.append([planned()])[0].seq == 0


def test_unreadable_store_after_a_failed_append_raises_the_first_error() -> None:
    class Dead(Unsure):
        reads = 0

        def read(self, after: int = -1) -> Iterator[Entry]:
            self.reads += 1
            if self.reads > 1:
                raise LogError("cannot be read")
            return super().read(after)

    with pytest.raises(LogError, match="the outcome is unknown"):
        writer(Dead(writes=True)).append([planned()])


def test_facts_that_contradict_the_log_are_refused_and_not_written() -> None:
    store = MemoryStore()
    log = writer(store)
    log.append([planned(), pushed(image="i"), released(image="i")])
    with pytest.raises(TagConflict):
        log.append([planned(attempt="b"), pushed(release="s", image="j")])
    with pytest.raises(TagConflict):
        log.append([released(image="j")])
    assert len(store.lines) == 3


def test_fact_that_contradicts_an_entry_of_a_concurrent_writer_is_refused() -> None:
    store = MemoryStore()

    def interfere() -> None:
        store.before_append = lambda: None
        writer(store).append([pushed(image="i")])

    store.before_append = interfere
    with pytest.raises(TagConflict):
        writer(store, jitter=lambda: 0.0).append([pushed(release="s", image="j")])


def test_writer_does_not_append_to_a_corrupt_log() -> None:
    store = MemoryStore()
    log = writer(store)
    log.append([planned(), built()])
    store.lines[0] = store.lines[0].replace(b"latest", b"oldest")
    with pytest.raises(LogCorrupt):
        log.append([pushed()])
    assert len(store.lines) == 2


def test_writer_finds_entries_of_other_writers() -> None:
    store = MemoryStore()
    log = writer(store)
    assert tuple(log.entries()) == ()
    assert log.head == Head()
    (entry,) = writer(store).append([planned()])
    assert log.find(planned()) == entry
    assert log.find(planned("other")) is None
    assert tuple(log.entries()) == (entry,)
    assert log.head.seq == 0
    assert log.store is store


def test_threads_can_share_a_log_writer() -> None:
    store = MemoryStore()
    log = writer(store)

    def work(name: str) -> None:
        for number in range(20):
            log.append([planned(attempt=f"{name}-{number}"), built(image="same")])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(independently_verified(store.lines)) == 81


def test_log_is_read_once_by_a_writer_that_appends_repeatedly() -> None:
    reads: list[int] = []

    class Counting(MemoryStore):
        def read(self, after: int = -1) -> Iterator[Entry]:
            reads.append(after)
            return super().read(after)

        def head(self) -> Head:
            return Head() if not self.lines else head_of(list(super().read())[-1])

    log = writer(Counting())
    for number in range(3):
        log.append([planned(attempt=str(number))])
    assert reads == [-1]


def test_conflict_with_a_tag_of_an_image_that_another_writer_recorded_as_lost_is_no_error() -> None:
    store = MemoryStore()
    log = writer(store, jitter=lambda: 0.0)
    log.append([pushed(image="i")])
    writer(store).append([fact("abandoned", attempt="other", lost=digest("i"))])
    assert log.append([pushed(image="j", attempt="b")])[0].seq == 2


class WithInbox(MemoryStore):
    """A store in which facts can be parked. `lose`: number of appends that lose a race before one succeeds."""

    def __init__(self, lose: int = 0) -> None:
        super().__init__()
        self.lose = lose
        self.inbox: dict[str, tuple[dict[str, Any], ...]] = {}
        self.cleared: list[str] = []

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        if self.lose and lines:
            self.lose -= 1
            raise HeadMoved
        super().append(lines, expected)

    def park(self, facts: Sequence[Mapping[str, Any]]) -> None:
        self.inbox[f"parked-{len(self.inbox)}"] = tuple(dict(each) for each in facts)

    def parked(self) -> dict[str, tuple[dict[str, Any], ...]]:
        return dict(self.inbox)

    def unpark(self, names: Sequence[str]) -> None:
        self.cleared += names
        for name in names:
            self.inbox.pop(name, None)


def test_log_writer_that_loses_races_parks_its_facts_once() -> None:
    store = WithInbox(lose=3)
    writer(store, jitter=lambda: 0.0).append([planned()])
    assert store.cleared == ["parked-0"]
    assert len(store.lines) == 1
    assert store.inbox == {}


def test_log_writer_appends_parked_facts_of_other_writers() -> None:
    store = WithInbox()
    store.park([planned(attempt="waiting"), built(attempt="waiting")])
    entries = writer(store).append([planned(attempt="mine")])
    assert [entry.fields["attempt"] for entry in entries] == ["mine"]
    assert [line["attempt"] for line in independently_verified(store.lines)] == ["mine", "waiting", "waiting"]
    assert store.inbox == {}


def test_parked_fact_that_another_writer_appended_is_returned() -> None:
    store = WithInbox(lose=1)
    mine = writer(store, jitter=lambda: 0.0)
    park = store.park

    def parked_and_taken(facts: Sequence[Mapping[str, Any]]) -> None:
        park(facts)
        writer(store).append([planned(attempt="winner")])

    store.park = parked_and_taken  # type: ignore[method-assign]
    (entry,) = mine.append([planned(attempt="mine")])
    assert entry.seq == 1
    assert len(store.lines) == 2


def test_parked_facts_that_contradict_the_log_or_are_malformed_are_removed_unwritten() -> None:
    store = WithInbox()
    log = writer(store)
    log.append([pushed(image="i")])
    store.inbox = {
        "conflict": (pushed(release="s", image="j"),),
        "nonsense": ({"x": 1},),
        "secret": ({"kind": "note", "project": "p", "text": "https://a:b@c/"},),
        "good": (planned(attempt="waiting"),),
    }
    log.append([planned(attempt="mine")])
    assert store.inbox == {}
    assert [line["kind"] for line in independently_verified(store.lines)] == ["pushed", "planned", "planned"]


def test_append_to_an_unavailable_log_store_is_retried_and_then_raises() -> None:
    class HalfDead(MemoryStore):
        asked = 0

        def append(self, lines: Sequence[bytes], expected: Head) -> None:
            self.asked += 1
            raise LogUnavailable("no answer")

    store = HalfDead()
    with pytest.raises(LogUnavailable):
        writer(store, patience=0.1, jitter=lambda: 0.5).append([planned()])
    assert store.asked > 1
