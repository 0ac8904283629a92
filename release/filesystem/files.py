"""Reads and writes whole files whose surroundings somebody else may have prepared.

Reading takes regular files below a size only: no device, no pipe, nothing endless. Writing follows no symlink below the
workspace (`folders`), and new content gets its name when it is whole (`new_files`). A symlink in the way is
refused: it is neither replaced nor followed.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from contextlib import suppress

from release.errors import ConfigError
from release.filesystem.folders import nearest_folder, open_parent
from release.filesystem.new_files import PRIVATE, NewFile
from release.filesystem.workspace_paths import is_within

#: Bytes of one read.
_PIECE = 1 << 20
#: What opening a socket, a device without a driver, and a symlink to itself gives.
_NO_FILE = frozenset({errno.ENXIO, errno.ENODEV, errno.ELOOP})
#: What a process has open already, by the kernel's names; a shell's `>(command)` is one of them.
_STREAM = re.compile(r"/dev/(stdout|stderr|null|tty|fd/[0-9]+)|/proc/self/fd/[0-9]+")


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
        return read_limited(file, path, limit)


def read_limited(file: io.FileIO, path: str, limit: int) -> bytes:
    """What is in an open file, at most `limit` bytes; `path` is for the message of the `ConfigError`."""
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

    path: absolute. workspace: absolute; no symlink below it is followed. Missing folders are made.
    mode: of a new file, before the umask; a file that is replaced keeps its own. durable: fsync before the rename.
    Raises `RefusedError` for a symlink or a folder in the way, and `OSError`.
    """
    if _STREAM.fullmatch(path):
        _write_stream(path, content)
        return
    with open_parent(path, workspace, make=True) as (folder, name):
        # Private until it is placed, where the file that is replaced may be private.
        fresh = folder.mode_at(name) is None
        with NewFile(folder, mode=(mode or 0o666) if fresh else PRIVATE) as new:
            new.stream.write(content)
            new.place(name, durable=durable)


def append_file(path: str, content: bytes, *, workspace: str | None, mode: int = 0o666) -> None:
    """Add `content` at the end of the regular file at `path`; it is made where it is missing.

    Arguments and errors as for `write_file`; a hard link is refused as well.
    """
    if _STREAM.fullmatch(path):
        _write_stream(path, content)
        return
    with open_parent(path, workspace, make=True) as (folder, name), folder.append(name, mode) as file:
        file.write(content)


def require_file(path: str, *, workspace: str | None, append: bool = False) -> None:
    """Raise where `write_file`, or `append_file`, would refuse; a missing file or folder is fine."""
    if _STREAM.fullmatch(path):
        return
    try:
        with open_parent(path, workspace) as (folder, name):
            folder.mode_at(name)
            if append:
                folder.require_one_name(name)
    except FileNotFoundError:
        nearest_folder(os.path.dirname(os.path.abspath(path)), workspace).close()


def remove_file(path: str, *, workspace: str | None) -> None:
    """Delete the file at `path`; a missing one is fine. No symlink is followed: the last name is deleted itself."""
    with suppress(FileNotFoundError), open_parent(path, workspace) as (folder, name):
        folder.remove(name)


def _write_stream(path: str, content: bytes) -> None:
    """Write to what is open already: nothing is made or replaced, whoever wrote the workspace."""
    with open(path, "ab", buffering=0) as stream:
        view = memoryview(content)
        while view:
            view = view[stream.write(view) :]


def _readable(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
