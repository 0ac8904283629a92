"""Entries of a tar as values: files, folders and symlinks, with owners and modes. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec


class HostFile(msgspec.Struct, frozen=True, kw_only=True):
    """Content in a file of this machine, or in the part of such a file that starts at `offset`.

    `size`, `inode` (device and number): of the file when it was listed; a whole file must have the same size when it is
    read. `root`: the folder below which no symlink may lead to the file; None: only the file with `inode` is read.
    """

    path: str
    size: int
    offset: int | None = None  # None: the whole file
    root: str | None = None
    inode: tuple[int, int] | None = None


class Inline(msgspec.Struct, frozen=True, kw_only=True):
    """Content in memory, such as a here-document."""

    data: bytes

    @property
    def size(self) -> int:
        """The number of bytes of the content."""
        return len(self.data)


Content = HostFile | Inline


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. `content`: of a file; None for a file of a base image, which no layer repeats.

    `target`: of a symlink; of a hard link (`link`), the path of an earlier entry. `special`: a device, pipe or socket.
    `xattrs`: pairs of name and value; bytes that are not UTF-8 as surrogates.
    """

    kind: Literal["file", "dir", "symlink", "special", "link"]
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    content: Content | None = None
    target: str = ""
    xattrs: tuple[tuple[str, str], ...] = ()
