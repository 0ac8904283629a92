"""Folders held by descriptor, so that no symlink can redirect where a file is created, replaced or deleted.

Names are looked up relative to an open folder and never by a whole path a second time, so renaming a folder or swapping
in a symlink has no effect. Below the workspace, which a stranger may have written, no symlink is followed. Paths
above the workspace belong to the user and are followed as usual (`/tmp` is a symlink on macOS).
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import IO, Self, cast

from release.errors import RefusedError
from release.filesystem.refusals import refusal
from release.filesystem.workspace_paths import normal, start_of

# O_DIRECTORY: anything that is not a folder is refused. O_CLOEXEC: child processes do not inherit the descriptor.
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_PATH: passes through folders without the right to list them, such as other users' homes. macOS has no O_PATH.
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
# O_NOFOLLOW: a symlink is refused. O_NONBLOCK: opening a pipe would otherwise block until somebody opens its other end.
# O_NOCTTY: a terminal does not become the controlling terminal.
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# O_EXCL: an existing file or symlink of this name makes the call fail, so nobody can prepare the new file.
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def open_folder(path: str, workspace: str | None, *, make: bool = False) -> OpenFolder:
    """The folder at `path`, reached without following a symlink below `workspace`.

    `path`: absolute, or relative to the current folder. `workspace`: absolute; None: symlinks are followed everywhere.
    `make`: create missing folders. Raises `RefusedError` for a symlink or a file on the way, and `OSError`.
    """
    path = normal(path)
    start = start_of(path, workspace)
    if start is None and make:
        os.makedirs(path, exist_ok=True)
    with OpenFolder(_descriptor(start or path), start or path) as folder:
        for name in _names_between(start, path):
            folder.enter(name, make=make)
        return folder.twin()


@contextmanager
def open_parent(path: str, workspace: str | None, *, make: bool = False) -> Iterator[tuple[OpenFolder, str]]:
    """The parent folder of `path`, opened as by `open_folder`, and the last name of `path`.

    Raises as `open_folder`, and `RefusedError` for a path that ends with a slash.
    """
    parent, name = os.path.split(normal(path))
    if not name:
        raise RefusedError(f"`{path}` is a folder, but a file is needed", hint="name a file")
    with open_folder(parent, workspace, make=make) as folder:
        yield folder, name


def nearest_folder(path: str, workspace: str | None) -> OpenFolder:
    """The deepest folder on the way to `path` that exists. Raises as `open_folder`."""
    path = normal(path)
    while True:
        try:
            return open_folder(path, workspace)
        except FileNotFoundError:
            if path == os.path.dirname(path):
                raise
            path = os.path.dirname(path)


class OpenFolder:
    """A folder by its descriptor. `path`: the folder's name in messages. Close it, or use it as a context manager."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def twin(self) -> OpenFolder:
        """A second `OpenFolder` for this folder, with its own descriptor."""
        return OpenFolder(os.dup(self._descriptor), self.path)

    def enter(self, name: str, *, make: bool = False) -> None:
        """Replace this folder by its subfolder `name`, and close the descriptor of the parent."""
        below = self.folder(name, make=make)
        os.close(self._descriptor)
        self._descriptor, self.path = below._descriptor, below.path

    def folder(self, name: str, *, make: bool = False, mode: int = 0o777) -> OpenFolder:
        """Open the subfolder `name`. `make`: create it if it is missing, with `mode`.

        Raises `RefusedError` for a symlink or a file, and `OSError`.
        """
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, mode, dir_fd=self._descriptor)
        try:
            below = _descriptor(name, os.O_NOFOLLOW, self._descriptor)
        except OSError as error:
            found = self.status(name)
            if found is None or stat.S_ISDIR(found.st_mode):
                raise
            raise refusal(self._shown(name), found.st_mode, "does not go through it") from error
        return OpenFolder(below, self._shown(name))

    def chmod(self, mode: int) -> None:
        """Set this folder's permission bits."""
        os.fchmod(self._descriptor, mode)

    def own_status(self) -> os.stat_result:
        """The status of this folder itself."""
        return os.fstat(self._descriptor)

    def status(self, name: str) -> os.stat_result | None:
        """The status of `name`, without following a symlink; None if it does not exist."""
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def has_file(self, name: str, size: int) -> bool:
        """Whether `name` is a regular file of `size` bytes."""
        found = self.status(name)
        return found is not None and stat.S_ISREG(found.st_mode) and found.st_size == size

    def mode_at(self, name: str) -> int | None:
        """The permission bits of the regular file `name`; None if missing. Raises `RefusedError` for anything else."""
        found = self.status(name)
        if found is None:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise refusal(self._shown(name), found.st_mode, "takes only regular files")
        return stat.S_IMODE(found.st_mode)

    def names(self) -> list[str]:
        """The names in the folder. Raises `OSError`."""
        # Open a new descriptor: an O_PATH descriptor cannot list a folder, and duplicates share one read position.
        listed = os.open(".", _FOLDER, dir_fd=self._descriptor)
        try:
            return os.listdir(listed)
        finally:
            os.close(listed)

    def target(self, name: str) -> str:
        """The target of the symlink `name`. Raises `OSError`."""
        return os.readlink(name, dir_fd=self._descriptor)

    def can_write(self) -> bool:
        """Whether this user may create files in the folder."""
        return os.access(".", os.W_OK | os.X_OK, dir_fd=self._descriptor)

    def can_read(self, name: str) -> bool:
        """Whether this user may read the file `name`."""
        return os.access(name, os.R_OK, dir_fd=self._descriptor, effective_ids=True, follow_symlinks=False)

    def open(self, name: str, flags: int, mode: int = 0o666) -> int:
        """Open the regular file `name`; returns its descriptor. `flags`: of open(2); safe flags (`_SAFE`) are added.

        Raises `RefusedError` for anything that is not a regular file, such as a symlink or pipe, and `OSError`.
        """
        try:
            descriptor = os.open(name, flags | _SAFE, mode, dir_fd=self._descriptor)
            found = os.fstat(descriptor).st_mode
        except OSError as error:
            status = self.status(name)
            if status is None or stat.S_ISREG(status.st_mode):
                raise
            raise refusal(self._shown(name), status.st_mode, "takes only regular files") from error
        if not stat.S_ISREG(found):
            os.close(descriptor)
            raise refusal(self._shown(name), found, "takes only regular files")
        return descriptor

    def read(self, name: str) -> io.FileIO:
        """The regular file `name`, unbuffered. Raises as `open`."""
        return io.FileIO(self.open(name, os.O_RDONLY))

    def append(self, name: str, mode: int) -> IO[bytes]:
        """Open the regular file `name` to append to it; created with `mode` if missing. Raises as `open`."""
        descriptor = self.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
        try:
            self._require_one_name(os.fstat(descriptor), name)
        except BaseException:
            os.close(descriptor)
            raise
        return cast(IO[bytes], os.fdopen(descriptor, "ab"))

    def require_one_name(self, name: str) -> None:
        """Raise `RefusedError` if the file `name` has other hard links: appending would change those files too."""
        found = self.status(name)
        if found is not None:
            self._require_one_name(found, name)

    def _require_one_name(self, found: os.stat_result, name: str) -> None:
        if found.st_nlink > 1:
            raise RefusedError(
                f"`{self._shown(name)}` is a hard link: the file's other names would change with it",
                hint="replace it by a copy, or name another path",
            )

    def create(self, name: str, mode: int) -> int:
        """Create a file; returns its descriptor for writing and reading. `mode`: before the umask. Raises `OSError`."""
        return os.open(name, _NEW, mode, dir_fd=self._descriptor)

    def rename(self, name: str, into: OpenFolder, new: str) -> None:
        """Rename the entry `name` to `new` in the folder `into`, replacing a file called `new`. Raises `OSError`."""
        os.replace(name, new, src_dir_fd=self._descriptor, dst_dir_fd=into._descriptor)

    def link(self, name: str, into: OpenFolder, new: str) -> None:
        """Make a hard link `new` to the file `name`, in the folder `into`.

        Raises `FileExistsError` if `new` exists, and `OSError` on file systems without hard links.
        """
        os.link(name, new, src_dir_fd=self._descriptor, dst_dir_fd=into._descriptor, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Delete the entry `name`, without following a symlink. Raises `OSError`."""
        os.unlink(name, dir_fd=self._descriptor)

    def remove_tree(self, name: str) -> None:
        """Delete the folder `name` and its content, without following symlinks. Errors are ignored."""
        import shutil  # imported late: `shutil` imports compression libraries, which would slow every start

        shutil.rmtree(name, ignore_errors=True, dir_fd=self._descriptor)

    def sync(self) -> None:
        """fsync the folder's entries. Errors are ignored, since some file systems do not support it."""
        with suppress(OSError):
            os.fsync(self._descriptor)

    def _shown(self, name: str) -> str:
        return os.path.join(self.path, name)


def _descriptor(path: str, flags: int = 0, folder: int | None = None) -> int:
    try:
        return os.open(path, _FOLDER | flags, dir_fd=folder)
    except PermissionError:
        return os.open(path, _PASS | flags, dir_fd=folder)


def _names_between(start: str | None, path: str) -> list[str]:
    return [] if start is None or start == path else os.path.relpath(path, start).split("/")
