"""Decompresses layers: as streams, and to plain tars for daemons that cannot read zstd (Docker before 23)."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast

import msgspec

from release.decoding import decode
from release.errors import ConfigError, Invalid
from release.filesystem.folders import OpenFolder
from release.filesystem.new_files import scratch_file
from release.hints import ODD_IMAGE
from release.oci import Descriptor, Manifest, Repository
from release.oci.manifest import children
from release.oci.verify import CHUNK, fill

_SUFFIXES = ((b"\x1f\x8b", "+gzip"), (b"\x28\xb5\x2f\xfd", "+zstd"))
# Largest window of a zstd stream, in bytes: the decompressor keeps as much in memory. RFC 8878, section 3.1.1.1.2,
# recommends support for 8 MB; `--ultra` and `--long` make larger ones, which could fill the memory.
_LARGEST_WINDOW = 32 * 1024 * 1024

#: Number of first bytes that show a layer's compression: zstd's magic number has 4 (RFC 8878), gzip's 2 (RFC 1952).
TELLING = 4


def suffix_of(start: bytes) -> str:
    """The suffix of the media type for a layer that starts with these bytes; "" for one that is not compressed."""
    return next((suffix for magic, suffix in _SUFFIXES if start.startswith(magic)), "")


@contextmanager
def unpacked(layer: IO[bytes], suffix: str, *, what: str) -> Iterator[IO[bytes]]:
    """The tar in `layer`. Reading damaged bytes raises `Invalid`; `ConfigError` if the library for zstd is missing.

    `suffix`: `+gzip` or `+zstd`. `what`: the layer's name in messages.
    """
    try:
        with cast(IO[bytes], _Plain(layer, suffix)) as plain:
            yield plain
    except _Damaged as error:
        raise Invalid(f"{what} is damaged: {error}", hint=ODD_IMAGE) from error


class _Damaged(Exception):
    """Damage in a layer. Not an `OSError`, so that code that writes the bytes does not take it for a failed write."""


class _Plain(io.RawIOBase):
    def __init__(self, layer: IO[bytes], suffix: str) -> None:
        super().__init__()
        self._reader, self._faults = _gzip(layer) if suffix == "+gzip" else _zstd(layer)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return fill(self._reader, memoryview(buffer).cast("B"))
        except self._faults as error:
            raise _Damaged(str(error)) from error


_Reader = tuple[Any, tuple[type[Exception], ...]]  # a decompressor, and its exceptions for damaged input


def _gzip(layer: IO[bytes]) -> _Reader:
    try:
        # isal takes half of zlib's time. Decompression is most of the work when a cached layer is verified.
        from isal import igzip, isal_zlib
    except ImportError:
        pass
    else:
        reader: Any = igzip.GzipFile(fileobj=layer)  # type: ignore[no-untyped-call]  # as gzip's
        return reader, (gzip.BadGzipFile, EOFError, cast(type[Exception], isal_zlib.error))
    return gzip.GzipFile(fileobj=layer), (gzip.BadGzipFile, EOFError, zlib.error)


def _zstd(layer: IO[bytes]) -> _Reader:
    try:
        import zstandard
    except ImportError as error:
        raise ConfigError(
            "layers that are compressed with zstd need the package `zstandard`",
            hint="python -m pip install 'shipmark[zstd]'",
        ) from error
    decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    return decompressor.stream_reader(layer, read_across_frames=True), (zstandard.ZstdError,)


_SUFFIX = "+zstd"
# Bytes of an image config that are read. Real ones have some kilobytes; a longer one is cut, and then is not JSON.
_LARGEST_CONFIG = 8 * 1024 * 1024


class _RootFiles(msgspec.Struct, frozen=True, kw_only=True):
    diff_ids: tuple[str, ...] = ()


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    rootfs: _RootFiles = _RootFiles()


class PlainLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer's tar. `diff_id`: its digest. `size`: bytes. `content`: the tar, closed by `plain_layers`."""

    diff_id: str
    size: int
    content: IO[bytes]


@contextmanager
def plain_layers(
    layout: Repository, image: Manifest, folder: OpenFolder, *, check: Callable[[], None]
) -> Iterator[dict[str, PlainLayer]]:
    """Decompress the zstd layers of `image` to temporary files in `folder`, and yield them by the layer's digest.

    Raises `Invalid` if a layer is damaged or its diff id is not that of the config, and `ConfigError` if the library
    for zstd is missing. Images without a zstd layer give an empty dict, and nothing is read.
    """
    config, *layers = children(image)
    wanted = [number for number, layer in enumerate(layers) if layer.media_type.endswith(_SUFFIX)]
    with ExitStack() as kept:
        diff_ids = _diff_ids(layout, config, len(layers)) if wanted else ()
        found: dict[str, PlainLayer] = {}
        for number in wanted:
            layer = layers[number]
            if layer.digest not in found:
                content = kept.enter_context(scratch_file(folder))
                found[layer.digest] = _unpack(layout, layer, diff_ids[number], content, check)
        yield found


def _diff_ids(layout: Repository, config: Descriptor, count: int) -> tuple[str, ...]:
    with layout.open_blob(config) as stream:
        raw = stream.read(_LARGEST_CONFIG)
    try:
        diff_ids = decode(raw, _Config).rootfs.diff_ids
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(f"`{config.digest}` is not an image config: {error}", hint=ODD_IMAGE) from error
    if len(diff_ids) != count:
        raise Invalid(
            f"the config `{config.digest}` does not list one diff id for each layer", hint=ODD_IMAGE
        )
    return diff_ids


def _unpack(
    layout: Repository, layer: Descriptor, diff_id: str, content: IO[bytes], check: Callable[[], None]
) -> PlainLayer:
    what = f"layer `{layer.digest}`"
    hashed, size = hashlib.sha256(usedforsecurity=False), 0
    with layout.open_blob(layer) as packed, unpacked(packed, _SUFFIX, what=what) as plain:
        while data := plain.read(CHUNK):
            check()
            hashed.update(data)
            content.write(data)
            size += len(data)
    if f"sha256:{hashed.hexdigest()}" != diff_id:
        raise Invalid(f"{what} does not have diff id `{diff_id}`", hint=ODD_IMAGE)
    content.seek(0)
    return PlainLayer(diff_id=diff_id, size=size, content=content)
