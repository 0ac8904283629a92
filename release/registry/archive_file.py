"""An archive of an image as a file that members can be read from, by several threads at a time."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import posixpath
import tempfile
import zlib
from typing import IO, Any, cast

from release.errors import Invalid, NotFound, RegistryError
from release.files import open_file
from release.limits import UNPACKED_BYTES, UNPACKED_RATIO
from release.registry.streams import CHUNK
from release.registry.tar_members import Member, read_members

_MOST_LINKS = 8
_MAGIC: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)


class ArchiveFile:
    """`path`: a tar file, plain or compressed with gzip, bzip2 or xz. Close it.

    A compressed one is unpacked into a temporary file without a name first: members have to be found in any order.
    Raises `NotFound` and `Invalid`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file: IO[bytes] = _plain(path)
        except FileNotFoundError as error:
            raise NotFound(f"there is no archive `{path}`") from error
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise Invalid(f"`{path}` is compressed, and damaged: {error}") from error
        except OSError as error:
            raise RegistryError(f"`{path}` cannot be read: {error.strerror or error}") from error
        try:
            self._members = read_members(self._file, source=f"`{path}`")
        except BaseException:
            self._file.close()
            raise

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def size(self, name: str) -> int | None:
        """Bytes of a member, None when there is none."""
        member = self._find(name)
        return member.size if member is not None else None

    def open(self, name: str) -> IO[bytes]:
        """A member's content. Raises `NotFound`."""
        member = self._find(name)
        if member is None:
            raise NotFound(f"`{self.path}` holds no `{name}`")
        return cast(IO[bytes], io.BufferedReader(_Slice(self._file, member.offset, member.size), CHUNK))

    def read(self, name: str, *, most: int) -> bytes:
        """A small member as a whole. Raises `Invalid` when it has more than `most` bytes."""
        size = self.size(name)
        if size is not None and size > most:
            raise Invalid(f"`{name}` in `{self.path}` has {size} bytes, more than it can have")
        with self.open(name) as stream:
            return stream.read()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self, name: str) -> Member | None:
        """A file by its name; links are followed inside the archive only, and by names only."""
        for _ in range(_MOST_LINKS):
            member = self._members.get(posixpath.normpath(name))
            if member is None or member.link is None:
                return member
            # A hard link's target counts from the archive's top, a symbolic link's from its own folder.
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.link))
            name = beside if beside in self._members else posixpath.normpath(member.link)
        return None


class _Slice(io.RawIOBase):
    """A part of a file with a position of its own."""

    def __init__(self, file: IO[bytes], offset: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._at = offset
        self._end = offset + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = os.pread(self._file.fileno(), min(len(view), self._end - self._at), self._at)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def _plain(path: str) -> IO[bytes]:
    file = open_file(path)
    start = file.read(6)
    opener = next((opener for magic, opener in _MAGIC if start.startswith(magic)), None)
    if opener is None:
        return cast(IO[bytes], file)
    with file:
        limit = max(UNPACKED_BYTES, os.fstat(file.fileno()).st_size * UNPACKED_RATIO)
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - it is what is returned
    try:
        with opener(path, "rb") as packed:
            _unpack(packed, unpacked, limit, path)
    except BaseException:
        unpacked.close()
        raise
    return cast(IO[bytes], unpacked)


def _unpack(packed: IO[bytes], unpacked: IO[bytes], limit: int, path: str) -> None:
    total = 0
    while data := packed.read(CHUNK):
        total += len(data)
        if total > limit:
            raise Invalid(
                f"`{path}` becomes more than {limit} bytes when it is unpacked, which no image does"
            )
        unpacked.write(data)
    unpacked.flush()
