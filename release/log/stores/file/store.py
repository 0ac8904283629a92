"""The version log as a JSON Lines file, one line for each entry. `durable_tail.py` makes each append durable."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from release.control import Cancel
from release.errors import RefusedError
from release.log import Head, HeadMoved
from release.log.stores.file.errors import failure, on_network, refused
from release.log.stores.file.folder import LogFolder
from release.log.stores.file.lines import groups_of
from release.log.stores.file.positions import Position
from release.log.stores.file.reader import FileReader
from release.log.stores.file_lock import FileLock
from release.log.stores.kept_file import KeptFile
from release.log.stores.syscalls import FileFacts, Files, OsFiles

if TYPE_CHECKING:
    from release.log.stores.file.durable_tail import DurableTail


class FileStore(FileReader):
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
        super().__init__(path, name or path, files or OsFiles())
        self._warn = warn
        # True if the file system was found to be local, or need not be checked.
        self._is_local = allow_network
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
        self._made = False  # whether the folder exists

    @cached_property
    def _tail(self) -> DurableTail:
        # Imported late: questions append nothing.
        from release.log.stores.file.durable_tail import DurableTail

        return DurableTail(self._path, self._name, self._files, self._folder, self._warn)

    @property
    def local(self) -> bool:
        """True: wiping a CI workspace may delete the log's file."""
        return True

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

    def _require_local(self) -> None:
        if self._is_local:
            return
        kind = self._files.network_filesystem(self._path)
        self._is_local = kind is None
        if kind is not None:
            raise on_network(self._name, kind)
