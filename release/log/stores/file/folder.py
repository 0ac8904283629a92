"""The folder of a log file: makes it, hides it from git, syncs its directory entries."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress

from release.errors import LogError
from release.log.stores.syscalls import Files
from release.log.torn import Torn

_NAME = ".shipmark"


class LogFolder:
    """The folder of a log file. `path`: absolute. Methods raise `OSError`; `make` also `RefusedError` for a symlink."""

    def __init__(self, path: str, files: Files) -> None:
        self._path = path
        self._files = files

    def make(self) -> None:
        """Make this folder and all missing folders above it."""
        missing = []
        folder = self._path
        while not self._files.exists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for path in reversed(missing):
            self._files.make_directory(path)
        self._ignore_in_git()

    def require_writable(self, file: str, name: str) -> None:
        """Raise `LogError` unless this process may write `file` and create files beside it. `name`: for the message."""
        nearest = file
        while not self._files.exists(nearest):
            nearest = os.path.dirname(nearest)
        # Check the folder too: the lock file and copies of torn tails are created in it.
        for path in {nearest, self._path if nearest == file else nearest}:
            if not self._files.writable(path):
                raise LogError(
                    f"version log `{name}` cannot be written: no right to write `{path}`",
                    hint="give this user the right to write there, or name another file with `log: {path: …}`",
                )

    def sync(self) -> None:
        """Sync this folder's directory entries."""
        self._sync(self._path)

    def sync_to_root(self) -> None:
        """Sync this folder and all folders above it: a writer may have been killed right after making one of them."""
        folder = self._path
        self._sync(folder)
        while (parent := os.path.dirname(folder)) != folder:
            folder = parent
            self._sync(folder)

    def _ignore_in_git(self) -> None:
        """Write `.gitignore` into a `.shipmark` folder, so that the log does not make git's working tree dirty."""
        before, found, _ = f"{self._path}/".rpartition(f"/{_NAME}/")
        ignore = f"{before}/{_NAME}/.gitignore"
        if not found or self._files.exists(ignore):
            return
        with suppress(FileExistsError):
            fd = self._files.open(ignore, create=True, exclusive=True)
            try:
                self._files.write(fd, b"*\n")
            finally:
                self._files.close(fd)

    def _sync(self, path: str) -> None:
        try:
            fd = self._files.open_folder(path)
        except PermissionError:
            return  # this process may not open the folder, so it did not make it, and need not sync it
        try:
            self._files.sync(fd)
        except OSError as error:
            # Some file systems refuse fsync on directories.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
                raise
        finally:
            self._files.close(fd)


def torn_copies(folder: str, name: str) -> tuple[Torn, ...]:
    """The torn appends of the log file `name` that lie beside it in `folder`, by their positions. Raises `OSError`."""
    pattern = re.compile(re.escape(name) + r"\.torn-(\d{1,18})-\d{1,9}")
    found = []
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return ()
    for entry in entries:
        if (match := pattern.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False):
            size = entry.stat(follow_symlinks=False).st_size
            found.append(Torn(offset=int(match[1]), size=size, copy=entry.name))
    return tuple(sorted(found, key=lambda one: (one.offset, one.copy)))
