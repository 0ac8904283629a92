"""Whether the process of an attempt lives, as far as this workspace can tell.

Each run holds a lock on a file of its own, which the kernel lets go of however the process ends, and removes it when
it ends well. So a file that nobody holds is that of a process which was killed. It is advice for who waits, and
nothing else is decided by it; where there is no file, nothing is known.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from release.log.file_folder import LogFolder
from release.log.files import OsFiles

_KEPT = 7 * 24 * 3600.0  # seconds after which no attempt is waited for any more


class Presence:
    """`folder`: where the files of this workspace's runs are, absolute."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = OsFiles()

    @contextmanager
    def announced(self, attempt: str) -> Iterator[None]:
        """Be seen to be alive while the body runs. Where no file can be made nobody is told, and nothing fails."""
        fd = self._hold(attempt)
        try:
            yield
        finally:
            if fd is not None:
                # Gone before it is let go of: who finds it free finds a killed process's.
                with suppress(OSError):
                    os.unlink(self._path(attempt))
                self._files.close(fd)

    def is_alive(self, attempt: str) -> bool | None:
        """Whether the attempt's process lives; None when this workspace does not know of it."""
        try:
            fd = self._files.open(self._path(attempt), create=False)
        except OSError:
            return None
        try:
            return not self._files.lock(fd)
        except OSError:
            return None
        finally:
            self._files.close(fd)

    def _hold(self, attempt: str) -> int | None:
        try:
            LogFolder(self._folder, self._files).make()
            self._sweep()
            fd = self._files.open(self._path(attempt), create=True)
        except OSError:
            return None
        with suppress(OSError):
            self._files.lock(fd)
        return fd

    def _sweep(self) -> None:
        with os.scandir(self._folder) as found:
            old = [one.path for one in found if time.time() - one.stat().st_mtime > _KEPT]
        for path in old:
            if self.is_alive(os.path.basename(path)) is False:
                with suppress(OSError):
                    os.unlink(path)

    def _path(self, attempt: str) -> str:
        return os.path.join(self._folder, attempt)
