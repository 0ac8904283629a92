"""Reads a log file and verifies it: from its beginning, from a position on, or its last entry only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from release.errors import LogCorrupt, RefusedError
from release.log import LINE_LIMIT, Entry, Head
from release.log.chain import head_of
from release.log.jsonl import batch_of, last_entry, may_begin_a_log, scan
from release.log.stores.file.errors import failure, gone, not_a_log, refused, replaced, shorter
from release.log.stores.file.folder import torn_copies
from release.log.stores.file.lines import entry_at_end
from release.log.stores.file.positions import Position, Positions
from release.log.stores.syscalls import FileFacts, Files
from release.log.torn import Torn


class FileReader:
    """The reads of a `LogStore` in the file at `path`, which is absolute. `name`: for messages.

    Takes no lock and changes nothing; a log that does not exist is empty.
    """

    def __init__(self, path: str, name: str, files: Files) -> None:
        self._path = path
        self._name = name
        self._files = files
        self._at = Positions()  # how far this process has verified the file

    @property
    def name(self) -> str:
        """The store's name in messages."""
        return self._name

    @property
    def path(self) -> str:
        """The file's absolute path."""
        return self._path

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
        """See `LogStore.read`."""
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
