"""Compressing layers: equal bytes whatever the sizes of reads, and a cache entry for each diff id."""

from __future__ import annotations

import gzip as standard_gzip
import io
import os
import random
import zlib
from pathlib import Path

import pytest
from isal import isal_zlib

from release.compression.codecs import CODECS, Codec, gzip, gzip_reproducible
from release.compression.compress import compress_layer, find_compressed
from release.compression.parallel_gzip import PIECE, Blocks
from release.errors import ConfigError
from release.layout.layout import Layout
from tests.support.registries.images import digest

CONTENT = random.Random(1).randbytes(1_700_000) + b"text that repeats " * 160_000


class _Dripping(io.RawIOBase):
    """A stream whose reads come back short, in changing sizes."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)
        self._sizes = random.Random(2)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._sizes.randint(1, 90_000)))


@pytest.mark.parametrize("codec", [gzip(), gzip_reproducible()], ids=lambda codec: codec.name)
def test_the_compressed_layer_decompresses_to_the_source(tmp_path: Path, codec: Codec) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    layer = compress_layer(io.BytesIO(CONTENT), layout, codec=codec)
    with layout.open_blob(layer.descriptor) as stream:
        packed = stream.read()
    assert standard_gzip.decompress(packed) == CONTENT
    assert layer.diff_id == digest(CONTENT)
    assert layer.size == len(CONTENT)
    assert layer.descriptor.media_type == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert packed[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


@pytest.mark.parametrize("codec", [gzip(), gzip_reproducible()], ids=lambda codec: codec.name)
def test_the_digest_of_a_layer_does_not_depend_on_the_sizes_of_reads(tmp_path: Path, codec: Codec) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    whole = compress_layer(io.BytesIO(CONTENT), layout, codec=codec)
    dripped = compress_layer(_Dripping(CONTENT), layout, codec=codec)  # type: ignore[arg-type]
    assert whole == dripped


def test_a_compressed_layer_is_found_by_its_diff_id_for_its_codec_only(tmp_path: Path) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    codec = gzip_reproducible()
    other = Codec(name="other", suffix="+gzip", start=codec.start)
    assert find_compressed(layout, digest(CONTENT), codec=codec) is None
    layer = compress_layer(io.BytesIO(CONTENT), layout, codec=codec)
    assert find_compressed(layout, layer.diff_id, codec=codec) == layer
    assert find_compressed(layout, layer.diff_id, codec=other) is None
    os.unlink(layout.blob_path(layer.descriptor.digest))
    assert find_compressed(layout, layer.diff_id, codec=codec) is None


def test_the_digest_of_a_layer_does_not_depend_on_the_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    many = compress_layer(io.BytesIO(CONTENT), layout)
    monkeypatch.setattr("release.compression.parallel_gzip._workers", lambda: 0)  # each piece is waited for
    assert compress_layer(io.BytesIO(CONTENT), layout) == many


@pytest.mark.parametrize(
    "sizes", [(0,), (1,), (8,), (9,), (8, 1), (3, 40), (1100, 1, 0, 5000), (PIECE, PIECE, 7)], ids=str
)
@pytest.mark.parametrize("library", [zlib, isal_zlib], ids=["zlib", "isal"])
def test_every_cut_of_the_input_gives_a_stream_that_other_programs_read(
    library: object, sizes: tuple[int, ...]
) -> None:
    blocks, start, packed = Blocks(library, 2), 0, b""
    for size in sizes:
        packed += blocks.compress(CONTENT[start : start + size])
        start += size
    assert standard_gzip.decompress(packed + blocks.flush()) == CONTENT[:start]


def test_no_piece_is_compressed_without_a_dictionary(tmp_path: Path) -> None:
    class Library:
        DEFLATED, Z_SYNC_FLUSH, crc32 = zlib.DEFLATED, zlib.Z_SYNC_FLUSH, staticmethod(zlib.crc32)

        @staticmethod
        def compressobj(level: int, method: int, wbits: int, *, zdict: bytes) -> object:
            seen.append(zdict)
            return zlib.compressobj(level, method, wbits, zdict=zdict)

    seen: list[bytes] = []
    codec = Codec(name="other", suffix="+gzip", start=lambda: Blocks(Library, 2))
    compress_layer(io.BytesIO(CONTENT), Layout.create(str(tmp_path / "l")), codec=codec)
    ends = [CONTENT[end - 1024 : end] for end in range(PIECE, len(CONTENT), PIECE)]
    assert sorted(seen) == sorted([CONTENT[:8], *ends])


def test_an_error_in_a_compressing_thread_is_raised_to_the_caller(tmp_path: Path) -> None:
    class Broken:
        DEFLATED, Z_SYNC_FLUSH = 8, 2
        crc32 = staticmethod(zlib.crc32)

        @staticmethod
        def compressobj(*_: int, zdict: bytes) -> None:
            raise MemoryError

    codec = Codec(name="broken", suffix="+gzip", start=lambda: Blocks(Broken, 2))
    with pytest.raises(MemoryError):
        compress_layer(io.BytesIO(CONTENT), Layout.create(str(tmp_path / "l")), codec=codec)


def test_an_empty_layer_is_a_valid_gzip(tmp_path: Path) -> None:
    layout = Layout.create(str(tmp_path / "l"))
    layer = compress_layer(io.BytesIO(b""), layout)
    with layout.open_blob(layer.descriptor) as stream:
        assert standard_gzip.decompress(stream.read()) == b""


def test_a_cancelled_compression_leaves_no_file(tmp_path: Path) -> None:
    layout = Layout.create(str(tmp_path / "l"))

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compress_layer(io.BytesIO(CONTENT), layout, check=stop)
    assert sorted(os.listdir(layout.path)) == ["blobs", "index.json", "oci-layout"]
    assert os.listdir(os.path.join(layout.path, "blobs", "sha256")) == []


def test_a_codec_without_its_library_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    with pytest.raises(ConfigError, match="zstandard"):
        CODECS["zstd"]()
