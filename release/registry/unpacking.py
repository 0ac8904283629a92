"""Layers that come compressed, as the tars that they hold."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from release.errors import ConfigError, Invalid
from release.registry.streams import fill

_SUFFIXES = ((b"\x1f\x8b", "+gzip"), (b"\x28\xb5\x2f\xfd", "+zstd"))
# What a reader has to keep in memory; zstd's own levels need 8 MiB, and only `--ultra` and `--long` more.
_LARGEST_WINDOW = 32 * 1024 * 1024

#: As many of a layer's first bytes tell how it is compressed.
TELLING = 4


def suffix_of(start: bytes) -> str:
    """The suffix of the media type for a layer that starts with these bytes; "" for one that is not compressed."""
    return next((suffix for magic, suffix in _SUFFIXES if start.startswith(magic)), "")


@contextmanager
def unpacked(layer: IO[bytes], suffix: str, *, what: str) -> Iterator[IO[bytes]]:
    """The tar in `layer`. Raises `Invalid` where it is damaged, `ConfigError` where the library for zstd is missing.

    `what`: how messages call the layer.
    """
    try:
        with cast(IO[bytes], _Plain(layer, suffix)) as plain:
            yield plain
    except _Damaged as error:
        raise Invalid(f"{what} is damaged: {error}") from error


class _Damaged(Exception):
    """Neither an `OSError` nor ours: whoever writes what is read here must not take it for a failure to write."""


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


_Reader = tuple[Any, tuple[type[Exception], ...]]  # and what it raises for damage


def _gzip(layer: IO[bytes]) -> _Reader:
    try:
        # Takes half of zlib's time, which is most of what proving a cached layer costs.
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
