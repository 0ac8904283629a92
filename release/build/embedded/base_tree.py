"""Lists the files of a base image as a tree, by applying its layers in order. Nothing is unpacked to files by name.

A layer is decompressed once and its diff id compared. Only names, owners and modes stay in memory; the content of files
is kept where an instruction copies from the base, in one uncompressed file for each layer.
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

import msgspec

from release.build.embedded.archives import BROKEN, LimitedMember, xattrs_of
from release.build.embedded.base_config import BaseLayer
from release.build.embedded.tree import WHITEOUT, LinkLoop, Tree
from release.compression.decompress import unpacked
from release.compression.entries import HostFile, Inline, Node
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


def base_tree(
    layers: tuple[BaseLayer, ...],
    layout: Layout,
    *,
    name: str,
    spool: Spool | None,
    check: Callable[[], None],
) -> Tree:
    """The files of a base whose layers are in `layout`. `name`: of the base, in messages.

    `spool`: where the content of files is kept; None: content is not needed. `check`: may raise to cancel. Raises
    `BuildError` for a layer that is damaged or is not what the base's config says.
    """
    nodes: dict[str, Node] = {}
    for layer in layers:
        _apply(nodes, _read(layer, layout, nodes, name=name, spool=spool, check=check))
        if len(nodes) > BASE_ENTRIES:
            raise _broken(name, f"it holds more than {BASE_ENTRIES:,} files and folders")
    return Tree(nodes)


class _Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The changes that a layer makes to the tree.

    `removed`: paths of whiteouts; `emptied`: folders whose earlier content is hidden.
    """

    nodes: dict[str, Node]
    removed: tuple[str, ...]
    emptied: tuple[str, ...]


def _apply(nodes: dict[str, Node], changes: _Changes) -> None:
    """Put a layer on top of `nodes`. Whiteouts concern earlier layers only (OCI image-spec, "Whiteouts")."""
    real = _Resolver(nodes)
    gone = {real.path(path) for path in changes.removed}
    hollow = {real.folder(path) for path in changes.emptied}
    added = {real.path(path): node for path, node in changes.nodes.items()}
    # An entry that is not a folder also takes away what was below a folder of its name.
    replaced = {
        path
        for path, node in added.items()
        if node.kind != "dir" and path in nodes and nodes[path].kind == "dir"
    }
    if gone or hollow or replaced:
        for path in [path for path in nodes if _is_gone(path, gone, gone | hollow | replaced)]:
            del nodes[path]
    for path, node in added.items():
        folder = posixpath.dirname(path)
        while folder and folder not in nodes:  # a layer may contain a file without the folders above it
            nodes[folder] = Node(kind="dir", mode=0o755)
            folder = posixpath.dirname(folder)
        nodes[path] = node


class _Resolver:
    """Resolves symlinks in the folders of paths, as programs do that unpack the layer."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._tree = Tree(nodes)
        self._known: dict[str, str] = {"": ""}

    def path(self, path: str) -> str:
        """Follow the symlinks in the folders of `path`, but not a symlink that is its last name."""
        folder, name = posixpath.split(path)
        found = self.folder(folder)
        return f"{found}/{name}" if found else name

    def folder(self, path: str) -> str:
        """Follow all symlinks in `path`; return `path` itself if they form a circle."""
        if path not in self._known:
            try:
                self._known[path] = self._tree.resolve(path)
            except LinkLoop:
                self._known[path] = path
        return self._known[path]


def _is_gone(path: str, gone: set[str], above: set[str]) -> bool:
    if path in gone or ("" in above and path):
        return True
    folder = posixpath.dirname(path)
    while folder:
        if folder in above:
            return True
        folder = posixpath.dirname(folder)
    return False


def _read(
    layer: BaseLayer,
    layout: Layout,
    below: Mapping[str, Node],
    *,
    name: str,
    spool: Spool | None,
    check: Callable[[], None],
) -> _Changes:
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
        raise _broken(name, f"its layer `{digest}` cannot be read: {error}") from error
    if source.diff_id != layer.diff_id:
        raise _broken(name, f"its layer `{digest}` is not the one that its config names")
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


def _entries(tar: tarfile.TarFile, spool: str | None, name: str, below: Mapping[str, Node]) -> _Changes:
    nodes: dict[str, Node] = {}
    removed: list[str] = []
    emptied: list[str] = []
    for member in _members(tar):
        path = posixpath.normpath("/" + member.name).lstrip("/")
        folder, last = posixpath.split(path)
        if last == _OPAQUE:
            emptied.append(folder)
        elif last.startswith(WHITEOUT):
            removed.append(posixpath.join(folder, last.removeprefix(WHITEOUT)))
        elif path:
            nodes[path] = _node(tar, member, path, spool, ChainMap(nodes, below))  # type: ignore[arg-type]  # only read
        if len(nodes) > BASE_ENTRIES:
            raise _broken(name, f"it holds more than {BASE_ENTRIES:,} files and folders")
    return _Changes(nodes=nodes, removed=tuple(removed), emptied=tuple(emptied))


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        yield member
        tar.members.clear()  # type: ignore[attr-defined]  # else tarfile keeps every header


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
        target = nodes.get(posixpath.normpath("/" + member.linkname).lstrip("/"))
        return target if target is not None else Node(kind="special", **about)
    if not member.isreg():
        return Node(kind="special", **about)
    if spool is not None and not member.issparse():
        return Node(
            kind="file", content=HostFile(path=spool, size=member.size, offset=member.offset_data), **about
        )
    if path in _ACCOUNTS and member.size <= _LARGEST_ACCOUNTS:
        content = tar.extractfile(member)
        return Node(kind="file", content=Inline(data=content.read() if content else b""), **about)
    return Node(kind="file", **about)


def _broken(name: str, what: str) -> BuildError:
    return BuildError(f"the base `{name}` cannot be used: {what}", hint="choose another base image")
