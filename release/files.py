"""Reads and writes files whose surroundings somebody else may have prepared.

Reading takes regular files below a size only: no device, no pipe, nothing endless. Writing follows no symlink below the
workspace: each folder on the way is opened by descriptor with O_NOFOLLOW, new content goes into a new file (O_EXCL) in
the same folder, and a rename puts it in place. A symlink in the way is refused: it is neither replaced nor followed.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from release.errors import ConfigError, RefusedError

#: For content that only its owner may read: plans, parked facts, logs' put-aside tails.
PRIVATE = 0o600

#: Bytes of one read.
_PIECE = 1 << 20
#: What opening a socket, a device without a driver, and a symlink to itself gives.
_NO_FILE = frozenset({errno.ENXIO, errno.ENODEV, errno.ELOOP})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def read_file(path: str, *, limit: int, within: str | None = None) -> bytes | None:
    """The bytes of the regular file at `path`; None where there is none.

    limit: bytes. within: the folder that the file must lie in after symlinks are resolved; None allows any place.
    Raises `ConfigError` for a device, pipe, folder, a file that is too large, or a symlink that leads out of `within`;
    `OSError` for what the operating system refuses.
    """
    if within is not None and not is_within(os.path.realpath(path), os.path.realpath(within)):
        raise ConfigError(
            f"`{path}` leads out of `{within}` by a symlink",
            hint="replace the symlink by the file itself",
        )
    try:
        file = open_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with file:
        # One byte more than allowed tells a file that grows, or whose size /proc does not give, from one that fits.
        content = _read_all(file, limit + 1)
    if len(content) > limit:
        raise ConfigError(
            f"`{path}` is larger than {_readable(limit)}, the limit for this kind of file",
            hint="make the file smaller; SECURITY.md lists the limits",
        )
    return content


def open_file(path: str) -> io.FileIO:
    """The regular file at `path`, open for reading; for content that is read piece by piece.

    Raises `ConfigError` for a device, pipe or folder, and `OSError`.
    """
    if "\0" in path:
        raise ConfigError("a path holds a NUL character", hint="remove it")
    # O_NONBLOCK: opening a pipe would otherwise wait for a writer that never comes. Reading a regular file ignores it.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        raise _not_regular(path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path)
    return io.FileIO(descriptor)


def _not_regular(path: str) -> ConfigError:
    return ConfigError(f"`{path}` is not a regular file", hint="name a regular file")


def _read_all(file: io.FileIO, most: int) -> bytes:
    """At most `most` bytes, in pieces: one large read would hold up a signal until it ends."""
    pieces = []
    while most and (piece := file.read(min(most, _PIECE))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def write_file(
    path: str, content: bytes, *, workspace: str | None, mode: int | None = None, durable: bool = False
) -> None:
    """Put `content` at `path`, whole or not at all.

    path: absolute. workspace: absolute; no symlink below it is followed, and missing folders below it are made.
    mode: of a new file, before the umask; a file that is replaced keeps its own. durable: fsync before the rename.
    Raises `RefusedError` for a symlink or a folder in the way, and `OSError`.
    """
    with _opened_parent(path, workspace) as (folder, name):
        kept = _mode_at(folder, name, path)
        part = f".{name[:64]}.{os.urandom(8).hex()}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(part, flags, PRIVATE if kept is not None else mode or 0o666, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if kept is not None:
                    os.fchmod(file.fileno(), kept)
                file.write(content)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise


def append_file(path: str, content: bytes, *, workspace: str | None, mode: int = 0o666) -> None:
    """Add `content` at the end of the regular file at `path`; it is made where it is missing.

    Arguments and errors as for `write_file`.
    """
    with _opened_parent(path, workspace) as (folder, name):
        _mode_at(folder, name, path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(name, flags, mode, dir_fd=folder)
        with os.fdopen(descriptor, "ab") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RefusedError(f"`{path}` is not a regular file", hint="name a regular file")
            file.write(content)


def remove_file(path: str, *, workspace: str | None) -> None:
    """Delete the file at `path`; a missing one is fine. No symlink is followed: the last name is deleted itself."""
    with suppress(FileNotFoundError), _opened_parent(path, workspace, make=False) as (folder, name):
        os.unlink(name, dir_fd=folder)


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it. Both absolute and normalised; nothing is resolved."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


@contextmanager
def _opened_parent(path: str, workspace: str | None, *, make: bool = True) -> Iterator[tuple[int, str]]:
    """The descriptor of the folder that `path` lies in, reached without a symlink below `workspace`, and the name."""
    path = os.path.normpath(path)
    folder, name = os.path.split(path)
    start = workspace if workspace is not None and is_within(path, workspace) else None
    descriptor = os.open(start or folder or ".", _FOLDER)
    try:
        for part in _parts(folder, start):
            descriptor = _step_down(descriptor, part, folder, make=make)
        yield descriptor, name
    finally:
        os.close(descriptor)


def _parts(folder: str, start: str | None) -> list[str]:
    if start is None:
        return []
    return [part for part in os.path.relpath(folder, start).split("/") if part != "."]


def _step_down(descriptor: int, part: str, path: str, *, make: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=descriptor)
    try:
        below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
    except OSError as error:
        if _is_symlink(descriptor, part):
            raise RefusedError(
                f"`{part}` in `{path}` is a symlink, and shipmark does not write through it",
                hint="remove the symlink, or name a path without one",
            ) from error
        raise
    os.close(descriptor)
    return below


def _is_symlink(folder: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _mode_at(folder: int, name: str, path: str) -> int | None:
    """The permission bits of the file that is there; None where there is none. Raises `RefusedError` for others."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(found):
        return stat.S_IMODE(found)
    kind = "a symlink" if stat.S_ISLNK(found) else "a folder" if stat.S_ISDIR(found) else "not a regular file"
    raise RefusedError(
        f"`{path}` is {kind}, and shipmark writes only regular files",
        hint="remove it, or name another path",
    )


def _readable(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
