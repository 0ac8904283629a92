"""Uncompressed layers into a layout, in one pass, and a memory of what each diff id became.

The memory is a folder `cache/CODEC/DIFF-ID` beside the layout's blobs, one small JSON file an entry: the same
layer met again, by another build or another run, costs no compression.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from typing import IO

import msgspec

from release.errors import Invalid
from release.registry import OCI_LAYER, Descriptor
from release.registry.blocks import PIECE
from release.registry.codecs import Codec, gzip
from release.registry.layout import Layout
from release.registry.reference import require_digest
from release.registry.streams import CHUNK, copying
from release.registry.unpacking import unpacked


class CompressedLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer in the layout. `diff_id`: digest of the uncompressed tar; `size`: its bytes."""

    diff_id: str
    descriptor: Descriptor
    size: int


def compress_layer(
    source: IO[bytes],
    layout: Layout,
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
    _remember(layout, chosen, layer)
    return layer


def keep_layer(
    source: IO[bytes],
    layout: Layout,
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


def find_compressed(layout: Layout, diff_id: str, *, codec: Codec | None = None) -> CompressedLayer | None:
    """What `compress_layer` made of this diff id with this codec, if the blob is still in the layout."""
    try:
        with open(_entry(layout, codec or gzip(), diff_id), "rb") as stream:
            layer = msgspec.json.decode(stream.read(), type=CompressedLayer)
    except (OSError, msgspec.DecodeError):
        return None
    return layer if layer.diff_id == diff_id and layout.has_blob(layer.descriptor) else None


def _remember(layout: Layout, codec: Codec, layer: CompressedLayer) -> None:
    path = _entry(layout, codec, layer.diff_id)
    # Only a shortcut: a cache that cannot be written costs the next run time, nothing else.
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor, partial = tempfile.mkstemp(prefix=".partial-", dir=os.path.dirname(path))
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(msgspec.json.encode(layer))
        os.replace(partial, path)


def _entry(layout: Layout, codec: Codec, diff_id: str) -> str:
    return os.path.join(layout.path, "cache", codec.name, require_digest(diff_id).replace(":", "-"))


def _read_exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if not data or len(data) == size:
        return data
    parts, missing = [data], size - len(data)
    while missing and (data := source.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
