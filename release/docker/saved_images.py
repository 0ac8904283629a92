"""Reads an archive of `docker save` as a stream into an OCI layout, and compresses its uncompressed layers.

Two formats are read: the old one (`ID/layer.tar`, with links for equal layers) and that of newer engines
(`blobs/sha256/…`). Members are found by name. A digest in a member's name is not trusted: the bytes are hashed.
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections.abc import Callable
from typing import IO, Any

import msgspec

from release.compression.codecs import Codec
from release.compression.compress import CompressedLayer, compress_layer, find_compressed, keep_layer
from release.compression.decompress import suffix_of
from release.compression.tar_members import LimitedMember, members_of
from release.decoding import decode
from release.errors import BuildError, Invalid
from release.layout.adopt import translated
from release.layout.layout import Layout
from release.lazy_pattern import pattern
from release.oci import Descriptor
from release.oci.image_json import Platform, parse_platform
from release.oci.manifest import platform_text
from release.oci.platforms import normal

_LAYER = pattern(r"[0-9a-f]{64}(?:/layer)?\.tar")  # podman writes `DIFF_ID.tar`
_BLOB = pattern(r"blobs/sha256/([0-9a-f]{64})")
_INDEX = "index.json"
_CONFIG = pattern(r"([0-9a-f]{64})\.json")
# JSON documents are kept in memory until the archive's end, since `manifest.json` may come last. For one image a daemon
# writes fewer than ten (manifests and configs). Size and number bound the memory to 512 MiB; more is an error.
_LARGEST_DOCUMENT = 8 * 1024 * 1024
_MOST_DOCUMENTS = 64  # several times the number that a daemon writes
_PEEK = 512  # bytes: the first block of a tar, which has `ustar` at byte 257; JSON documents have not
_BUFFER = 1 << 20  # bytes per read of the archive; tarfile's default of 10 KiB would need many more reads


class _Entry(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One image in the archive's `manifest.json`."""

    config: str
    layers: tuple[str, ...] = ()


class _RootFiles(msgspec.Struct, frozen=True, kw_only=True):
    diff_ids: tuple[str, ...] = ()


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    """The members of an image config that are checked: platform and layers."""

    os: str
    architecture: str
    variant: str = ""
    rootfs: _RootFiles = _RootFiles()


class _IndexEntry(msgspec.Struct, frozen=True, kw_only=True):
    digest: str = ""
    platform: dict[str, Any] | None = None


class _Index(msgspec.Struct, frozen=True, kw_only=True):
    """An index, or another document, which lists no manifests."""

    manifests: tuple[_IndexEntry, ...] = ()


class SavedImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image read from the archive. `config`: bytes from the daemon; `layers`: in the layout, base first.

    `others`: the platforms of the other images in the index that the archive names, if any. Daemons that keep images in
    containerd write the whole index, and name one of its images in `manifest.json`.
    """

    config: bytes
    platform: Platform
    layers: tuple[CompressedLayer, ...]
    others: tuple[str, ...] = ()


def store_archive(
    archive: IO[bytes],
    layout: Layout,
    *,
    codec: Codec | None = None,
    check: Callable[[], None] = lambda: None,
    take: Callable[[Descriptor], None] = lambda _: None,
    source: str = "the docker daemon",
) -> SavedImage:
    """Read the whole archive and store its layers in `layout`; `take` is called with each stored layer.

    `codec`: compresses the layers; None: the fastest gzip. `source`: the program that wrote the archive, for messages.
    Raises `BuildError` when the archive is damaged or inconsistent, or does not contain exactly one image.
    """
    reader = _Reader(layout, codec, check, take, source)
    try:
        with tarfile.open(fileobj=archive, mode="r|", tarinfo=LimitedMember, bufsize=_BUFFER) as members:
            for member in members_of(members):
                check()
                reader.take(members, member)
        return reader.image()
    except (tarfile.TarError, EOFError, LookupError, ValueError, OverflowError, RecursionError) as error:
        raise reader.broken(f"the archive cannot be read: {type(error).__name__}") from error


class _Reader:
    def __init__(
        self,
        layout: Layout,
        codec: Codec | None,
        check: Callable[[], None],
        take: Callable[[Descriptor], None],
        source: str,
    ) -> None:
        self._layout = layout
        self._codec = codec
        self._check = check
        self._take = take
        self._source = source
        self._documents: dict[str, bytes] = {}
        self._layers: dict[str, CompressedLayer] = {}
        self._links: dict[str, str] = {}

    def take(self, members: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Read one member of the archive; members with unknown names are skipped."""
        name = posixpath.normpath(member.name)
        if member.issym() and _LAYER.fullmatch(name):
            self._links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
        if not member.isreg() or member.issparse():
            return
        content = members.extractfile(member)
        if content is None:
            return
        with content:
            if _LAYER.fullmatch(name):
                self._keep(name, self._compress(content))
            elif _BLOB.fullmatch(name):
                self._take_blob(name, content, member.size)
            elif name in ("manifest.json", _INDEX) or _CONFIG.fullmatch(name):
                self._take_document(name, content, member.size)

    def _take_blob(self, name: str, content: IO[bytes], size: int) -> None:
        diff_id = "sha256:" + posixpath.basename(name)
        known = find_compressed(self._layout, diff_id, codec=self._codec, check=self._check)
        if known is not None:
            self._keep(name, known)
            return
        start: bytes = content.peek(_PEEK)  # type: ignore[attr-defined]  # `extractfile` returns a buffered reader
        if start.startswith(b"{") and start[257:262] != b"ustar":
            self._take_document(name, content, size)
        elif suffix := suffix_of(start):
            self._keep(name, self._as_it_is(name, content, suffix))
        else:
            self._keep(name, self._compress(content))

    def _keep(self, name: str, layer: CompressedLayer) -> None:
        self._layers[name] = layer
        self._take(layer.descriptor)

    def _take_document(self, name: str, content: IO[bytes], size: int) -> None:
        if size > _LARGEST_DOCUMENT or len(self._documents) >= _MOST_DOCUMENTS:
            raise self.broken(f"`{name}` is above the limits: {_MOST_DOCUMENTS} documents, each of 8 MiB")
        self._documents[name] = content.read()

    def _compress(self, content: IO[bytes]) -> CompressedLayer:
        with translated():
            return compress_layer(content, self._layout, codec=self._codec, check=self._check)

    def _as_it_is(self, name: str, content: IO[bytes], suffix: str) -> CompressedLayer:
        with translated():
            try:
                layer = keep_layer(content, self._layout, suffix, what=f"`{name}`", check=self._check)
            except Invalid as error:
                raise self.broken(error.message) from error
        if layer.descriptor.digest != f"sha256:{posixpath.basename(name)}":
            raise self.broken(f"`{name}` has another digest than its name")
        return layer

    def image(self) -> SavedImage:
        """The archive's only image. Call this method after the last member."""
        entries = decode(self._documents["manifest.json"], tuple[_Entry, ...])
        if len(entries) != 1:
            raise self.broken(f"the archive holds {len(entries)} images instead of one")
        config = self._config(entries[0].config)
        fields = decode(config, _Config)
        layers = tuple(self._layer(name) for name in entries[0].layers)
        if tuple(layer.diff_id for layer in layers) != fields.rootfs.diff_ids:
            raise self.broken("the layers are not those that the image's config names")
        named = "/".join(part for part in (fields.os, fields.architecture, fields.variant) if part)
        # Base images write `arm64` or `arm64/v8` for one platform; an image of `crane append` alone names none.
        platform = parse_platform(named) if named else Platform(os="", architecture="")
        others = tuple(name for name in self._listed() if name != str(platform))
        return SavedImage(config=config, platform=platform, layers=layers, others=others)

    def _listed(self) -> tuple[str, ...]:
        """The platforms in the indexes that `index.json` lists."""
        top = _index(self._documents.get(_INDEX, b"{}"))
        names = (f"blobs/{entry.digest.replace(':', '/')}" for entry in top.manifests)
        indexes = [_index(raw) for name in names if (raw := self._documents.get(name)) is not None]
        texts = (platform_text(entry.platform or {}) for index in indexes for entry in index.manifests)
        return tuple(dict.fromkeys(normal(text) for text in texts if text))

    def _config(self, name: str) -> bytes:
        config = self._documents[posixpath.normpath(name)]
        match = _CONFIG.fullmatch(name) or _BLOB.fullmatch(name)
        if match is not None and hashlib.sha256(config).hexdigest() != match[1]:
            raise self.broken(f"`{name}` has another digest than its name")
        return config

    def _layer(self, name: str) -> CompressedLayer:
        name = posixpath.normpath(name)
        return self._layers[self._links.get(name, name)]

    def broken(self, what: str) -> BuildError:
        """The error for an archive that cannot be used."""
        return BuildError(
            f"the image that {self._source} exported cannot be used: {what}",
            hint=f"build again; if that does not help, update {self._source}",
        )


def _index(raw: bytes) -> _Index:
    """The index; an empty one for a document that is none, since the list serves a message only."""
    try:
        return decode(raw, _Index)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Index()
