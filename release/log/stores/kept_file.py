"""A file whose descriptor stays open between uses, because opening it safely takes five system calls."""

from __future__ import annotations

import os
from contextlib import suppress

from release.log.stores.syscalls import FileFacts, Files


class KeptFile:
    """Lends descriptors of the file at `path`, which is created if it is missing. Thread-safe.

    A descriptor that was given back is lent again only while `path` leads to the same file. `may_keep`: False on
    network file systems, where only opening a file shows what other machines wrote to it.
    """

    def __init__(self, path: str, files: Files, *, append: bool = False, may_keep: bool = True) -> None:
        self._path = path
        self._files = files
        self._append = append
        self._may_keep = may_keep
        # At most one descriptor, its file, and the process that opened it; list operations are atomic.
        self._kept: list[tuple[int, tuple[int, int], int]] = []

    def take(self) -> tuple[int, FileFacts]:
        """A descriptor that no other caller has, and the facts of its file. Raises `OSError` and `RefusedError`."""
        if self._kept and (found := self._taken()) is not None:
            return found
        fd = self._files.open(self._path, create=True, append=self._append)
        try:
            return fd, self._files.facts(fd)
        except BaseException:
            self._files.close(fd)
            raise

    def give_back(self, fd: int, facts: FileFacts) -> None:
        """Keep a descriptor that holds no lock for the next `take`, or close it."""
        if self._may_keep and not self._kept:
            self._kept.append((fd, facts.file, os.getpid()))
        else:
            self._files.close(fd)

    def _taken(self) -> tuple[int, FileFacts] | None:
        try:
            fd, file, opener = self._kept.pop()
        except IndexError:  # another thread took it
            return None
        # A process made by fork shares descriptors, and so their locks, with its parent: it needs its own.
        if opener == os.getpid():
            facts = self._files.facts_at(self._path)
            if facts is not None and facts.file == file:
                return fd, facts
        self._files.close(fd)
        return None

    def __del__(self) -> None:
        """Close the kept descriptor."""
        for fd, _, _ in self._kept:
            with suppress(OSError):
                self._files.close(fd)
