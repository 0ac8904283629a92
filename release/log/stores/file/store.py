"""The version log as a JSON Lines file, one line for each entry. `durable_tail.py` makes each append durable."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from release.control import Cancel
from release.errors import LogCorrupt, RefusedError
from release.log import LINE_LIMIT, Entry, Head, HeadMoved
from release.log.chain import head_of
from release.log.jsonl import batch_of, last_entry, may_begin_a_log, scan
from release.log.stores.file.errors import failure, gone, not_a_log, on_network, refused, replaced, shorter
from release.log.stores.file.folder import LogFolder, torn_copies
from release.log.stores.file.lines import entry_at_end, groups_of
from release.log.stores.file.positions import Position, Positions
from release.log.stores.file_lock import FileLock
from release.log.stores.kept_file import KeptFile
from release.log.stores.syscalls import FileFacts, Files, OsFiles
from release.log.torn import Torn

if TYPE_CHECKING:
    from release.log.stores.file.durable_tail import DurableTail


class FileStore:
    """A `LogStore` in one file. `path`: absolute. `name`: for messages. `timeout`: seconds to wait for the lock.

    `allow_network`: use the file even on a network file system, where advisory locks often have no effect.
    `warn`: called with a message when a torn append is put aside.
    """

    def __init__(
        self,
        path: str,
        *,
        cancel: Cancel,
        monotonic: Callable[[], float],
        name: str | None = None,
        timeout: float = 30.0,
        allow_network: bool = False,
        files: Files | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._path = path
        self._warn = warn
        self._name = name or path
        self._is_local = (
            allow_network  # True if the file system was found to be local, or need not be checked
        )
        self._files = files or OsFiles()
        # Keeps other processes and threads from appending between reading the head and writing the next entry.
        # Two entries after one head would fork the chain.
        self._lock = FileLock(
            f"{path}.lock",
            files=self._files,
            cancel=cancel,
            monotonic=monotonic,
            timeout=timeout,
            may_keep=not allow_network,
        )
        self._file = KeptFile(path, self._files, append=True, may_keep=not allow_network)
        self._folder = LogFolder(os.path.dirname(path), self._files)
        self._at = Positions()  # how far this process has verified the file
        self._made = False  # whether the folder exists

    @cached_property
    def _tail(self) -> DurableTail:
        from release.log.stores.file.durable_tail import (
            DurableTail,  # imported late: questions append nothing
        )

        return DurableTail(self._path, self._name, self._files, self._folder, self._warn)

    @property
    def name(self) -> str:
        """The store's name in messages."""
        return self._name

    @property
    def path(self) -> str:
        """The file's absolute path."""
        return self._path

    @property
    def local(self) -> bool:
        """True: wiping a CI workspace may delete the log's file."""
        return True

    def head(self) -> Head:
        """The log's end now. Only the last line is read, unless it is damaged."""
        with self._opened() as fd:
            if fd is None:
                return Head()
            size = self._files.facts(fd).size
            start = max(0, size - LINE_LIMIT - 2)
            entry = last_entry(b"".join(self._files.read(fd, start)), whole=start == 0)
        if entry is not None:
            return head_of(entry)
        for _ in self.read(self._at.newest.head.seq):
            pass
        return self._at.newest.head

    def read(self, after: int = -1) -> Iterator[Entry]:
        """See `LogStore.read`. Takes no lock and changes nothing; a log that does not exist is empty."""
        position = self._at.before(after)
        try:
            for entries, here in self._scan(position):
                position = here
                yield from _behind(entries, after)
        except LogCorrupt:
            # A writer may have repaired a torn tail during this read: read once more before reporting damage.
            for entries, _ in self._scan(position):
                yield from _behind(entries, after)

    def resume(self, head: Head, offset: int) -> bool:
        """Continue behind entry `head`, which this process or an earlier one verified, and which ends at byte `offset`.

        Returns False, and changes nothing, unless the file has that entry there, and the whole append that it is part
        of: after a power cut the rest may be torn, and then no entry of that append counts.
        """
        with self._opened() as fd:
            if fd is None:
                return False
            facts = self._files.facts(fd)
            self._require_same(facts, self._at.newest)
            start = max(0, offset - LINE_LIMIT - 2)
            entry = entry_at_end(self._files.part(fd, start, offset - start))
            if facts.size < offset or entry is None or head_of(entry) != head:
                return False
            position = Position(offset=offset, head=head, file=facts.file)
            if batch_of(entry)[1] > head.seq and not self._goes_on(fd, position):
                return False
        self._at.newest = position
        return True

    def _goes_on(self, fd: int, position: Position) -> bool:
        """Whether the append is whole in the midst of which `position` lies: if so, the scan yields its rest first."""
        try:
            return next(scan(self._files.read(fd, position.offset), position.head), None) is not None
        except LogCorrupt:
            return False

    def size(self) -> int:
        """The file's size in bytes; 0 if it does not exist."""
        with self._opened() as fd:
            return self._files.facts(fd).size if fd is not None else 0

    def part(self, start: int, end: int) -> bytes:
        """The bytes of the file from `start` to `end`."""
        with self._opened() as fd:
            return self._files.part(fd, start, end - start) if fd is not None else b""

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        """See `LogStore.append`.

        Lines that are not one batch are written one by one, so a failure may leave the first ones appended.
        """
        try:
            self._require_local()
            if not lines and not self._files.exists(self._path):
                return
            if not self._made:
                self._folder.make()
                self._made = True
            self._append(lines, expected)
        except OSError as error:
            raise failure(self._name, "written", error) from error
        except RefusedError as error:
            raise refused(error) from error

    def torn(self) -> tuple[Torn, ...]:
        """See `MayTear.torn`."""
        for _ in self.read(self._at.newest.head.seq):
            pass
        offset, folder = self._at.newest.offset, os.path.dirname(self._path)
        with self._opened() as fd:
            found = torn_copies(folder, os.path.basename(self._path))
            if fd is None:
                return found
            size = self._files.facts(fd).size - offset
        return (*found, Torn(offset=offset, size=size)) if size > 0 else found

    def check_writable(self) -> None:
        """See `LogStore.check_writable`. Writes nothing."""
        with self._translated("written"):
            self._require_local()
            self._folder.require_writable(self._path, self._name)

    def _append(self, lines: Sequence[bytes], expected: Head) -> None:
        held = self._lock.acquire()
        try:
            fd, facts = self._file.take()
            try:
                self._append_locked(fd, facts, lines, expected)
            except BaseException:
                self._files.close(fd)
                raise
            self._file.give_back(fd, facts)
        finally:
            self._lock.release(held)

    # The methods below run under the lock: read what others appended, cut a torn tail off, compare the head, write.
    # A torn tail is cut off before the write, since the new line would continue it.

    def _append_locked(self, fd: int, facts: FileFacts, lines: Sequence[bytes], expected: Head) -> None:
        self._require_same(facts, self._at.newest)
        if facts.size != self._at.newest.offset or self._at.newest.file is None:
            for _ in self._scan_open(fd, self._at.newest):
                pass
            self._tail.repair(fd, self._at.newest.offset)
        if self._at.newest.head != expected:
            raise HeadMoved
        self._tail.settle(fd, self._at.newest.offset)
        for data, head in groups_of(lines, expected):
            end = self._tail.write(fd, data, self._at.newest.offset)
            self._at.advance(Position(offset=end, head=head, file=self._at.newest.file))

    # Reading.

    def _open_read(self) -> int | None:
        try:
            return self._files.open_read(self._path)
        except FileNotFoundError:
            if self._at.newest.offset:
                raise gone(self._name, self._at.newest.head.seq + 1) from None
            return None

    @contextmanager
    def _opened(self) -> Iterator[int | None]:
        """The file, open for reading; None if it does not exist."""
        with self._translated("read"):
            fd = self._open_read()
            try:
                yield fd
            finally:
                if fd is not None:
                    self._files.close(fd)

    def _scan(self, position: Position) -> Iterator[tuple[list[Entry], Position]]:
        with self._opened() as fd:
            if fd is not None:
                yield from self._scan_open(fd, position)

    def _scan_open(self, fd: int, position: Position) -> Iterator[tuple[list[Entry], Position]]:
        facts = self._files.facts(fd)
        self._require_same(facts, position)
        file = facts.file
        offset, head = position.offset, position.head
        if offset == 0 and facts.size:
            self._require_log(fd)
        if position.file is None and self._at.newest.file is None:
            self._at.newest = Position(file=file)
        for entries in scan(self._files.read(fd, offset), head):
            offset += sum([len(entry.raw) for entry in entries]) + len(entries)
            here = Position(offset=offset, head=head_of(entries[-1]), file=file)
            if offset > self._at.newest.offset:
                self._at.advance(here)
            yield entries, here

    def _require_log(self, fd: int) -> None:
        """Raise `LogCorrupt` for a file that is not a log: `repair` would take it for a torn tail and cut it off."""
        start = next(self._files.read(fd, 0), b"")  # one chunk is longer than `LINE_LIMIT`
        if not may_begin_a_log(start[: LINE_LIMIT + 1]):
            raise not_a_log(self._name)

    def _require_same(self, facts: FileFacts, position: Position) -> None:
        if position.file not in (None, facts.file):
            raise replaced(self._name)
        if facts.size < position.offset:
            raise shorter(self._name, facts.size, position.offset)

    def _require_local(self) -> None:
        if self._is_local:
            return
        kind = self._files.network_filesystem(self._path)
        self._is_local = kind is None
        if kind is not None:
            raise on_network(self._name, kind)

    @contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise failure(self._name, done, error) from error
        except RefusedError as error:
            raise refused(error) from error


def _behind(entries: Sequence[Entry], after: int) -> Sequence[Entry]:
    """The entries with a position above `after`."""
    return entries if entries[0].seq > after else [entry for entry in entries if entry.seq > after]
