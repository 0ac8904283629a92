"""Compresses layers into a layout in one pass, and caches which blob each diff id became.

A cache entry is a small JSON file `cache/CODEC/DIFF-ID` beside the layout's blobs. When a later build or run has the
same layer, the cached blob is decompressed once and its diff id compared, which is faster than compressing again. So
whoever can write the cache cannot put other content under a diff id.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO

import msgspec

from release.compression import Follower, LayerStore, NewBlob, Watch
from release.compression.codecs import Codec, gzip
from release.compression.decompress import unpacked
from release.compression.parallel_gzip import PIECE
from release.decoding import decode
from release.errors import ConfigError, Invalid, RefusedError, RegistryError
from release.filesystem.files import read_limited
from release.filesystem.new_files import NewFile
from release.hints import ODD_IMAGE
from release.limits import KIB
from release.oci import OCI_LAYER, Descriptor
from release.oci.grammar import is_digest
from release.oci.verify import CHUNK, copying

# Bytes of a cache entry: two digests and two sizes, some hundred bytes of JSON. Whoever can write the cache could
# otherwise fill the memory.
_LARGEST_ENTRY = 4 * KIB

#: Pairs (diff id, digest of the compressed blob) that this process verified. A pair stays valid even if somebody
#: changes the blob's file, since reading a blob checks its digest.
_proven: set[tuple[str, str]] = set()


class CompressedLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer in the layout. `diff_id`: the digest of the uncompressed tar; `size`: the tar's bytes."""

    diff_id: str
    descriptor: Descriptor
    size: int


def compress_layer(
    source: IO[bytes],
    layout: LayerStore,
    *,
    codec: Codec | None = None,
    check: Callable[[], None] | None = None,
) -> CompressedLayer:
    """Compress the tar in `source` to a blob of `layout`, and cache the result under its diff id.

    `codec`: None: the fastest gzip. `check`: called between pieces; may raise to cancel, and then nothing is stored.
    """
    # Pieces of one size, whatever `read` returns: the compressed bytes depend on where the input is cut.
    pieces = iter(lambda: _read_exactly(source, PIECE), b"")
    return compress_pieces(pieces, layout, codec=codec, check=check)


def compress_pieces(
    pieces: Iterable[bytes],
    layout: LayerStore,
    *,
    codec: Codec | None = None,
    check: Callable[[], None] | None = None,
    watch: Watch | None = None,
) -> CompressedLayer:
    """Compress a tar as `compress_layer` does. `pieces`: of `PIECE` bytes each, but for the last.

    `watch`: starts to follow the blob.
    """
    chosen = codec or gzip()
    diff = hashlib.sha256(usedforsecurity=False)
    size = 0
    with layout.writer() as blob, _followed(blob, watch) as follower:
        compressor = chosen.start()
        for piece in pieces:
            if check is not None:
                check()
            diff.update(piece)
            size += len(piece)
            blob.write(compressor.compress(piece))
            follower.grown()
        blob.write(compressor.flush())
        digest = blob.commit()
        descriptor = Descriptor(media_type=OCI_LAYER + chosen.suffix, digest=digest, size=blob.size)
        follower.ended(descriptor)
    layer = CompressedLayer(diff_id=f"sha256:{diff.hexdigest()}", descriptor=descriptor, size=size)
    _proven.add((layer.diff_id, layer.descriptor.digest))
    _remember(layout, chosen, layer)
    return layer


class _Nobody:
    """Follows no blob."""

    def grown(self) -> None:
        """Do nothing."""

    def ended(self, layer: Descriptor | None) -> None:
        """Do nothing."""


@contextlib.contextmanager
def _followed(blob: NewBlob, watch: Watch | None) -> Iterator[Follower]:
    """The follower of a blob; after an error of the body it learns that the blob will not be stored."""
    follower: Follower = watch(blob) if watch is not None else _Nobody()
    try:
        yield follower
    except BaseException:
        follower.ended(None)
        raise


def keep_layer(
    source: IO[bytes],
    layout: LayerStore,
    suffix: str,
    *,
    what: str,
    check: Callable[[], None],
    diff_id: str | None = None,
) -> CompressedLayer:
    """Store a layer that is compressed already, unchanged, so that its digest stays the same.

    `suffix`: of its media type. `what`: the layer's name in messages. `check`: as for `compress_layer`. Nothing is
    stored, and `Invalid` is raised, if the layer is damaged or does not have `diff_id`; `ConfigError` without the
    library for zstd.
    """
    diff = hashlib.sha256(usedforsecurity=False)
    size = 0
    with layout.writer() as blob:
        copied = copying(source, blob.write)
        with unpacked(copied, suffix, what=what) as plain:
            while data := plain.read(CHUNK):
                check()
                diff.update(data)
                size += len(data)
        found = f"sha256:{diff.hexdigest()}"
        if diff_id not in (None, found):
            raise Invalid(f"{what} does not have diff id `{diff_id}`", hint=ODD_IMAGE)
        while copied.read(CHUNK):
            check()
        digest = blob.commit()
        descriptor = Descriptor(media_type=OCI_LAYER + suffix, digest=digest, size=blob.size)
    return CompressedLayer(diff_id=found, descriptor=descriptor, size=size)


def find_compressed(
    layout: LayerStore, diff_id: str, *, codec: Codec | None = None, check: Callable[[], None] = lambda: None
) -> CompressedLayer | None:
    """The cached result of `compress_layer` for this diff id and codec; None if its blob is missing or damaged.
    `check`: as for `compress_layer`. The blob is decompressed and its diff id compared, unless this process compressed
    it, or found this diff id in this blob before.
    """
    chosen = codec or gzip()
    found = _recall(layout, chosen, diff_id)
    if found is None or not layout.has_blob(found.descriptor):
        return None
    pair = (diff_id, found.descriptor.digest)
    if pair not in _proven:
        if _diff_id(layout, found.descriptor, chosen.suffix, check) != (diff_id, found.size):
            return None
        _proven.add(pair)
    return found


def _diff_id(
    layout: LayerStore, layer: Descriptor, suffix: str, check: Callable[[], None]
) -> tuple[str, int] | None:
    """Diff id and uncompressed size of a blob; None if it is damaged or missing."""
    diff = hashlib.sha256(usedforsecurity=False)
    size = 0
    try:
        with layout.open_blob(layer) as blob, unpacked(blob, suffix, what=f"`{layer.digest}`") as plain:
            while data := plain.read(CHUNK):
                check()
                diff.update(data)
                size += len(data)
            # Read to the end, where the stream checks the blob's digest.
            while blob.read(CHUNK):
                check()
    except RegistryError:
        return None
    return f"sha256:{diff.hexdigest()}", size


def _recall(layout: LayerStore, codec: Codec, diff_id: str) -> CompressedLayer | None:
    """The cache entry for a diff id, whose blob is not verified; None without a readable entry for this diff id."""
    if not is_digest(diff_id):
        return None
    try:
        with layout.folder("cache", codec.name) as folder, folder.read(_entry(diff_id)) as stream:
            layer = decode(read_limited(stream, diff_id, _LARGEST_ENTRY), CompressedLayer)
    except (OSError, ConfigError, RefusedError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if layer.diff_id != diff_id or not is_digest(layer.descriptor.digest):
        return None
    # Take only digest and size from the entry: it could also hold `urls` to fetch the blob from.
    descriptor = Descriptor(
        media_type=OCI_LAYER + codec.suffix, digest=layer.descriptor.digest, size=layer.descriptor.size
    )
    return msgspec.structs.replace(layer, descriptor=descriptor)


def _remember(layout: LayerStore, codec: Codec, layer: CompressedLayer) -> None:
    # Errors are ignored: without the entry the next run compresses again.
    with (
        contextlib.suppress(OSError, RefusedError),
        layout.folder("cache", codec.name, make=True) as folder,
        NewFile(folder) as new,
    ):
        new.stream.write(msgspec.json.encode(layer))
        new.place(_entry(layer.diff_id))


def _entry(diff_id: str) -> str:
    return diff_id.replace(":", "-")


def _read_exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if not data or len(data) == size:
        return data
    parts, missing = [data], size - len(data)
    while missing and (data := source.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
