"""Reads and writes whole files in folders that a stranger may have prepared.

Only regular files below a size limit are read: no devices, pipes or endless files. Writing follows no symlink below the
workspace (`folders`), and a new file gets its name when it is complete (`new_files`). A symlink at the path of a file
to write is refused: it is neither replaced nor followed.
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

#: Bytes of one read(2). Python handles signals between two reads, so one large read would delay Ctrl-C.
_PIECE = 1 << 20
#: Errors of open(2) for a socket, a device without a driver, and a symlink to itself.
_NO_FILE = frozenset({errno.ENXIO, errno.ENODEV, errno.ELOOP})
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
#: Paths that are written to directly, because they cannot be replaced by a new file: streams that the process has open
#: (a shell's `>(command)` is `/dev/fd/N`), the terminal and `/dev/null`.
_STREAM = r"/dev/(stdout|stderr|null|tty|fd/[0-9]+)|/proc/self/fd/[0-9]+"


def read_file(path: str, *, limit: int, within: str | None = None) -> bytes | None:
    """The bytes of the regular file at `path`; None if it does not exist.

    `limit`: bytes. `within`: the folder that the file must lie in after symlinks are resolved; None: anywhere.
    Raises `ConfigError` for a device, pipe, folder, a file that is too large, or a symlink that leads out of `within`;
    `OSError` for other errors of the operating system.
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
    """The content of an open file, at most `limit` bytes. Raises `ConfigError`. `path`: for the message."""
    # Read one byte more than allowed: the size from stat is wrong for files that grow, and 0 for those in /proc.
    content = _read_all(file, limit + 1)
    if len(content) > limit:
        raise ConfigError(
            f"`{path}` is larger than {_readable(limit)}, the limit for this kind of file",
            hint="make the file smaller; SECURITY.md lists the limits",
        )
    return content


def open_file(path: str) -> io.FileIO:
    """The regular file at `path`, open for reading in pieces.

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
    return ConfigError(
        f"`{path}` is not a regular file, but {_kind(path)}", hint="make it a regular file, or name another"
    )


def _kind(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "a symlink that leads in a circle"
    return next((text for fits, text in _KINDS if fits(mode)), "something else")


def _read_all(file: io.FileIO, most: int) -> bytes:
    """At most `most` bytes, read in pieces: one large read would delay the handling of signals."""
    pieces = []
    while most and (piece := file.read(min(most, _PIECE))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def write_file(
    path: str, content: bytes, *, workspace: str | None, mode: int | None = None, durable: bool = False
) -> None:
    """Write `content` to `path`, completely or not at all.

    `path`: absolute. `workspace`: absolute; no symlink below it is followed. Missing folders are created.
    `mode`: of a new file, before the umask; a replaced file keeps its mode. `durable`: fsync before the rename.
    Raises `RefusedError` if a symlink, a folder or a device is in the way, and `OSError`. A stream (`/dev/stdout`,
    `/dev/fd/N`) is written directly, so a part of `content` may stay written.
    """
    if is_stream(path):
        _write_stream(path, content)
        return
    with open_parent(path, workspace, make=True) as (folder, name):
        # A file that is replaced may be private. So the new file is private until `place` gives it the old file's mode.
        fresh = folder.mode_at(name) is None
        with NewFile(folder, mode=(mode or 0o666) if fresh else PRIVATE) as new:
            new.stream.write(content)
            new.place(name, durable=durable)


def append_file(path: str, content: bytes, *, workspace: str | None, mode: int = 0o666) -> None:
    """Append `content` to the regular file at `path`, which is created if it is missing.

    Arguments and errors as for `write_file`. A file with several hard links is refused too.
    """
    if is_stream(path):
        _write_stream(path, content)
        return
    with open_parent(path, workspace, make=True) as (folder, name), folder.append(name, mode) as file:
        file.write(content)


def is_stream(path: str) -> bool:
    """Whether `path` names a stream or a device, to which several writers may append."""
    return re.fullmatch(_STREAM, path) is not None


def require_file(path: str, *, workspace: str | None, append: bool = False) -> None:
    """Raise `RefusedError` where `write_file` (or, with `append`, `append_file`) would raise it, without writing.

    A missing file or folder is accepted. Whether this user may write there is not checked.
    """
    if is_stream(path):
        return
    try:
        with open_parent(path, workspace) as (folder, name):
            folder.mode_at(name)
            if append:
                folder.require_one_name(name)
    except FileNotFoundError:
        nearest_folder(os.path.dirname(os.path.abspath(path)), workspace).close()


def remove_file(path: str, *, workspace: str | None) -> None:
    """Delete the file at `path` if it exists. A symlink at `path` is itself deleted, and not the file that it names."""
    with suppress(FileNotFoundError), open_parent(path, workspace) as (folder, name):
        folder.remove(name)


def _write_stream(path: str, content: bytes) -> None:
    """Write to a path that `_STREAM` matches: no file is created or replaced."""
    with open(path, "ab", buffering=0) as stream:
        view = memoryview(content)
        while view:
            view = view[stream.write(view) :]


def _readable(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def write_hint(error: OSError, otherwise: str | None = None) -> str | None:
    """What helps against an error of writing: room on a full disk, or over a full quota; else `otherwise`."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return "make room on the disk, then run again" if full else otherwise
