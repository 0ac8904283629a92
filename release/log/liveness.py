"""Whether the process of an attempt lives, as far as this user's cache folder can tell.

Each run holds a lock on a file of its own, which the kernel lets go of however the process ends, and removes it when
it ends well. So a file that nobody holds is that of a process which was killed. It is advice for who waits, and
nothing else is decided by it; where there is no file, nothing is known.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from release.errors import RefusedError
from release.filesystem.folders import OpenFolder, open_folder
from release.log.stores.syscalls import OsFiles

_KEPT = 7 * 24 * 3600.0  # seconds after which no attempt is waited for any more
# An attempt's name comes from the log, which others write: nothing that leads to another folder is a name.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Presence:
    """`folder`: where the files of this repository's runs are, absolute; its parent exists."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = OsFiles(os.path.dirname(folder))

    @contextmanager
    def announced(self, attempt: str) -> Iterator[None]:
        """Be seen to be alive while the body runs. Where no file can be made nobody is told, and nothing fails."""
        fd = self._hold(attempt)
        try:
            yield
        finally:
            if fd is not None:
                # Gone before it is let go of: who finds it free finds a killed process's.
                self._remove([attempt])
                self._files.close(fd)

    def is_alive(self, attempt: str) -> bool | None:
        """Whether the attempt's process lives; None when this folder does not know of it."""
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
        """Names of the regular files that no attempt is waited for by any more."""
        with self._opened() as folder:
            seen = [(name, status) for name in folder.names() if (status := folder.status(name)) is not None]
        limit = time.time() - _KEPT
        return [name for name, status in seen if stat.S_ISREG(status.st_mode) and status.st_mtime < limit]

    def _remove(self, names: Iterable[str]) -> None:
        """Delete files by the folder's descriptor: whatever the folder's name leads to meanwhile stays."""
        with suppress(OSError, RefusedError), self._opened() as folder:
            for name in names:
                with suppress(OSError):
                    folder.remove(name)

    def _opened(self) -> OpenFolder:
        """The folder itself: a symlink in its place is refused."""
        return open_folder(self._folder, os.path.dirname(self._folder))
