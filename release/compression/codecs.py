"""The codecs for layers: gzip by isal, zlib-ng or zlib (the first that is installed), and zstd on request.

This module and `parallel_gzip` write the gzip header themselves, because Python's differs between versions (its OS
byte). The compressed bytes differ between libraries and their versions. So only the diff id identifies a layer
everywhere, and a codec's name contains library, level, version and the way in which the input is cut (`blocks`): codecs
with different bytes never share a cache entry.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from release.compression.parallel_gzip import HEADER, Blocks
from release.errors import ConfigError

# A level is part of the codec's name: changing it changes digests, and makes cached layers useless.
# isal: its default. On 4.6 MB of Python modules and programs level 3 took three times as long for 3 % less.
_ISAL_LEVEL = 2
# zlib-ng: fast like isal, where isal does not exist. Level 1 is faster, but uses only fixed Huffman codes.
_ZLIB_NG_LEVEL = 2
# zlib: its default, and that of gzip(1). On the 4.6 MB of files level 9 took four times as long for 2 % less.
_ZLIB_LEVEL = 6
# zstd: its default. On the 4.6 MB of files level 6 took three times as long for 9 % less.
_ZSTD_LEVEL = 3


class Compressor(Protocol):
    """Compresses one stream."""

    def compress(self, data: bytes) -> bytes:
        """Take `data`; return the bytes that are ready, possibly none."""

    def flush(self) -> bytes:
        """The remaining bytes."""


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """A way to compress. `suffix`: of the layer's media type.

    `name`: all that decides the bytes: algorithm, library, level, version and how the input is cut.
    """

    name: str
    suffix: str
    start: Callable[[], Compressor]


class _Gzip:
    """A gzip member around one raw deflate stream of zlib."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(_ZLIB_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = 0
        self._size = 0
        self._pending = HEADER

    def compress(self, data: bytes) -> bytes:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        ready = self._pending + self._deflate.compress(data)
        self._pending = b""
        return ready

    def flush(self) -> bytes:
        trailer = struct.pack("<LL", self._crc & 0xFFFFFFFF, self._size & 0xFFFFFFFF)
        return self._pending + self._deflate.flush() + trailer


def gzip() -> Codec:
    """The fastest gzip that is installed: isal, else zlib-ng, else zlib."""
    return _isal() or _zlib_ng() or gzip_reproducible()


def gzip_reproducible() -> Codec:
    """Gzip by zlib, the library that every Python has."""
    return Codec(
        name=f"gzip-zlib-{_ZLIB_LEVEL}@{zlib.ZLIB_RUNTIME_VERSION}",
        suffix="+gzip",
        start=_Gzip,
    )


def zstd() -> Codec:
    """Zstandard. Raises `ConfigError` if its library is not installed."""
    try:
        import zstandard
    except ImportError as error:
        raise ConfigError(
            "zstd layers need the package `zstandard`",
            hint="install it with `pip install 'shipmark[zstd]'`, or choose `compression: gzip`",
        ) from error
    return Codec(
        name=f"zstd-zstandard-{_ZSTD_LEVEL}@{zstandard.__version__}",
        suffix="+zstd",
        start=lambda: zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj(),
    )


CODECS: dict[str, Callable[[], Codec]] = {
    "gzip": gzip,
    "gzip-reproducible": gzip_reproducible,
    "zstd": zstd,
}


def codec_named(name: str) -> Codec:
    """The codec `name`, a key of `CODECS`. Raises `ConfigError` if the library for zstd is not installed."""
    return CODECS[name]()


def _isal() -> Codec | None:
    try:
        import isal
        from isal import isal_zlib
    except ImportError:
        return None
    return _in_blocks("isal", isal_zlib, _ISAL_LEVEL, isal.__version__)


def _zlib_ng() -> Codec | None:
    try:
        import zlib_ng  # type: ignore[import-not-found,unused-ignore]  # used where it is installed
        from zlib_ng import zlib_ng as library  # type: ignore[import-not-found,unused-ignore]  # same
    except ImportError:
        return None
    return _in_blocks("zlibng", library, _ZLIB_NG_LEVEL, zlib_ng.__version__)


def _in_blocks(name: str, library: Any, level: int, version: str) -> Codec:
    return Codec(
        name=f"gzip-{name}-{level}-joined@{version}",
        suffix="+gzip",
        start=lambda: Blocks(library, level),
    )
