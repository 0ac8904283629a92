"""The advisory lock beside a log file. The lock file is never removed: two processes would lock two files."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from release.control import Cancel
from release.errors import LogError
from release.log.files import Files

_FIRST_PAUSE = 0.001  # seconds
_LONGEST_PAUSE = 0.05


class FileLock:
    """Keeps other processes, and other threads of this one, from appending. `timeout`: seconds.

    The holder writes who it is into the file, as advice for whoever waits in vain; nothing is read from it
    to decide anything, and it stays behind.
    """

    def __init__(
        self, path: str, *, files: Files, cancel: Cancel, monotonic: Callable[[], float], timeout: float
    ) -> None:
        self._path = path
        self._files = files
        self._cancel = cancel
        self._monotonic = monotonic
        self._timeout = timeout
        self._mine = f"process {os.getpid()} on {os.uname().nodename}\n".encode()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the body. Raises `LogError` naming the holder when the time is over."""
        fd = self._files.open(self._path, create=True)
        try:
            self._acquire(fd)
            self._sign(fd)
            yield
        finally:
            self._files.close(fd)

    def _acquire(self, fd: int) -> None:
        end = self._monotonic() + self._timeout
        pause = _FIRST_PAUSE
        while not self._files.lock(fd):
            if self._monotonic() >= end:
                raise LogError(
                    f"`{self._path}` was locked for {self._timeout:g} s by {self._holder(fd)}",
                    hint="wait for it, or end that process; the file itself must stay",
                )
            self._cancel.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads waiters, guards nothing
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _sign(self, fd: int) -> None:
        if next(self._files.read(fd, 0), b"") != self._mine:
            self._files.truncate(fd, 0)
            self._files.rewrite(fd, self._mine, 0)

    def _holder(self, fd: int) -> str:
        text = b"".join(self._files.read(fd, 0))[:200].decode("utf-8", "replace").strip()
        return text or "another process"
