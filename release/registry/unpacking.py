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
        with _open(layer, suffix) as plain:
            yield plain
    except (OSError, EOFError, zlib.error) as error:
        raise Invalid(f"{what} is damaged: {error}") from error


def _open(layer: IO[bytes], suffix: str) -> IO[bytes]:
    opened = gzip.GzipFile(fileobj=layer) if suffix == "+gzip" else _Zstd(layer)
    return cast(IO[bytes], opened)


class _Zstd(io.RawIOBase):
    """Raises `OSError` for damage, as the standard library's readers do."""

    def __init__(self, layer: IO[bytes]) -> None:
        super().__init__()
        try:
            import zstandard
        except ImportError as error:
            raise ConfigError(
                "layers that are compressed with zstd need the package `zstandard`",
                hint="python -m pip install 'shipmark[zstd]'",
            ) from error
        self._error = zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._reader: Any = decompressor.stream_reader(layer, read_across_frames=True)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return fill(self._reader, memoryview(buffer).cast("B"))
        except self._error as error:
            raise OSError(str(error)) from error
