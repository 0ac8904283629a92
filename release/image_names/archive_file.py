"""Reads members of a tar file in any order. A compressed file is decompressed to a temporary one first."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import posixpath
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from release.compression.decompress import unpacked
from release.errors import Invalid, NotFound, RegistryError
from release.filesystem.files import open_file, write_hint
from release.hints import LARGE_IMAGE, ODD_IMAGE
from release.image_names.tar_index import Member, read_members
from release.limits import UNPACKED_BYTES, UNPACKED_RATIO
from release.oci.verify import CHUNK

# Links that are followed from one name. Archives of `docker save` need one; a cycle of links ends after this many.
_MOST_LINKS = 8
_ZSTD = b"\x28\xb5\x2f\xfd"
# First bytes of other compressed files, and the function that opens such a file.
_MAGIC: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)

_UNREADABLE = "check the rights on the file, and the disk that holds it"
# Temporary files are the only ones that are written here.
_ROOM = "make room in the folder for temporary files, or set TMPDIR to a folder with room"


def may_be_archive(head: bytes) -> bool:
    """Whether a file that begins with `head`, its first 512 bytes, is empty, a tar file or a compressed file."""
    if not head or head.startswith((_ZSTD, *(magic for magic, _ in _MAGIC))):
        return True
    # The checksum in a tar's first header counts its own 8 bytes as spaces. Source: POSIX `pax`, "ustar".
    stated = head[148:156].strip(b" \0")
    if len(head) < 512 or not stated.isdigit():
        return False
    return stated.lstrip(b"0") == f"{sum(head[:148]) + 8 * 32 + sum(head[156:512]):o}".encode()


class ArchiveFile:
    """The members of a tar file, uncompressed or compressed with gzip, bzip2, xz or zstd. Call `close` at the end.

    A compressed file is decompressed to a temporary file without a name first, because members are read in any order.
    Raises `NotFound`, `Invalid` and `RegistryError`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file: IO[bytes] = _plain(path)
        except FileNotFoundError as error:
            raise NotFound(
                f"there is no archive `{path}`",
                hint="check the path, which counts from the folder of the command",
            ) from error
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise Invalid(
                f"`{path}` is compressed, and damaged: {error}", hint="make or download the archive again"
            ) from error
        except OSError as error:
            message = f"`{path}` cannot be read: {error.strerror or error}"
            raise RegistryError(message, hint=_ROOM if write_hint(error) else _UNREADABLE) from error
        try:
            self._members = read_members(self._file, source=f"`{path}`")
        except BaseException:
            self._file.close()
            raise

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def folder_with(self, name: str) -> str | None:
        """The folder of the archive in which a file is called `name`; None if there is none."""
        found = (member for member in self._members if member.endswith(f"/{name}"))
        return next((member.removesuffix(f"/{name}") for member in found), None)

    def size(self, name: str) -> int | None:
        """The size of a member in bytes; None if there is no such member."""
        member = self._find(name)
        return member.size if member is not None else None

    def open(self, name: str) -> IO[bytes]:
        """A stream of a member's bytes. Raises `NotFound`."""
        member = self._find(name)
        if member is None:
            raise NotFound(f"`{self.path}` holds no `{name}`", hint=ODD_IMAGE)
        return cast(IO[bytes], io.BufferedReader(_Slice(self._file, member.offset, member.size), CHUNK))

    def read(self, name: str, *, most: int) -> bytes:
        """All bytes of a member. Raises `Invalid` if the member has more than `most`."""
        size = self.size(name)
        if size is not None and size > most:
            raise Invalid(f"`{name}` in `{self.path}` has {size} bytes, more than {most}", hint=LARGE_IMAGE)
        with self.open(name) as stream:
            return stream.read()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self, name: str) -> Member | None:
        """The file called `name`. Links are followed to members of the archive only; None if there is no file."""
        for _ in range(_MOST_LINKS):
            member = self._members.get(posixpath.normpath(name))
            if member is None or member.link is None:
                return member
            # A symbolic link's target is relative to its own folder, a hard link's to the archive's top. The first that
            # exists is taken, since `Member` does not tell the two kinds apart.
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.link))
            name = beside if beside in self._members else posixpath.normpath(member.link)
        return None


class _Slice(io.RawIOBase):
    """A stream of a part of a file. Each stream has its own position, so threads can read one file in parallel."""

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
    if start.startswith(_ZSTD):
        opener = _opened_zstd
    if opener is None:
        return cast(IO[bytes], file)
    with file:
        limit = max(UNPACKED_BYTES, os.fstat(file.fileno()).st_size * UNPACKED_RATIO)
    try:
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise RegistryError(
            f"`{path}` cannot be decompressed: {error.strerror or error}", hint=_ROOM
        ) from error
    try:
        with opener(path, "rb") as packed:
            _unpack(packed, unpacked, limit, path)
    except BaseException:
        unpacked.close()
        raise
    return cast(IO[bytes], unpacked)


@contextlib.contextmanager
def _opened_zstd(path: str, _: str) -> Iterator[IO[bytes]]:
    with open_file(path) as file, unpacked(cast(IO[bytes], file), "+zstd", what=f"`{path}`") as plain:
        yield plain


def _unpack(packed: IO[bytes], unpacked: IO[bytes], limit: int, path: str) -> None:
    total = 0
    while data := packed.read(CHUNK):
        total += len(data)
        if total > limit:
            raise Invalid(
                f"`{path}` becomes more than {limit} bytes when it is decompressed, above the limit",
                hint=LARGE_IMAGE,
            )
        unpacked.write(data)
    unpacked.flush()
