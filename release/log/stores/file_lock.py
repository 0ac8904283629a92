"""An advisory lock on a file. The file is never removed: two processes could then lock two different files."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from release.control import Cancel
from release.errors import LogCorrupt, LogError
from release.lazy_pattern import pattern
from release.log.stores.kept_file import KeptFile
from release.log.stores.syscalls import FileFacts, Files

# Seconds between attempts to lock, doubled from the first to the longest.
# An append holds the lock for about one fsync(2), mostly milliseconds.
# Longer pauses would leave a free lock unused, shorter ones would use a CPU for waiting.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05
# The content of our lock files, whole or cut short by a full disk or a power cut: `_OURS` from the first digit on,
# `_BEGINS` before it.
# A file with other content is refused, since it belongs to another program: `log.path: yarn` would need `yarn.lock`.
_OURS = pattern(rb"process \d+( (o(n( [^\n]*\n?)?)?)?)?")
_BEGINS = b"process "

Held = tuple[int, FileFacts]


class FileLock:
    """A lock between processes, and between threads of one process. `timeout`: seconds to wait for the lock.

    `may_keep`: keep the file open between uses, for an owner that locks it often.
    The holder writes its process id and host into the file, for the error message of a process that waited in vain.
    The text stays in the file after the lock is released; no decision depends on it.
    """

    def __init__(
        self,
        path: str,
        *,
        files: Files,
        cancel: Cancel,
        monotonic: Callable[[], float],
        timeout: float,
        may_keep: bool = False,
    ) -> None:
        self._path = path
        self._files = files
        self._file = KeptFile(path, files, may_keep=may_keep)
        self._cancel = cancel
        self._monotonic = monotonic
        self._timeout = timeout
        self._mine = f"process {os.getpid()} on {os.uname().nodename}\n".encode()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock while the body runs."""
        held = self.acquire()
        try:
            yield
        finally:
            self.release(held)

    def acquire(self) -> Held:
        """Take the lock; returns a handle for `release`. Raises `LogError` naming the holder when `timeout` is over.

        Raises `LogCorrupt` when the file belongs to another program.
        """
        fd, facts = self._file.take()
        try:
            if not self._files.lock(fd):
                self._wait_for(fd)
            self._sign(fd)
        except BaseException:
            self._files.close(fd)
            raise
        return fd, facts

    def release(self, held: Held) -> None:
        """Release the lock that `acquire` took, by its handle."""
        fd, facts = held
        try:
            self._files.unlock(fd)
        except BaseException:
            self._files.close(fd)
            raise
        self._file.give_back(fd, facts)

    def _wait_for(self, fd: int) -> None:
        end = self._monotonic() + self._timeout
        pause = _FIRST_PAUSE
        while not self._files.lock(fd):
            if self._monotonic() >= end:
                raise LogError(
                    f"`{self._path}` was locked for {self._timeout:g} s by {self._holder(fd)}",
                    hint="wait for that process, or end it; do not delete the file",
                )
            self._cancel.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads waiters, guards nothing
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _sign(self, fd: int) -> None:
        found = self._files.start(fd)
        if found != self._mine:
            if not _is_ours(found):
                raise LogCorrupt(
                    f"`{self._path}` is needed as the lock of the version log, and holds something else",
                    hint="name another file with `log: {path: …}`; the lock file has that path and the suffix `.lock`",
                )
            self._files.truncate(fd, 0)
            self._files.rewrite(fd, self._mine, 0)

    def _holder(self, fd: int) -> str:
        text = self._files.start(fd).decode("utf-8", "replace").strip()
        return text or "another process"


def _is_ours(found: bytes) -> bool:
    """Whether a lock file has our content, or the beginning of it: a full disk or a power cut cuts a write short."""
    text = found.replace(b"\0", b"")  # a power cut may leave zeros
    return _BEGINS.startswith(text) or _OURS.fullmatch(text) is not None
