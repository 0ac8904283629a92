"""Reads members of tar archives that strangers may have written.

Python's `tarfile` trusts headers. It searches extension headers with regular expressions that need quadratic time
(CVE-2024-6232), follows negative sizes in an endless loop (CVE-2025-8194), copies global headers to each member, reads
a number that it cannot parse as 0, and takes a damaged header for the end of the archive. This module reads extension
headers itself, and raises for damaged ones.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Any, Self

from release.digits import number_in
from release.limits import ARCHIVE_HEADER_BYTES

_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
# Offset of the byte that says whether a further block describes a sparse file (GNU tar, old format).
_EXTENDED = 504
_DIGITS = 8  # of a record's length: more than a header of `ARCHIVE_HEADER_BYTES` can need
# Bytes, above any real file: larger sizes could overflow the 64-bit offsets of `seek`.
_LARGEST_SIZE = 1 << 53
_LARGEST_ID = (1 << 32) - 1  # user and group ids have 32 bits
_SPARSE = "GNU.sparse."
# Records in which Go's archive/tar allows no NUL: as part of a name it would end the name in the layer's own header.
_NAMES = (b"path", b"linkpath", b"GNU.sparse.name")


class LimitedMember(tarfile.TarInfo):
    """A header, read with limits: `tarfile.open(..., tarinfo=LimitedMember)`. Raises `tarfile.ReadError`.

    Global headers are ignored, as by Docker. A sparse file has no map: its content cannot be read.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """The next header. tarfile takes one that is damaged or breaks off for the end of the archive."""
        try:
            return super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]  # not in the type stubs
            raise tarfile.ReadError(f"its header at byte {archive.offset} is damaged") from error

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # tarfile calls this method for each header, before it reads the data of an extension header.
        self._check_size()
        if self.type in (*_PAX, *_LONG) and self.size > ARCHIVE_HEADER_BYTES:
            raise tarfile.ReadError(f"an extension header claims {self.size} bytes")
        if self.type in _PAX:
            return self._with_records(archive)
        if self.type == tarfile.GNUTYPE_SPARSE:
            return self._sparse_file(archive)
        if self.type not in _LONG:
            self._check_owner()
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]  # not in the type stubs
        return member

    def _check_size(self) -> None:
        if not 0 <= self.size <= _LARGEST_SIZE:
            raise tarfile.ReadError(f"its header at byte {self.offset} states an impossible size")

    def _check_owner(self) -> None:
        if not (0 <= self.uid <= _LARGEST_ID and 0 <= self.gid <= _LARGEST_ID):
            raise tarfile.ReadError(f"its header at byte {self.offset} states an impossible owner")

    def _with_records(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """The member behind this pax header, with what the header says of it."""
        stream: Any = archive.fileobj
        data = stream.read(_padded(self.size))[: self.size]
        if len(data) < self.size:
            raise tarfile.ReadError("it ends inside an extension header")
        records = {} if self.type == tarfile.XGLTYPE else read_records(data)
        try:
            following = self.fromtarfile(archive)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError("it ends after an extension header") from error
        # Of two extension headers before one member the second counts, which is read, and applied, first.
        if records and not following.pax_headers:
            following._apply(records, archive)
        following.offset = self.offset
        return following

    def _apply(self, records: dict[str, str], archive: tarfile.TarFile) -> None:
        """Take over what a pax header says; an empty value leaves that of the header (POSIX pax)."""
        for key in ("size", "uid", "gid"):
            if records.get(key):
                setattr(self, key, _number(records[key], key))
        self._check_owner()
        for key in ("path", _SPARSE + "name"):
            if records.get(key):
                self.name = records[key].rstrip("/")
        self.linkname = records.get("linkpath") or self.linkname
        if any(key.startswith(_SPARSE) for key in records):
            self.sparse: Any = []
        self.pax_headers = records
        if records.get("size") and (self.isreg() or self.type not in tarfile.SUPPORTED_TYPES):
            archive.offset = self.offset_data + _padded(self.size)

    def _sparse_file(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """This sparse file of GNU tar's old format, without its map, which can have any length."""
        stream: Any = archive.fileobj
        _, extended, size = self._sparse_structs  # type: ignore[attr-defined]  # not in the type stubs
        while extended:
            block = stream.read(tarfile.BLOCKSIZE)
            if len(block) < tarfile.BLOCKSIZE:
                raise tarfile.ReadError("it ends inside the map of a sparse file")
            extended = bool(block[_EXTENDED])
        self.sparse = []
        self.offset_data = stream.tell()
        archive.offset = self.offset_data + _padded(self.size)
        self.size = size
        self._check_size()
        self._check_owner()
        return self


def members_of(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members in their order. tarfile keeps every header that it returned; these are not kept."""
    while (member := archive.next()) is not None:
        yield member
        archive.members.clear()  # type: ignore[attr-defined]  # not in the type stubs


def read_records(data: bytes) -> dict[str, str]:
    """The records of a pax header, each `LENGTH KEY=VALUE` and a newline. Raises `tarfile.ReadError`.

    Source: POSIX pax, "pax Extended Header".
    """
    records, at = dict[str, str](), 0
    while at < len(data):
        blank = data.find(b" ", at, at + _DIGITS + 1)
        length = number_in(data[at:blank].decode("latin-1"), most=len(data) - at) if blank > 0 else None
        end = at + (length or 0)
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if not length or end - 1 <= blank or not (key and equals) or data[end - 1 : end] != b"\n":
            raise tarfile.ReadError("an extension header is malformed")
        if key in _NAMES and b"\0" in value:
            raise tarfile.ReadError("an extension header states a name with a NUL character")
        records[key.decode(errors="replace")] = value.decode(errors="surrogateescape")
        at = end
    return records


def _number(text: str, key: str) -> int:
    number = number_in(text, most=_LARGEST_SIZE)
    if number is None:
        raise tarfile.ReadError(f"an extension header states an impossible {key}")
    return number


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
