"""No state after a power cut loses, repeats or damages an entry; with any one safeguard removed, some state does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import pytest

from release.log import Entry, Head, HeadMoved, sealing
from release.log.catalog.claims import entry_of
from release.log.chain import head_of, read_line
from release.log.sealing import seal
from release.log.stores.file.durable_tail import DurableTail
from release.log.stores.file.store import FileStore
from release.log.stores.syscalls import FileFacts
from release.log.writer import Writer
from tests.support.disks.powercut import Directory, Disk, File, ModelFiles
from tests.support.logs.powercut_scenarios import (
    FOLDER,
    PATH,
    Bad,
    Make,
    interleavings,
    queues,
    repairs,
    states,
)


def test_log_survives_a_power_cut_after_killed_writers() -> None:
    assert states(Make(), limit=1500) == 1500


def test_repair_of_a_torn_tail_survives_a_power_cut() -> None:
    assert repairs(Make()) > 100


def test_appends_of_two_interleaved_processes_are_kept() -> None:
    assert interleavings(Make()) > 15


def test_appends_of_three_queued_processes_are_kept() -> None:
    assert queues(Make()) > 100


# Mutants: each lacks one safeguard.


class NoFileSync(ModelFiles):
    def sync(self, fd: int) -> None:
        if isinstance(self._open[fd][0], Directory):
            super().sync(fd)


class NoDirectorySync(ModelFiles):
    def sync(self, fd: int) -> None:
        if isinstance(self._open[fd][0], File):
            super().sync(fd)


class OnlyOwnFolderSynced(ModelFiles):
    def sync(self, fd: int) -> None:
        if isinstance(self._open[fd][0], File) or self.path(fd).endswith(".shipmark"):
            super().sync(fd)


class OnlyParentFoldersSynced(ModelFiles):
    def sync(self, fd: int) -> None:
        if isinstance(self._open[fd][0], File) or not self.path(fd).endswith(".shipmark"):
            super().sync(fd)


class NoCopySync(ModelFiles):
    def sync(self, fd: int) -> None:
        if ".torn-" not in self.path(fd):
            super().sync(fd)


class NoTruncate(ModelFiles):
    def truncate(self, fd: int, size: int) -> None:
        if self.path(fd) != PATH:
            super().truncate(fd, size)


class NoLock(ModelFiles):
    def lock(self, fd: int) -> bool:
        return True


class LockFileRemoved(ModelFiles):
    """Unlinks the lock file on release, so that one process may lock the old file and another a new one."""

    def unlock(self, fd: int) -> None:
        path = self.path(fd)
        super().unlock(fd)
        if path.endswith(".lock"):
            self.disk.parent(path).entries.pop(path.rpartition("/")[2], None)


def with_tail(tail: type[DurableTail]) -> type[FileStore]:
    """Return a store that writes at the end of its file as `tail` does."""

    class Store(FileStore):
        @cached_property
        def _tail(self) -> DurableTail:
            return tail(self._path, self._name, self._files, self._folder, self._warn)

    return Store


class NoSyncAfterWrite(DurableTail):
    def write(self, fd: int, data: bytes, offset: int) -> int:
        files = self._files
        self._files = _Deaf(files)  # everything else is passed on
        try:
            return super().write(fd, data, offset)
        finally:
            self._files = files


class _Deaf:
    def __init__(self, files: Any) -> None:
        self._inner = files

    def __getattr__(self, name: str) -> Any:
        return (lambda fd: None) if name == "sync" else getattr(self._inner, name)


class NoSettle(DurableTail):
    def settle(self, fd: int, size: int) -> None:
        self._folder.sync_to_root()


class NoSettleOfFolders(DurableTail):
    def settle(self, fd: int, size: int) -> None:
        self._named = True
        super().settle(fd, size)


class NoRepair(DurableTail):
    def repair(self, fd: int, offset: int) -> None:
        pass


class NoCopyOfTornBytes(DurableTail):
    def repair(self, fd: int, offset: int) -> None:
        self._files.truncate(fd, offset)
        self._durable = -1


class FolderOfCopyNotSynced(DurableTail):
    def repair(self, fd: int, offset: int) -> None:
        sync = self._folder.sync
        self._folder.sync = lambda: None  # type: ignore[method-assign]
        super().repair(fd, offset)
        self._folder.sync = sync  # type: ignore[method-assign]


class NoCompare(FileStore):
    def _append_locked(self, fd: int, facts: FileFacts, lines: Sequence[bytes], expected: Head) -> None:
        try:
            super()._append_locked(fd, facts, lines, expected)
        except HeadMoved:
            super()._append_locked(fd, facts, lines, self._at.newest.head)


class NoReadingOnUnderTheLock(FileStore):
    def _append_locked(self, fd: int, facts: FileFacts, lines: Sequence[bytes], expected: Head) -> None:
        self._scan_open = lambda *_: iter(())  # type: ignore[method-assign]  # reads nothing, so that what stands is not seen
        self._tail.repair = lambda *_: None  # type: ignore[method-assign]  # the mutant repairs nothing
        try:
            super()._append_locked(fd, facts, lines, expected)
        finally:
            del self._scan_open, self._tail.repair


class NoDeduplication(Writer):
    _mine = range(0)

    def _missing(self, wanted: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        there = {one: entry_of(self._catalog, fact, one) for one, fact in wanted.items()}
        mine = {one for one, entry in there.items() if entry is not None and entry.seq in self._mine}
        return {one: fact for one, fact in wanted.items() if one not in mine}

    def append(self, facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
        self._mine = range(len(self.entries()), 1 << 30)
        return super().append(facts)


class FoundIsDurable(Writer):
    def append(self, facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
        there = [self.find(fact) for fact in facts]
        if all(there):
            return tuple(entry for entry in there if entry)
        return super().append(facts)


MUTANTS: dict[str, tuple[Make, Callable[[Make], int]]] = {
    "no file is synced": (Make(files=NoFileSync), states),
    "no directory is synced": (Make(files=NoDirectorySync), states),
    "parents of a new folder are not synced": (Make(files=OnlyOwnFolderSynced), states),
    "the log's own folder is not synced": (Make(files=OnlyParentFoldersSynced), states),
    "no sync after the write": (Make(store=with_tail(NoSyncAfterWrite)), states),
    "what others wrote is not settled": (Make(store=with_tail(NoSettle)), states),
    "folders that others made are not settled": (Make(store=with_tail(NoSettleOfFolders)), states),
    "an entry that is found is taken for durable": (Make(writer=FoundIsDurable), states),
    "entries are not deduplicated": (Make(writer=NoDeduplication), states),
    "a torn tail stays": (Make(store=with_tail(NoRepair)), states),
    "a torn tail is not truncated": (Make(files=NoTruncate), states),
    "torn bytes are not kept": (Make(store=with_tail(NoCopyOfTornBytes)), repairs),
    "the copy of torn bytes is not synced": (Make(files=NoCopySync), repairs),
    "the folder of the copy is not synced": (Make(store=with_tail(FolderOfCopyNotSynced)), repairs),
    "no lock": (Make(files=NoLock), interleavings),
    "the lock file is removed": (Make(files=LockFileRemoved), queues),
    "the head is not compared": (Make(store=NoCompare), interleavings),
    "the end is not read again under the lock": (Make(store=NoReadingOnUnderTheLock), interleavings),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_scenarios_detect_each_removed_safeguard(name: str) -> None:
    make, suite = MUTANTS[name]
    with pytest.raises(Bad):
        suite(make)


def test_scenarios_detect_batches_without_batch_members(monkeypatch: pytest.MonkeyPatch) -> None:
    def seal_apart(facts: Mapping[str, dict[str, Any]], head: Head, at: str) -> list[Entry]:
        entries = []
        for fact in facts.values():
            entries.append(read_line(seal(fact, head, at)))
            head = head_of(entries[-1])
        return entries

    monkeypatch.setattr(sealing, "seal_all", seal_apart)
    with pytest.raises(Bad, match="half of a batch"):
        states(Make())


def test_model_disk_keeps_synced_data_in_every_state_after_a_power_cut() -> None:
    disk = Disk(FOLDER)
    files = ModelFiles(disk)
    path = f"{FOLDER}/file"
    fd = files.open(path, create=True)
    files.write(fd, b"x" * 100)
    contents = {state.content(path) for state in disk.after_power_cut(64)}
    assert {None, b"", b"x" * 100, b"x" * 64, b"\0" * 64 + b"x" * 36, b"x" * 64 + b"\0" * 36} <= contents
    files.sync(fd)
    assert {state.content(path) for state in disk.after_power_cut(64)} == {None, b"x" * 100}
    files.sync(files.open_read(FOLDER))
    assert {state.content(path) for state in disk.after_power_cut(64)} == {b"x" * 100}
    files.truncate(fd, 50)
    assert {state.content(path) for state in disk.after_power_cut(64)} == {b"x" * 50, b"x" * 100}
