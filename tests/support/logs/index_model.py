"""A log with indexes on two machines, changed in a random order; after each step, answers are compared with a fold.

Each machine has its own cache folder (git's private repository, the index file) and a process that stays open. A SQL
log has one index, in tables that both machines share. The truth of the model is the list of acknowledged lines.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from release.errors import LogUnavailable
from release.log import Entry, Head, LogStore
from release.log.catalog import catalog
from release.log.catalog.catalog import Catalog
from release.log.catalog.open_index import fill_tables
from release.log.catalog.tables import BLOCK, IndexFailed
from release.log.chain import head_of
from release.log.identity import ENVELOPE, checked, fact_id
from release.log.sealing import seal_all
from release.log.timestamps import timestamp
from release.log.writer import Writer
from tests.support.logs.descriptions import describe
from tests.support.logs.facts import independently_verified
from tests.support.logs.index_machine import Machine
from tests.support.logs.random_log import random_facts
from tests.support.logs.same_answers import same_answers, same_claims, same_versions
from tests.support.logs.tampering import connected, cut, index_rows, put_index_rows

# Entries of one append at least: a few appends fill a block of the index.
_MANY = 40


def short_tails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let logs of a few blocks be indexed as logs of many are."""
    monkeypatch.setattr(catalog, "LARGEST_TAIL", BLOCK)
    monkeypatch.setattr(catalog, "_PORTION", 2 * BLOCK)
    monkeypatch.setattr(catalog, "_PORTION_SHARED", 2 * BLOCK)


def explore(kind: str, request: pytest.FixtureRequest, folder: Path, *, seed: int, steps: int) -> int:
    """Take `steps` drawn steps with a log in a store of the kind; return the number of entries at the end."""
    folder.mkdir()
    model = IndexModel(describe(kind, request, folder), folder / "machines", seed)
    try:
        for _ in range(steps):
            model.step()
    finally:
        model.end()
    return len(model.lines)


class IndexModel:
    """The log of `description` and two machines in `folder`. `step` changes one thing, and compares every answer."""

    def __init__(self, description: dict[str, Any], folder: Path, seed: int) -> None:
        self._description = description
        self._luck = random.Random(seed)
        self._facts = random_facts(seed)
        self.machines = tuple(Machine(description, folder / name) for name in "ab")
        self._drawn: set[str] = set()
        self._kept: list[Callable[[], None]] = []
        self.lines: list[bytes] = []
        self.done: list[str] = []

    @property
    def _is_sql(self) -> bool:
        return bool(self._description["store"] == "sql")

    def step(self) -> None:
        """Change one thing that is drawn, and compare. Fails with every step until then."""
        (chosen,) = self._luck.choices([*WEIGHTS], [*WEIGHTS.values()])
        machine = self._luck.choice(self.machines)
        self.done.append(f"{chosen.__name__.strip('_')} on {machine.folder.name}")
        try:
            chosen(self, machine)
            self.compare()
        except Exception as error:
            raise AssertionError(f"after {self.done}, {len(self.lines)} entries: {error!r}") from error

    def end(self) -> None:
        """End every process."""
        for machine in self.machines:
            machine.end()

    # The steps.

    def _append(self, machine: Machine) -> None:
        self._appended(machine.writer(), self._some())

    def _append_from_the_process_that_stays(self, machine: Machine) -> None:
        self._appended(machine.staying, self._some())

    def _append_by_an_older_program(self, machine: Machine) -> None:
        self._appended(machine.old_writer(), self._some())

    def _append_again(self, machine: Machine) -> None:
        """Append facts of which some are there: the log gets the others only."""
        there = [entry.fields for entry in self.entries()[-9:]]
        before = len(self.lines)
        facts = [{name: value for name, value in one.items() if name not in ENVELOPE} for one in there]
        assert [one.seq for one in machine.staying.append(facts)] == [one["seq"] for one in there]
        assert len(self.entries()) == before

    def _append_with_a_lost_reply(self, machine: Machine) -> None:
        writer = machine.writer()
        with _one_lost_reply(writer.store):
            self._appended(writer, self._some())

    def _two_writers_in_turns(self, machine: Machine) -> None:
        """Both processes that stay append, so that each has an old head at every second append."""
        for _ in range(3):
            for one in self.machines:
                self._appended(one.staying, self._some(3))

    def _torn_append(self, machine: Machine) -> None:
        """Leave half of an append, as a killed writer or a power cut does.

        A git ref and a transaction change as a whole: there, a writer dies after it parked facts, or before its commit.
        """
        lines = [entry.raw + b"\n" for entry in self._sealed(self._some(5))]
        match self._description["store"]:
            case "file":
                path = Path(self._description["path"])
                path.parent.mkdir(exist_ok=True)
                whole = b"".join(lines)
                with path.open("ab") as file:
                    file.write(whole[: self._luck.randrange(1, len(whole) - 1)] if self.lines else b"")
            case "git":
                dead = machine.store()
                list(dead.read())
                dead.park(self._some(5))  # type: ignore[attr-defined]  # a git store
            case _:
                rows = [
                    (one.seq, *(one.fields[name] for name in ("hash", "prev", "id")), one.raw.decode())
                    for one in self._sealed(self._some(5))
                ]
                _insert_and_roll_back(self._description["url"], rows)

    def _wipe_the_index(self, machine: Machine) -> None:
        if self._is_sql:
            put_index_rows(self._description["url"], {})
        shutil.rmtree(machine.indexes)
        machine.indexes.mkdir()

    def _wipe_the_machine(self, machine: Machine) -> None:
        machine.end()
        shutil.rmtree(machine.folder)
        machine.indexes.mkdir(parents=True)

    def _keep_the_index(self, machine: Machine) -> None:
        """Keep a copy of the index, as a CI cache or a backup does."""
        machine.end()
        files = {one.name: one.read_bytes() for one in machine.indexes.iterdir()}
        rows = index_rows(self._description["url"]) if self._is_sql else None

        def put() -> None:
            machine.end()
            for one in machine.indexes.iterdir():
                one.unlink()
            for name, content in files.items():
                (machine.indexes / name).write_bytes(content)
            if rows is not None:
                put_index_rows(self._description["url"], rows)

        self._kept.append(put)

    def _put_an_older_index_back(self, machine: Machine) -> None:
        if self._kept:
            self._luck.choice(self._kept)()

    def _take_the_index_of_the_other_machine(self, machine: Machine) -> None:
        """Copy the index file of the other machine; a file's index has the same name on both."""
        other = next(one for one in self.machines if one is not machine)
        for one in self.machines:
            one.end()
        names = [one.name for one in machine.indexes.glob("*.sqlite")]
        theirs = [one.read_bytes() for one in other.indexes.glob("*.sqlite")]
        if names and theirs:
            (machine.indexes / names[0]).write_bytes(theirs[0])

    def _fill_the_index(self, machine: Machine) -> None:
        """Index every whole block: as `log migrate` does in tables, else as a command does that reads a long log."""
        store = machine.store()
        fill_tables(store)
        found = machine.catalog(store, True)
        found.may_fill()
        found.follow(store.read(found.head.seq))

    def _set_the_log_back(self, machine: Machine) -> None:
        """Put an older state of the log in place, as a restored backup does; every machine's index is newer then."""
        batches = ((seq, one.fields.get("batch")) for seq, one in enumerate(self.entries()))
        ends = [seq + 1 for seq, batch in batches if batch is None or batch["last"] == seq]
        newest = self._luck.randint(len(self.lines) // 2, len(self.lines))
        kept = max((end for end in ends if end <= newest), default=0)
        for one in self.machines:
            one.end()
            shutil.rmtree(one.folder / "git", ignore_errors=True)  # it refuses a ref that was set back
        if kept:
            cut(self._description, kept, len(self.lines))
            del self.lines[kept:]

    # What is appended, and what must be there.

    def _some(self, least: int = _MANY) -> list[dict[str, Any]]:
        facts: dict[str, dict[str, Any]] = {}
        while len(facts) < least:
            drawn = ((fact_id(one), one) for one in next(self._facts))
            facts |= {identity: one for identity, one in drawn if identity not in self._drawn}
        self._drawn |= facts.keys()
        return list(facts.values())

    def _sealed(self, facts: list[dict[str, Any]]) -> list[Entry]:
        head = head_of(self.entries()[-1]) if self.lines else Head()
        return seal_all({fact_id(one): checked(one) for one in facts}, head, timestamp(1_760_000_000_000))

    def _appended(self, writer: Writer, facts: list[dict[str, Any]]) -> None:
        """Append, and require the entries behind those that were acknowledged before."""
        made = writer.append(facts)
        stored = [entry.raw for entry in self.entries(self.machines[0].old_writer())]
        assert stored[: len(self.lines)] == self.lines, "an acknowledged entry is lost or was changed"
        assert {entry.raw for entry in made} <= set(stored), "an acknowledged entry is not there"
        self.lines = stored

    def entries(self, reader: Writer | None = None) -> list[Entry]:
        """Return every entry, read without an index by a process that has read nothing before."""
        return list((reader or self.machines[0].old_writer()).store.read())

    def compare(self) -> None:
        """Compare the answers of new processes, and of those that stay, with a fold of every entry."""
        entries = self.entries()
        assert [entry.raw for entry in entries] == self.lines
        stored = independently_verified(self.lines)
        assert len({one["id"] for one in stored}) == len(stored), "a fact is there twice"
        machine = self._luck.choice(self.machines)
        store = machine.store()
        catalogs = [machine.catalog(store, self._luck.random() < 0.5)]
        if self._luck.random() < 0.5:
            catalogs[0].may_fill()
        catalogs[0].follow(store.read(catalogs[0].head.seq))
        if self._luck.random() < 0.5:
            machine.staying.entries()
            catalogs.append(machine.staying._catalog)
        for found in catalogs:
            try:
                self._require_answers(found, entries)
            except IndexFailed:
                # The tables were emptied under a process that stays: an error, never a wrong answer, and once only.
                assert self._is_sql
                assert found.index is not None
                assert found.index.is_lost
                machine.staying.entries()
                self._require_answers(machine.staying._catalog, entries)

    def _require_answers(self, found: Catalog, entries: list[Entry]) -> None:
        assert [found.at(seq).raw for seq in range(found.head.seq + 1)] == self.lines
        assert [one.raw for one in found.newest()] == self.lines[::-1]
        if entries:
            same_answers(found, entries)
            same_versions(found, entries)
            same_claims(found, entries[-40:])


#: Steps with their weights: most of them append, or the log would stay shorter than a block of the index.
WEIGHTS: dict[Callable[[IndexModel, Machine], None], int] = {
    IndexModel._append: 4,
    IndexModel._append_from_the_process_that_stays: 4,
    IndexModel._append_by_an_older_program: 3,
    IndexModel._append_again: 1,
    IndexModel._append_with_a_lost_reply: 2,
    IndexModel._two_writers_in_turns: 1,
    IndexModel._torn_append: 2,
    IndexModel._wipe_the_index: 1,
    IndexModel._wipe_the_machine: 1,
    IndexModel._keep_the_index: 2,
    IndexModel._put_an_older_index_back: 2,
    IndexModel._take_the_index_of_the_other_machine: 1,
    IndexModel._fill_the_index: 3,
    IndexModel._set_the_log_back: 1,
}


@contextmanager
def _one_lost_reply(store: LogStore) -> Iterator[None]:
    """Let the next append of the store be done, and its reply get lost."""
    append = store.append

    def lost(lines: Any, expected: Head) -> None:
        append(lines, expected)
        store.append = append  # type: ignore[method-assign]  # only one reply is lost
        raise LogUnavailable("the reply was lost", hint="")

    store.append = lost  # type: ignore[method-assign]  # the real store stays below it
    yield


def _insert_and_roll_back(url: str, rows: list[tuple[Any, ...]]) -> None:
    marks = ", ".join(["?" if url.startswith("sqlite") else "%s"] * 5)
    with suppress(_Killed), connected(url) as base:
        base.cursor().executemany(f"INSERT INTO log_entry (seq, hash, prev, id, line) VALUES ({marks})", rows)
        raise _Killed


class _Killed(Exception):
    """Ends a transaction before its commit."""
