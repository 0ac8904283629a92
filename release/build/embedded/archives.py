"""Lists local archives for `ADD`, whose content goes into the image. Nothing is unpacked to files.

A compressed archive is decompressed once, to a temporary file that exists until the build ends. Layers read each member
from its offset in that file, so no file is ever written under a name from an archive.
"""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable
from lzma import LZMAError
from types import TracebackType
from typing import Self

import msgspec

from release.build.context.tree import Tree
from release.build.embedded.archive_compression import decompressed
from release.build.paths import below_root
from release.compression.entries import Content, HostFile, Node
from release.compression.host_files import open_host_file
from release.compression.tar_header import XATTR
from release.compression.tar_members import LimitedMember, members_of
from release.compression.tar_stream import read_content
from release.errors import BuildError, Invalid
from release.filesystem.folders import open_folder
from release.filesystem.new_files import NewFile
from release.limits import UNPACKED_BYTES, UNPACKED_RATIO

# Bytes of one read while an archive is decompressed: bounds the memory, and the time between two checks for a
# cancelled run. Smaller reads cost more calls of the decompressor.
_CHUNK = 256 * 1024
# Bytes of an image's `/etc/passwd` or `/etc/group`, which are read whole for `--chown`. Real ones have some kilobytes;
# an image could hold one that fills the memory.
_LARGEST_READ = 1024 * 1024
#: Exceptions of Python's tarfile for damaged archives: it checks few of the numbers in headers.
BROKEN = (
    tarfile.TarError,
    EOFError,
    LZMAError,
    zlib.error,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
    RecursionError,
)
# Damaged zstd is `Invalid`, as in layers.
_DAMAGED = (*BROKEN, Invalid)


class BuildFiles:
    """Reads account files and archives whose content one build needs.

    `folder`: holds decompressed archives until `__exit__`. `check`: called while reading; may raise to cancel.
    """

    def __init__(self, folder: str, *, check: Callable[[], None]) -> None:
        self._folder = folder
        self._check = check
        self._files = contextlib.ExitStack()
        self._known: dict[str, Tree | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def read(self, content: Content) -> bytes:
        """The content of a small file. Raises `BuildError` for a large one."""
        if content.size > _LARGEST_READ:
            raise BuildError(
                f"an account file (`/etc/passwd`, `/etc/group`) of {content.size} bytes is too large",
                hint="write numbers in `--chown`",
            )
        return b"".join(read_content(content))

    def spool(self) -> tuple[NewFile, str]:
        """A new file for uncompressed content, and its path; it exists until `__exit__`."""
        with open_folder(self._folder, None, make=True) as folder:
            spool = self._files.enter_context(NewFile(folder))
            return spool, os.path.join(folder.path, spool.name)

    def unpack(self, content: Content, shown: str) -> Tree | None:
        """The members of an archive as a tree; None for a file that is not an archive.

        `shown`: the file's name in messages. Raises `BuildError` for a broken archive, and for members that an image
        cannot contain.
        """
        if not isinstance(content, HostFile) or content.offset is not None:
            return None
        if content.path not in self._known:
            self._known[content.path] = self._read(content, shown)
        return self._known[content.path]

    def _read(self, content: HostFile, shown: str) -> Tree | None:
        if not _is_archive(content, shown):
            return None
        try:
            plain = self._plain(content, shown)
            with (
                _opened(plain) as file,
                tarfile.open(fileobj=file, mode="r:", tarinfo=LimitedMember) as tar,
            ):
                return Tree(self._nodes(tar, plain, shown))
        except _DAMAGED as error:
            raise BuildError(
                f"the archive `{shown}` cannot be read: {error}",
                hint="create the archive again, or `COPY` it packed",
            ) from error

    def _plain(self, content: HostFile, shown: str) -> HostFile:
        """The uncompressed archive: `content` itself, or a temporary file."""
        with _opened(content) as file, decompressed(file, shown) as source:
            if source is None:
                return content
            spool, path = self.spool()
            size, limit = 0, max(UNPACKED_BYTES, content.size * UNPACKED_RATIO)
            while data := source.read(_CHUNK):
                self._check()
                size += len(data)
                if size > limit:
                    raise tarfile.ReadError(
                        "it becomes too large when it is unpacked (SECURITY.md lists the limits)"
                    )
                spool.stream.write(data)
            spool.stream.flush()
            found = os.fstat(spool.stream.fileno())
            return HostFile(path=path, size=size, inode=(found.st_dev, found.st_ino))

    def _nodes(self, tar: tarfile.TarFile, plain: HostFile, shown: str) -> dict[str, Node]:
        nodes: dict[str, Node] = {}
        for member in members_of(tar):
            self._check()
            path = _inside(member.name, shown)
            if path:
                nodes[path] = _node(member, plain, shown, nodes)
        return nodes


def _opened(content: HostFile) -> io.BufferedReader:
    return io.BufferedReader(open_host_file(content))


def xattrs_of(member: tarfile.TarInfo) -> tuple[tuple[str, str], ...]:
    """The extended attributes of an entry, sorted by name: file capabilities, for example."""
    found = ((name, value) for name, value in member.pax_headers.items() if name.startswith(XATTR))
    return tuple(sorted((name.removeprefix(XATTR), value) for name, value in found))


def _is_archive(content: HostFile, shown: str) -> bool:
    """Whether Docker's `ADD` would unpack the file: it is a tar, plain or compressed, with at least one member."""
    try:
        with (
            _opened(content) as file,
            decompressed(file, shown) as plain,
            # A stream, since a decompressor of zstd cannot go back, and no more of it than one header: an archive that
            # breaks off behind it is an archive, and damaged.
            tarfile.open(
                fileobj=plain or file, mode="r|", bufsize=tarfile.BLOCKSIZE, tarinfo=LimitedMember
            ) as tar,
        ):
            return tar.next() is not None
    except _DAMAGED:
        return False


def _inside(name: str, shown: str) -> str:
    """The entry's path below the archive's root; "" for the root."""
    path = below_root(name)
    if path is None:
        raise BuildError(
            f"the entry `{name}` of the archive `{shown}` leads out of the archive",
            hint="create the archive again, without this entry",
        )
    return path


def _node(member: tarfile.TarInfo, plain: HostFile, shown: str, nodes: dict[str, Node]) -> Node:
    mode, uid, gid = member.mode & 0o7777, member.uid, member.gid
    xattrs = xattrs_of(member)
    if member.isdir():
        return Node(kind="dir", mode=mode, uid=uid, gid=gid, xattrs=xattrs)
    if member.issym():
        return Node(kind="symlink", mode=0o777, uid=uid, gid=gid, target=member.linkname, xattrs=xattrs)
    if member.islnk():
        target = nodes.get(_inside(member.linkname, shown))
        if target is None or target.kind != "file":
            raise BuildError(
                f"`{member.name}` in the archive `{shown}` is a hard link to `{member.linkname}`, "
                "but no file of that name precedes it",
                hint="create the archive again",
            )
        return target
    if member.isreg() and not member.issparse():
        content = msgspec.structs.replace(plain, size=member.size, offset=member.offset_data)
        return Node(kind="file", mode=mode, uid=uid, gid=gid, content=content, xattrs=xattrs)
    raise BuildError(
        f"`{member.name}` in the archive `{shown}` is a device, pipe or sparse file, which cannot be added",
        hint="make the archive without it, or use `builder: docker`",
    )
