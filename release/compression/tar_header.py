"""Writes tar headers. Equal entries give equal bytes.

The format is PAX with integer times: plain ustar headers, and PAX records only where ustar is not sufficient (a long or
non-ASCII path, a file above 8 GiB, a large id). The tar has no user and group names.
"""

from __future__ import annotations

import tarfile

from release.compression.entries import Node

#: Prefix of PAX records that hold extended attributes; GNU tar, Go and libarchive read it.
XATTR = "SCHILY.xattr."
_TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
}
# Sizes of ustar's fields: a name, and numbers in octal with a NUL behind them.
_NAME = 100
_SMALL, _LARGE = 8**7, 8**11
# The checksum counts its own field as spaces: eight of them.
_UNSUMMED = sum(b" " * 8)
# What follows the link's name: magic and version, then empty fields up to the block's end.
_REST = tarfile.POSIX_MAGIC + bytes(tarfile.BLOCKSIZE - 257 - len(tarfile.POSIX_MAGIC))
# All that follows the checksum, for entries that are not links, and its part of the checksum, since the sum of 512
# bytes takes longer than the rest of a header.
_AFTER = {kind: type_ + bytes(_NAME) + _REST for kind, type_ in _TYPES.items()}
_SUMS = {kind: sum(after) + _UNSUMMED for kind, after in _AFTER.items()}


def header(path: str, node: Node, mtime: int) -> bytes:
    """The header of an entry. `mtime`: seconds."""
    plain = _plain(path, node, mtime)
    return plain if plain is not None else _extended(path, node, mtime)


def _plain(path: str, node: Node, mtime: int) -> bytes | None:
    """A ustar header, which takes a fifth of the time that `tarfile` needs; None where PAX records are needed."""
    name = f"{path}/" if node.kind == "dir" else path
    size = node.content.size if node.content is not None else 0
    fits = name.isascii() and node.target.isascii() and len(name) <= _NAME and len(node.target) <= _NAME
    small = 0 <= node.uid < _SMALL and 0 <= node.gid < _SMALL and size < _LARGE and 0 <= mtime < _LARGE
    if not fits or not small or node.xattrs:
        return None
    numbers = f"{node.mode & 0o7777:07o}\0{node.uid:07o}\0{node.gid:07o}\0{size:011o}\0{mtime:011o}\0"
    before = name.encode().ljust(_NAME, b"\0") + numbers.encode()
    after, summed = _AFTER[node.kind], _SUMS[node.kind]
    if node.target:
        target = node.target.encode()
        after = after[:1] + target + after[1 + len(target) :]
        summed += sum(target)
    return b"%b%06o\0 %b" % (before, sum(before) + summed, after)


def _extended(path: str, node: Node, mtime: int) -> bytes:
    info = tarfile.TarInfo(path)
    info.type = _TYPES[node.kind]
    info.mode = node.mode
    info.uid, info.gid = node.uid, node.gid
    info.mtime = mtime
    info.size = node.content.size if node.content is not None else 0
    info.linkname = node.target
    info.pax_headers = {f"{XATTR}{name}": value for name, value in node.xattrs}
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
