"""Tells whether the process of an attempt is alive, by lock files in this user's cache folder.

Each run locks a file of its own and removes it when it ends in an orderly way. The kernel releases the lock however
the process ends, so an unlocked file means that the process was killed. A missing file means nothing: the process may
run on another machine. Only `run --wait` uses the files, to stop waiting for killed processes.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from release.errors import RefusedError
from release.filesystem.folders import OpenFolder, open_folder
from release.lazy_pattern import pattern
from release.log.stores.syscalls import OsFiles

# Seconds after which the unlocked file of a killed run is deleted.
# A waiter reads a file only during the time that the attempt announced, which is 6 hours: a week is far above that.
# Without a limit the files would pile up.
_KEPT = 7 * 24 * 3600.0
# Names of attempts come from the log, which others can write: no path separators, no dots.
_NAME = pattern(r"[A-Za-z0-9_-]{1,128}")


class Presence:
    """The lock files of one repository's runs. `folder`: absolute; its parent exists."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = OsFiles(os.path.dirname(folder))

    @contextmanager
    def announced(self, attempt: str) -> Iterator[None]:
        """Lock the attempt's file while the body runs. If the file cannot be created, the body runs without it."""
        fd = self._hold(attempt)
        try:
            yield
        finally:
            if fd is not None:
                # Remove the file before closing its descriptor, which unlocks it: an unlocked file means a killed run.
                self._remove([attempt])
                self._files.close(fd)

    def is_alive(self, attempt: str) -> bool | None:
        """Whether the attempt's process is alive; None if unknown, for example without a lock file on this machine."""
        if not _NAME.fullmatch(attempt):
            return None
        try:
            fd = self._files.open(os.path.join(self._folder, attempt), create=False)
        except (OSError, RefusedError):
            return None
        try:
            return not self._files.lock(fd)
        except OSError:
            return None
        finally:
            self._files.close(fd)

    def _hold(self, attempt: str) -> int | None:
        try:
            self._files.make_directory(self._folder)
            self._remove(name for name in self._old() if self.is_alive(name) is False)
            fd = self._files.open(os.path.join(self._folder, attempt), create=True)
        except (OSError, RefusedError):
            return None
        with suppress(OSError):
            self._files.lock(fd)
        return fd

    def _old(self) -> list[str]:
        """Names of regular files older than `_KEPT`."""
        with self._opened() as folder:
            seen = [(name, status) for name in folder.names() if (status := folder.status(name)) is not None]
        limit = time.time() - _KEPT
        return [name for name, status in seen if stat.S_ISREG(status.st_mode) and status.st_mtime < limit]

    def _remove(self, names: Iterable[str]) -> None:
        """Delete files through the folder's descriptor, so that a swapped folder name cannot redirect the deletion."""
        with suppress(OSError, RefusedError), self._opened() as folder:
            for name in names:
                with suppress(OSError):
                    folder.remove(name)

    def _opened(self) -> OpenFolder:
        """The folder, opened without following a symlink."""
        return open_folder(self._folder, os.path.dirname(self._folder))
