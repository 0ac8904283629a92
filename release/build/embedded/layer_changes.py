"""Reads the changes that one layer of a base image makes to its files. Nothing is unpacked to files by name.

A layer is decompressed once and its diff id compared. Only names, owners and modes stay in memory; the content of files
is kept where an instruction copies from the base, in one uncompressed file for each layer.
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections import ChainMap
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

import msgspec

from release.build.context.tree import WHITEOUT
from release.build.embedded.archives import BROKEN, xattrs_of
from release.build.embedded.base_config import BaseLayer
from release.build.paths import rooted
from release.compression.decompress import unpacked
from release.compression.entries import HostFile, Inline, Node
from release.compression.tar_members import LimitedMember, members_of
from release.errors import BuildError, RegistryError
from release.filesystem.new_files import NewFile
from release.layout.layout import Layout
from release.limits import BASE_ENTRIES, UNPACKED_BYTES, UNPACKED_RATIO
from release.oci.verify import CHUNK

_OPAQUE = f"{WHITEOUT}{WHITEOUT}.opq"
#: Files with the ids of users and groups, which `--chown=web` and `USER web` need. Their content is kept.
_ACCOUNTS = frozenset({"etc/passwd", "etc/group"})
# Bytes of `/etc/passwd` or `/etc/group` of a base image, which are kept in memory. Real ones have some kilobytes.
_LARGEST_ACCOUNTS = 1024 * 1024
# Bytes that tarfile reads at once. It copies the rest of its buffer for each entry, so a larger buffer would slow down
# archives of many small files; a smaller one would need more reads.
_BUFFER = 16 * 1024

#: Makes a file for an uncompressed layer; it is removed when the build ends.
Spool = Callable[[], tuple[NewFile, str]]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The changes that a layer makes to the tree.

    `removed`: paths of whiteouts; `emptied`: folders whose earlier content is hidden.
    """

    nodes: dict[str, Node]
    removed: tuple[str, ...]
    emptied: tuple[str, ...]


def read_layer(
    layer: BaseLayer,
    layout: Layout,
    below: Mapping[str, Node],
    *,
    name: str,
    spool: Spool | None,
    check: Callable[[], None],
) -> Changes:
    """The changes of a layer on top of `below`. Arguments and errors are those of `base_tree`."""
    digest = layer.descriptor.digest
    kept, path = spool() if spool is not None else (None, "")
    limit = max(UNPACKED_BYTES, layer.descriptor.size * UNPACKED_RATIO)
    try:
        with (
            layout.open_blob(layer.descriptor) as blob,
            _plain(blob, layer.suffix, digest) as plain,
        ):
            source = _Hashed(plain, kept, limit=limit, check=check)
            with tarfile.open(
                fileobj=source,  # type: ignore[call-overload]  # a stream needs `read` alone
                mode="r|",
                tarinfo=LimitedMember,
                bufsize=_BUFFER,
            ) as tar:
                found = _entries(tar, path if kept is not None else None, name, below)
            source.drain()
            while blob.read(CHUNK):
                check()
    except RegistryError as error:
        raise BuildError(f"the base `{name}`: {error.message}", hint="build again") from error
    except BROKEN as error:
        raise broken(name, f"its layer `{digest}` cannot be read: {error}") from error
    if source.diff_id != layer.diff_id:
        raise broken(name, f"its layer `{digest}` is not the one that its config names")
    if kept is not None:
        kept.stream.flush()
    return found


def _plain(blob: IO[bytes], suffix: str, digest: str) -> AbstractContextManager[IO[bytes]]:
    return unpacked(blob, suffix, what=f"layer `{digest}`") if suffix else nullcontext(blob)


class _Hashed:
    """A stream whose bytes are hashed, counted and kept while they are read."""

    def __init__(
        self, source: IO[bytes], kept: NewFile | None, *, limit: int, check: Callable[[], None]
    ) -> None:
        self._source = source
        self._kept = kept
        self._left = limit
        self._check = check
        self._hash = hashlib.sha256(usedforsecurity=False)

    def read(self, size: int) -> bytes:
        self._check()
        data = self._source.read(size)
        self._hash.update(data)
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.ReadError("it becomes too large when it is unpacked (SECURITY.md lists the limits)")
        if self._kept is not None:
            self._kept.stream.write(data)
        return data

    def drain(self) -> None:
        """Read the bytes behind the archive's end, which the diff id covers too."""
        while self.read(CHUNK):
            pass

    @property
    def diff_id(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _entries(tar: tarfile.TarFile, spool: str | None, name: str, below: Mapping[str, Node]) -> Changes:
    nodes: dict[str, Node] = {}
    removed: list[str] = []
    emptied: list[str] = []
    for member in members_of(tar):
        path = rooted(member.name)
        folder, last = posixpath.split(path)
        if last == _OPAQUE:
            emptied.append(folder)
        elif last.startswith(WHITEOUT):
            removed.append(posixpath.join(folder, last.removeprefix(WHITEOUT)))
        elif path:
            nodes[path] = _node(tar, member, path, spool, ChainMap(nodes, below))  # type: ignore[arg-type]  # only read
        if len(nodes) > BASE_ENTRIES:
            raise broken(name, f"it holds more than {BASE_ENTRIES:,} files and folders")
    return Changes(nodes=nodes, removed=tuple(removed), emptied=tuple(emptied))


def _node(
    tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, spool: str | None, nodes: Mapping[str, Node]
) -> Node:
    about: dict[str, Any] = {
        "mode": member.mode & 0o7777,
        "uid": member.uid,
        "gid": member.gid,
        "xattrs": xattrs_of(member),
    }
    if member.isdir():
        return Node(kind="dir", **about)
    if member.issym():
        return Node(kind="symlink", target=member.linkname, **{**about, "mode": 0o777})
    if member.islnk():
        target = nodes.get(rooted(member.linkname))
        return target if target is not None else Node(kind="special", **about)
    if not member.isreg():
        return Node(kind="special", **about)
    if spool is not None and not member.issparse():
        return Node(
            kind="file", content=HostFile(path=spool, size=member.size, offset=member.offset_data), **about
        )
    if path in _ACCOUNTS and member.size <= _LARGEST_ACCOUNTS and not member.issparse():
        content = tar.extractfile(member)
        return Node(kind="file", content=Inline(data=content.read() if content else b""), **about)
    return Node(kind="file", **about)


def broken(name: str, what: str) -> BuildError:
    """The error for a base image that no build can start from. `name`: of the base; `what`: the reason."""
    return BuildError(f"the base `{name}` cannot be used: {what}", hint="choose another base image")
