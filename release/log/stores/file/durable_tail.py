"""The end of a log file: each append is durable before it returns, and what a power cut tore is put aside.

Invariant: a power cut can lose or tear at most the last append, because every append first makes durable what a
killed writer may have left unsynced (`settle`). Therefore `repair` may cut a damaged tail off.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from release.errors import LogError
from release.filesystem.new_files import PRIVATE
from release.log.stores.file.errors import cause_of
from release.log.stores.file.folder import LogFolder
from release.log.stores.syscalls import Files


class DurableTail:
    """Writes at the end of the log file at `path`. Its methods run under the log's lock.

    `name`: the log's, for messages. `warn`: called with a message when a torn append is put aside.
    """

    def __init__(
        self, path: str, name: str, files: Files, folder: LogFolder, warn: Callable[[str], None] | None
    ) -> None:
        self._path = path
        self._name = name
        self._files = files
        self._folder = folder
        self._warn = warn
        self._durable = 0  # length of the file that is known to be durable; -1: unknown
        self._named = False  # whether the directory entries from the file up to the root are durable
        self._doubted: int | None = None  # offset from which a failed fsync may have lost pages

    def repair(self, fd: int, offset: int) -> None:
        """Cut off what is behind `offset`, after its bytes are durable in a file beside the log, and warn.

        `offset`: the end of the last entry that was verified.
        """
        if self._files.facts(fd).size == offset:
            return
        tail = b"".join(self._files.read(fd, offset))
        path, copy = self._create_copy(offset, self._files.facts(fd).mode & PRIVATE)
        try:
            if self._files.write(copy, tail) != len(tail):
                raise OSError(errno.ENOSPC, "only a part of it fitted")
            self._files.sync(copy)
        finally:
            self._files.close(copy)
        self._folder.sync()
        self._files.truncate(fd, offset)
        self._durable = -1  # the truncation is not durable yet: `settle` syncs it
        if self._warn is not None:
            self._warn(
                f"the last append of version log `{self._name}` was torn: {len(tail)} bytes from byte {offset} on were "
                f"put aside in `{os.path.basename(path)}`; nothing that was acknowledged is lost"
            )

    def settle(self, fd: int, size: int) -> None:
        """Make durable what other writers, perhaps killed before their fsync, wrote to the file and its folders.

        `size`: of the file.
        """
        if self._doubted is not None:
            self._rewrite(fd, self._doubted)
        if size != self._durable:
            self._files.sync(fd)
            self._durable = size
        self._doubted = None
        if not self._named:
            self._folder.sync_to_root()
            self._named = True

    def write(self, fd: int, data: bytes, offset: int) -> int:
        """Write lines of one batch with one write and one fsync. `offset`: the file's end; returns the new one."""
        try:
            if self._files.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, "only a part of it fitted")
        except OSError:
            # Best effort: otherwise a torn tail remains, which the next append repairs.
            self._durable = -1
            with suppress(OSError):
                self._files.truncate(fd, offset)
                self._files.sync(fd)
            raise
        try:
            self._files.sync(fd)
        except OSError as error:
            # A second fsync would succeed although pages were dropped, so it proves nothing: the outcome is unknown.
            self._doubted = offset
            self._durable = -1
            raise LogError(
                f"it is unknown whether version log `{self._name}` holds what was written: {cause_of(error)}",
                hint="check the disk, then run again: the next run looks for the entry",
            ) from error
        self._durable = offset + len(data)
        return self._durable

    def _create_copy(self, offset: int, mode: int) -> tuple[str, int]:
        number = 0
        while True:
            try:
                name = f"{self._path}.torn-{offset}-{number}"
                return name, self._files.open(name, create=True, exclusive=True, mode=mode)
            except FileExistsError:
                number += 1

    def _rewrite(self, fd: int, offset: int) -> None:
        """Write the bytes from `offset` again.

        After a failed fsync Linux marks the lost pages as clean, so another fsync would succeed and write nothing.
        """
        data = b"".join(self._files.read(fd, offset))
        # A descriptor without O_APPEND: with it, Linux's pwrite(2) appends whatever the offset.
        again = self._files.open(self._path, create=False)
        try:
            if self._files.rewrite(again, data, offset) != len(data):
                raise OSError(errno.EIO, "only a part of it was written")
        finally:
            self._files.close(again)
        self._durable = -1
