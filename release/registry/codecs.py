"""How layers are compressed: gzip by isal, zlib-ng or zlib, whichever is there first; zstd on request.

The frame around the deflate stream is ours, because Python's own differs between versions (the header's OS
byte). The deflate bytes differ between libraries and their versions: a layer's stable identity is its diff id,
and a codec's name holds library, level and version so that two kinds of bytes never share a cache entry.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from release.errors import ConfigError

_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no name, no time, system unknown
_ISAL_LEVEL = 2
_ZLIB_NG_LEVEL = 2  # level 6 changes its output with the size of the pieces that it is given
_ZLIB_LEVEL = 6
_ZSTD_LEVEL = 3


class Compressor(Protocol):
    """One stream being compressed."""

    def compress(self, data: bytes) -> bytes:
        """Take `data`; give what is ready."""

    def flush(self) -> bytes:
        """The rest."""


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """A way to compress. `name`: algorithm, library, level and version; `suffix`: of the layer's media type."""

    name: str
    suffix: str
    start: Callable[[], Compressor]


class _Gzip:
    """A gzip member around a raw deflate stream. `crc32`: the library's own, which may be faster."""

    def __init__(self, deflate: Any, crc32: Callable[[bytes, int], int]) -> None:
        self._deflate = deflate
        self._crc32 = crc32
        self._crc = 0
        self._size = 0
        self._pending = _HEADER

    def compress(self, data: bytes) -> bytes:
        self._crc = self._crc32(data, self._crc)
        self._size += len(data)
        ready: bytes = self._pending + self._deflate.compress(data)
        self._pending = b""
        return ready

    def flush(self) -> bytes:
        trailer = struct.pack("<LL", self._crc & 0xFFFFFFFF, self._size & 0xFFFFFFFF)
        return bytes(self._pending + self._deflate.flush() + trailer)


def gzip() -> Codec:
    """The fastest gzip that is installed: isal, else zlib-ng, else zlib."""
    return _isal() or _zlib_ng() or gzip_reproducible()


def gzip_reproducible() -> Codec:
    """Gzip by zlib, the library that every Python has."""
    return Codec(
        name=f"gzip-zlib-{_ZLIB_LEVEL}@{zlib.ZLIB_RUNTIME_VERSION}",
        suffix="+gzip",
        start=lambda: _Gzip(zlib.compressobj(_ZLIB_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS), zlib.crc32),
    )


def zstd() -> Codec:
    """Zstandard. Raises `ConfigError` where no library for it is installed."""
    try:
        import zstandard  # type: ignore[import-not-found,unused-ignore]  # used where it is installed
    except ImportError as error:
        raise ConfigError(
            "zstd layers need the package `zstandard`", hint="python -m pip install zstandard"
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


def _isal() -> Codec | None:
    try:
        import isal
        from isal import isal_zlib
    except ImportError:
        return None
    return Codec(
        name=f"gzip-isal-{_ISAL_LEVEL}@{isal.__version__}",
        suffix="+gzip",
        start=lambda: _Gzip(
            isal_zlib.compressobj(_ISAL_LEVEL, isal_zlib.DEFLATED, -zlib.MAX_WBITS), isal_zlib.crc32
        ),
    )


def _zlib_ng() -> Codec | None:
    try:
        import zlib_ng  # type: ignore[import-not-found,unused-ignore]  # used where it is installed
        from zlib_ng import zlib_ng as library  # type: ignore[import-not-found,unused-ignore]  # same
    except ImportError:
        return None
    return Codec(
        name=f"gzip-zlibng-{_ZLIB_NG_LEVEL}@{zlib_ng.__version__}",
        suffix="+gzip",
        start=lambda: _Gzip(
            library.compressobj(_ZLIB_NG_LEVEL, library.DEFLATED, -zlib.MAX_WBITS), library.crc32
        ),
    )
