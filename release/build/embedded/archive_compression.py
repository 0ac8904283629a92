"""Reads the tar in a local archive of `ADD`, compressed or not, by the formats that BuildKit tells apart."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from release.compression.decompress import unpacked
from release.errors import BuildError, ConfigError

# Bytes that show the format: the longest magic number, xz's.
_TELLING = 6
#: First bytes -> decompressor. No other format counts: BuildKit copies a `.tar.lzma` as it is.
#: Source: `compression.Detect` in github.com/moby/go-archive 0.2.
_FORMATS: Mapping[bytes, Callable[[IO[bytes]], Any]] = {
    b"BZh": bz2.BZ2File,
    b"\x1f\x8b\x08": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_ZSTD = b"\x28\xb5\x2f\xfd"
# RFC 8878, section 3.1.2: frames of other data, whose magic numbers differ in the last four bits.
_SKIPPABLE = b"\x2a\x4d\x18"


@contextmanager
def decompressed(file: IO[bytes], shown: str) -> Iterator[IO[bytes] | None]:
    """The content of a compressed file that is open at its start; None for one that is not compressed.

    `shown`: the file's name in messages. Raises `BuildError` if the library for zstd is not installed; reading raises
    the decompressor's errors, and `Invalid` for damaged zstd.
    """
    start = file.read(_TELLING)
    file.seek(0)
    if _is_zstd(start):
        try:
            with unpacked(file, "+zstd", what="it") as plain:
                yield plain
        except ConfigError as error:
            raise BuildError(
                f"the archive `{shown}` is compressed with zstd, which needs the package `zstandard`",
                hint=error.hint,
            ) from error
        return
    decompressor = next((each for magic, each in _FORMATS.items() if start.startswith(magic)), None)
    if decompressor is None:
        yield None
        return
    with decompressor(file) as plain:
        yield plain


def _is_zstd(start: bytes) -> bool:
    return start.startswith(_ZSTD) or (
        start[:1] >= b"\x50" and start[:1] <= b"\x5f" and start[1:4] == _SKIPPABLE
    )
