"""Scenarios on a `Disk` for the log's file store, and what must hold in every state that a power cut leaves.

A first writer is killed before each of its operations, and in the middle of each write. A second writer continues, and
the power is cut before each of its operations. A third writer starts on every disk that the power cut may leave.
The scenarios must detect mutants: a store or a writer with one sync, lock or check removed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from release.control import Cancel
from release.errors import LogError
from release.log import Entry
from release.log.stores.file.store import FileStore
from release.log.writer import Writer
from tests.support.disks.powercut import Disk, File, Killed, ModelFiles
from tests.support.logs.facts import TickingClock, independently_verified

FOLDER = "/srv/work"
PATH = f"{FOLDER}/.shipmark/log.jsonl"

Append = list[dict[str, Any]]


class Bad(AssertionError):
    """Raised for a state in which the log lost, repeated or damaged an entry."""


class Make(msgspec.Struct, frozen=True, kw_only=True):
    """Functions that make the parts of a log-writing process; a mutant replaces one of the functions."""

    files: Callable[[Disk], ModelFiles] = ModelFiles
    store: type[FileStore] = FileStore
    writer: type[Writer] = Writer


class Process:
    """One process that writes to the log on `disk`, and the entries that were acknowledged to it."""

    def __init__(self, disk: Disk, make: Make) -> None:
        self.files = make.files(disk)
        store = make.store(PATH, files=self.files, cancel=Cancel(), monotonic=lambda: 0.0, timeout=0.0)
        self.writer = make.writer(store, clock=TickingClock(), cancel=Cancel(), jitter=lambda: 0.0)
        self.acknowledged: list[Entry] = []

    def run(self, appends: list[Append]) -> None:
        try:
            for facts in appends:
                self.acknowledged += self.writer.append(facts)
        except Killed:
            pass
        finally:
            self.files.close_all()


def note(text: str) -> dict[str, Any]:
    return {"kind": "note", "project": "p", "text": text, "padding": "=" * 150}


FIRST: list[Append] = [[note("a")], [note("b1"), note("b2"), note("b3")], [note("c")]]
SECOND: list[list[Append]] = [
    FIRST,  # runs the same again: what is there already must be settled, not doubled
    [[note("d")], [note("a")]],
    [[note("b1"), note("b2"), note("b3")], [note("e1"), note("e2")]],
]


def killed_first(make: Make) -> Iterator[tuple[Disk, list[Entry]]]:
    """Yield the disk and the acknowledged entries for each operation at which a first writer may be killed."""
    for kill_at in itertools.count(1):
        done = False
        for let_through in (None, 0.5, 1.0):
            disk = Disk(FOLDER)
            process = Process(disk, make)
            process.files.before = _killer(kill_at, let_through)
            process.run(FIRST)
            done = done or len(process.acknowledged) == sum(map(len, FIRST))
            yield disk, process.acknowledged
        if done:
            return


def _killer(kill_at: int, let_through: float | None) -> Callable[[str], int | None]:
    count = itertools.count(1)

    def before(operation: str) -> int | None:
        if next(count) < kill_at:
            return None
        if operation == "write" and let_through is not None:
            return int(let_through * 400)
        raise Killed

    return before


def states(make: Make, *, limit: int | None = None, sector: int = 128) -> int:
    """Check each state after a power cut, at most `limit` different ones; return their number. Raises `Bad`."""
    seen: set[tuple[Any, ...]] = set()
    for disk, acknowledged in killed_first(make):
        for appends in SECOND:
            second = disk.copy()
            process = Process(second, make)
            process.acknowledged += acknowledged

            def cut(operation: str, second: Disk = second, process: Process = process) -> None:
                for state in second.after_power_cut(sector):
                    known = _known(state, process.acknowledged)
                    if known not in seen:
                        seen.add(known)
                        check(state, process.acknowledged, make)
                    if limit is not None and len(seen) >= limit:
                        raise Enough

            process.files.before = cut
            try:
                process.run(appends)
                cut("end")
            except Enough:
                return len(seen)
    return len(seen)


class Enough(Exception):
    """Raised to end `states` when it has checked `limit` different states."""


def _known(disk: Disk, acknowledged: list[Entry]) -> tuple[Any, ...]:
    folder = disk.find(f"{FOLDER}/.shipmark")
    files = sorted((name, node.data) for name, node in getattr(folder, "entries", {}).items())
    return (tuple(files), tuple(entry.raw for entry in acknowledged))


def check(disk: Disk, acknowledged: list[Entry], make: Make) -> None:
    """Start a third process; require every acknowledged entry once, no half batch, and a successful append."""
    disk = disk.copy()  # the states of one cut share their files
    process = Process(disk, make)
    try:
        entries = process.writer.entries()
        process.run([[note("after")], *FIRST])
        lines = (disk.content(PATH) or b"").splitlines()
        stored = independently_verified(lines)
    except (LogError, AssertionError, ValueError) as error:
        raise Bad(f"the log is damaged: {error}") from error
    if missing := [entry.seq for entry in acknowledged if entry not in entries]:
        raise Bad(f"acknowledged entries {missing} are lost")
    ids = [entry["id"] for entry in stored]
    if len(ids) != len(set(ids)):
        raise Bad("a fact is in the log twice")
    texts = {entry.fields["text"] for entry in entries}
    for batch in (FIRST[1], SECOND[2][1]):
        there = [fact["text"] in texts for fact in batch]
        if any(there) and not all(there):
            raise Bad("half of a batch is in the log")


def repairs(make: Make) -> int:
    """Cut the power at every operation of a repair; the torn bytes must be in the log or beside it. Raises `Bad`."""
    disk = Disk(FOLDER, f"{FOLDER}/.shipmark")
    whole = Process(disk, Make())
    whole.run([[note("a")]])
    line = disk.content(PATH)
    assert line
    checked = 0
    for tail in (b'{"half of a', b"\0" * 300, b"\0" * 20 + b"\n"):
        torn = Disk(FOLDER, f"{FOLDER}/.shipmark")
        torn.put(PATH, line + tail)
        process = Process(torn, make)

        def cut(operation: str, torn: Disk = torn, tail: bytes = tail) -> None:
            nonlocal checked
            for state in torn.after_power_cut(64):
                checked += 1
                folder = state.find(f"{FOLDER}/.shipmark")
                contents = [
                    node.data for node in getattr(folder, "entries", {}).values() if isinstance(node, File)
                ]
                if not any(content.endswith(tail) for content in contents):
                    raise Bad("the torn bytes are nowhere any more")
                check(state, list(whole.acknowledged), make)

        process.files.before = cut
        process.run([[note("b")]])
        cut("end")
    return checked


def interleavings(make: Make) -> int:
    """Let a second process append before any one operation of the first process. Raises `Bad`."""
    runs = 0
    for at in itertools.count(1):
        disk = Disk(FOLDER)
        first, second = Process(disk, make), Process(disk, make)
        count = itertools.count(1)

        def before(
            operation: str, second: Process = second, count: Iterator[int] = count, at: int = at
        ) -> None:
            if next(count) == at:
                _interfere(second, 0)

        first.files.before = before
        try:
            first.run(FIRST)
        except LogError as error:
            raise Bad(f"the first process failed: {error}") from error
        check(disk, first.acknowledged + second.acknowledged, make)
        runs += 1
        if next(count) <= at:
            return runs
    return runs


def queues(make: Make) -> int:
    """Let two more processes append before any two of the first process's first 15 operations. Raises `Bad`."""
    runs = 0
    for second_at, third_at in itertools.combinations(range(1, 16), 2):
        disk = Disk(FOLDER)
        processes = [Process(disk, make) for _ in range(3)]
        first, *others = processes
        at = dict(zip((second_at, third_at), others, strict=True))
        count = itertools.count(1)

        def before(operation: str, at: dict[int, Process] = at, count: Iterator[int] = count) -> None:
            number = next(count)
            if number in at:
                _interfere(at[number], number)

        first.files.before = before
        try:
            first.run(FIRST[:1])
        except LogError as error:
            raise Bad(f"the first process failed: {error}") from error
        check(disk, [entry for process in processes for entry in process.acknowledged], make)
        runs += 1
    return runs


def _interfere(process: Process, number: int) -> None:
    try:
        process.run([[note(f"between {number}")]])
    except LogError as error:
        if "was locked" not in error.message:
            raise Bad(f"another process failed: {error}") from error
