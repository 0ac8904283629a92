"""Finds the members of a tar file by their headers, without unpacking it.

Python's `tarfile` reads extension headers of any size into memory; this module checks their size first.
"""

from __future__ import annotations

import tarfile
from typing import IO

import msgspec

from release.compression.tar_members import read_records
from release.digits import number_in
from release.errors import Invalid
from release.limits import ARCHIVE_HEADER_BYTES, ARCHIVE_MEMBERS

# 2^53 is above any real file. Larger sizes could overflow the 64-bit offsets of `seek` and `pread`.
_LARGEST = 1 << 53
_BLOCK = 512  # bytes; a tar's headers have this size, and contents are padded to it (POSIX, pax)
# Type flags of POSIX pax, "ustar Interchange Format": files; hard and symbolic links; types without data blocks.
_REGULAR = frozenset({b"0", b"\0", b"7"})
_LINKS = frozenset({b"1", b"2"})
_WITHOUT_DATA = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A file or link. `offset`, `size`: of a file's bytes; `link`: a link's target as written, None for a file."""

    name: str
    offset: int = 0
    size: int = 0
    link: str | None = None


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    link: str
    size: int
    kind: bytes


def read_members(stream: IO[bytes], *, source: str) -> dict[str, Member]:
    """All files and links of a tar, by name. `stream`: seekable. `source`: the tar's name in messages.

    Raises `Invalid` for a tar that ends early or has bad headers, sparse files, too many members, a name twice, or a
    name that leaves the folder.
    """
    return _Walk(stream, source).run()


class _Walk:
    def __init__(self, stream: IO[bytes], source: str) -> None:
        self._stream = stream
        self._source = source
        self._end = stream.seek(0, 2)
        self._at = 0
        self._members: dict[str, Member] = {}
        self._next: dict[str, str] = {}  # values from extension headers, for the next member

    def run(self) -> dict[str, Member]:
        while (header := self._header()) is not None:
            start = self._at
            self._at += _padded(0 if header.kind in _WITHOUT_DATA else header.size)
            if start + header.size > self._end and header.kind not in _WITHOUT_DATA:
                raise self._bad(f"it ends inside `{_shown(header.name)}`")
            self._take(header, start)
        return self._members

    def _take(self, header: _Header, start: int) -> None:
        match header.kind:
            case b"x":
                self._next.update(self._records(start, header.size))
            case b"g":
                pass  # a global header: no value of it is needed
            case b"L":
                self._next["path"] = self._text(start, header.size)
            case b"K":
                self._next["linkpath"] = self._text(start, header.size)
            case b"S":
                raise self._bad(f"`{_shown(header.name)}` is a sparse file")
            case _:
                self._add(header, start)
                self._next.clear()

    def _add(self, header: _Header, start: int) -> None:
        name = self._inside(header.name)
        if header.kind in _LINKS:
            member = Member(name=name, link=header.link)
        elif header.kind in _REGULAR:
            if any(key.startswith("GNU.sparse") for key in self._next):
                raise self._bad(f"`{_shown(name)}` is a sparse file")
            member = Member(name=name, offset=start, size=header.size)
        else:
            return
        if name in self._members:
            raise self._bad(f"it holds `{_shown(name)}` twice")
        if len(self._members) >= ARCHIVE_MEMBERS:
            raise self._bad(f"it holds more than {ARCHIVE_MEMBERS} members")
        self._members[name] = member

    def _header(self) -> _Header | None:
        block = self._read(self._at, _BLOCK)
        if len(block) < _BLOCK or not block.strip(b"\0"):
            if self._at == 0:
                raise self._bad("it is empty" if not block.strip(b"\0") else "it is too short for a tar file")
            return None
        self._at += _BLOCK
        stated = _octal(block[148:156])
        if stated is None or stated != sum(block[:148]) + sum(block[156:]) + 8 * 32:
            raise self._bad(f"it is not a tar file, or damaged at byte {self._at - _BLOCK}")
        size = _number(block[124:136])
        if "size" in self._next:
            size = number_in(self._next["size"], most=_LARGEST)
        if size is None or size < 0 or size > _LARGEST:
            raise self._bad(f"a size at byte {self._at - _BLOCK} is impossible")
        return _Header(
            name=self._next.get("path") or _name(block),
            link=self._next.get("linkpath") or _string(block[157:257]),
            size=size,
            kind=block[156:157],
        )

    def _records(self, start: int, size: int) -> dict[str, str]:
        try:
            return read_records(self._extension(start, size))
        except tarfile.ReadError as error:
            raise self._bad(f"an extension at byte {start} is malformed") from error

    def _text(self, start: int, size: int) -> str:
        return _string(self._extension(start, size))

    def _extension(self, start: int, size: int) -> bytes:
        if size > ARCHIVE_HEADER_BYTES:
            raise self._bad(f"an extension at byte {start} claims {size} bytes")
        return self._read(start, size)

    def _read(self, offset: int, size: int) -> bytes:
        self._stream.seek(offset)
        return self._stream.read(size)

    def _inside(self, name: str) -> str:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name or not parts:
            if not parts and not name.startswith("/"):
                return "."
            raise self._bad(f"the name `{_shown(name)}` leaves the archive's folder")
        return "/".join(parts)

    def _bad(self, why: str) -> Invalid:
        return Invalid(f"{self._source} cannot be used: {why}", hint="make or download the archive again")


def _padded(size: int) -> int:
    return (size + _BLOCK - 1) // _BLOCK * _BLOCK


def _name(block: bytes) -> str:
    name = _string(block[:100])
    prefix = _string(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _string(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def _octal(field: bytes) -> int | None:
    text = field.strip(b" \0")
    if not text:
        return 0
    return int(text, 8) if len(text) < 13 and not text.strip(b"01234567") else None


def _number(field: bytes) -> int | None:
    """A size: octal digits, or GNU's binary form for large ones; None if it is neither."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else None
    return _octal(field)


def _shown(name: str) -> str:
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name[:120]
    )
