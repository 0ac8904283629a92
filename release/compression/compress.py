"""Uncompressed layers into a layout, in one pass, and a memory of what each diff id became.

The memory is a folder `cache/CODEC/DIFF-ID` beside the layout's blobs, one small JSON file an entry: the same
layer met again, by another build or another run, is decompressed once instead of compressed again. That proves the
entry: whoever can write the cache cannot put other content under a diff id.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import IO

import msgspec

from release.compression import LayerStore
from release.compression.codecs import Codec, gzip
from release.compression.decompress import unpacked
from release.compression.parallel_gzip import PIECE
from release.decoding import decode
from release.errors import ConfigError, Invalid, RefusedError, RegistryError
from release.filesystem.files import read_limited
from release.filesystem.new_files import NewFile
from release.limits import KIB
from release.oci import OCI_LAYER, Descriptor
from release.oci.reference import is_digest
from release.oci.verify import CHUNK, copying

_LARGEST_ENTRY = 4 * KIB

#: Pairs of diff id and digest that this process has seen to belong together. Content never changes under a digest, so
#: a pair stays true whatever happens to the files.
_proven: set[tuple[str, str]] = set()


class CompressedLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer in the layout. `diff_id`: digest of the uncompressed tar; `size`: its bytes."""

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
    """Compress the tar in `source`, read to its end, into a blob of `layout`, and remember the pair.

    `codec`: the fastest gzip when None. `check` runs between pieces and may raise, to cancel; what was written
    is removed then.
    """
    chosen = codec or gzip()
    diff = hashlib.sha256(usedforsecurity=False)
    size = 0
    with layout.writer() as blob:
        compressor = chosen.start()
        # The bytes depend on how the input is cut: always into pieces of one size.
        while piece := _read_exactly(source, PIECE):
            if check is not None:
                check()
            diff.update(piece)
            size += len(piece)
            blob.write(compressor.compress(piece))
        blob.write(compressor.flush())
        digest = blob.commit()
        descriptor = Descriptor(media_type=OCI_LAYER + chosen.suffix, digest=digest, size=blob.size)
    layer = CompressedLayer(diff_id=f"sha256:{diff.hexdigest()}", descriptor=descriptor, size=size)
    _proven.add((layer.diff_id, layer.descriptor.digest))
    _remember(layout, chosen, layer)
    return layer


def keep_layer(
    source: IO[bytes],
    layout: LayerStore,
    suffix: str,
    *,
    what: str,
    check: Callable[[], None],
    diff_id: str | None = None,
) -> CompressedLayer:
    """Store a layer that is compressed already as it is: registries know it by its digest. Read once, to its end.

    `suffix`: of its media type; `what`: how messages call it; `check`: as for `compress_layer`. Raises `Invalid`, and
    stores nothing, where it is damaged or holds something else than `diff_id`.
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
            raise Invalid(f"{what} does not have diff id `{diff_id}`")
        while copied.read(CHUNK):
            check()
        digest = blob.commit()
        descriptor = Descriptor(media_type=OCI_LAYER + suffix, digest=digest, size=blob.size)
    return CompressedLayer(diff_id=found, descriptor=descriptor, size=size)


def find_compressed(
    layout: LayerStore, diff_id: str, *, codec: Codec | None = None, check: Callable[[], None] = lambda: None
) -> CompressedLayer | None:
    """What `compress_layer` made of this diff id with this codec, if the blob is still in the layout and proves it.

    `check`: as for `compress_layer`. The first time in a process the blob is read and decompressed.
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
    """Diff id and uncompressed size of a blob; None where it is damaged or gone."""
    diff = hashlib.sha256(usedforsecurity=False)
    size = 0
    try:
        with layout.open_blob(layer) as blob, unpacked(blob, suffix, what=f"`{layer.digest}`") as plain:
            while data := plain.read(CHUNK):
                check()
                diff.update(data)
                size += len(data)
            # To its end: only there is the blob's own digest compared.
            while blob.read(CHUNK):
                check()
    except RegistryError:
        return None
    return f"sha256:{diff.hexdigest()}", size


def _recall(layout: LayerStore, codec: Codec, diff_id: str) -> CompressedLayer | None:
    """The entry for a diff id, as far as it can be read; nothing of it is proven."""
    if not is_digest(diff_id):
        return None
    try:
        with layout.folder("cache", codec.name) as folder, folder.read(_entry(diff_id)) as stream:
            layer = decode(read_limited(stream, diff_id, _LARGEST_ENTRY), CompressedLayer)
    except (OSError, ConfigError, RefusedError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if layer.diff_id != diff_id or not is_digest(layer.descriptor.digest):
        return None
    # The rest of a descriptor, as where else to fetch the blob, is not for an entry to say.
    descriptor = Descriptor(
        media_type=OCI_LAYER + codec.suffix, digest=layer.descriptor.digest, size=layer.descriptor.size
    )
    return msgspec.structs.replace(layer, descriptor=descriptor)


def _remember(layout: LayerStore, codec: Codec, layer: CompressedLayer) -> None:
    # Only a shortcut: a cache that cannot be written costs the next run time, nothing else.
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
