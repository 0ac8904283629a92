"""Members of archives: tars in every format, compressed, damaged and hostile."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import io
import lzma
import os
import tarfile
import tempfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError, Invalid, NotFound, RegistryError
from release.image_names.archive_file import ArchiveFile
from release.image_names.tar_index import read_members
from tests.support.registries.archives import tar_of


def _linked(name: str, target: str, kind: bytes = tarfile.SYMTYPE, *more: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for other, content in more:
            member = tarfile.TarInfo(other)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member)
    return stream.getvalue()


def _members(raw: bytes) -> dict[str, bytes]:
    found = read_members(io.BytesIO(raw), source="`x.tar`")
    return {name: raw[member.offset : member.offset + member.size] for name, member in found.items()}


class TestMembers:
    @pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_members_of_each_tar_format_are_found(self, form: int) -> None:
        entries = [("a", b"1"), ("b/c", b"x" * 600), ("./d", b""), ("e" * 90 + "/" + "f" * 90, b"long")]
        found = _members(tar_of(*entries, form=form))
        assert found == {os.path.normpath(name): content for name, content in entries}

    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_tar_members_with_long_and_non_ascii_names_are_found(self, form: int) -> None:
        entries = [("g/" * 200 + "h", b"1"), ("ü" * 120, b"2")]
        assert _members(tar_of(*entries, form=form)) == dict(entries)

    @pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "a/..", "/"])
    def test_tar_members_whose_names_leave_the_archive_are_refused(self, name: str) -> None:
        with pytest.raises(Invalid, match="leaves"):
            _members(tar_of((name, b"x")))

    def test_tar_with_a_name_twice_is_refused(self) -> None:
        with pytest.raises(Invalid, match="twice"):
            _members(tar_of(("a", b"1"), ("./a", b"2")))

    def test_error_for_a_truncated_archive_names_the_member(self) -> None:
        with pytest.raises(Invalid, match="ends inside `b`"):
            _members(tar_of(("a", b"1"), ("b", b"x" * 2000))[:2000])

    @pytest.mark.parametrize("raw", [b"", b"x", b"\0" * 1024, b"no tar" * 200, gzip.compress(b"x", mtime=0)])
    def test_bytes_that_are_not_a_tar_are_refused(self, raw: bytes) -> None:
        with pytest.raises(Invalid):
            _members(raw)

    def test_changed_tar_header_is_refused(self) -> None:
        raw = bytearray(tar_of(("a", b"1")))
        raw[3] ^= 1
        with pytest.raises(Invalid, match="damaged"):
            _members(bytes(raw))

    def test_extension_header_of_gigabytes_is_refused(self) -> None:
        header = bytearray(tar_of(("a", b"1"))[:512])
        header[156:157] = b"x"
        header[124:136] = b"77777777777\0"
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        with pytest.raises(Invalid, match=r"ends inside|claims"):
            _members(bytes(header))

    def test_size_of_more_digits_than_python_converts_is_refused(self) -> None:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
            info = tarfile.TarInfo("a")
            info.pax_headers = {"size": "9" * 5000}
            tar.addfile(info)
        with pytest.raises(Invalid, match="impossible"):
            _members(stream.getvalue())

    @given(st.binary(max_size=3000))
    def test_any_bytes_are_read_as_a_tar_or_raise_invalid(self, raw: bytes) -> None:
        with contextlib.suppress(Invalid):
            _members(raw)

    @given(st.integers(0, 2000), st.integers(0, 255))
    def test_a_tar_with_any_one_byte_changed_is_read_or_raises_invalid(
        self, position: int, value: int
    ) -> None:
        raw = bytearray(tar_of(("a" * 150, b"1" * 600), ("b", b"2")))
        raw[position % len(raw)] = value
        with contextlib.suppress(Invalid):
            _members(bytes(raw))


class TestFiles:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
    def test_compressed_archives_are_read(self, pack: object, tmp_path: Path) -> None:
        (tmp_path / "a.tar").write_bytes(pack(tar_of(("x", b"content"))))  # type: ignore[operator]  # a function of bytes
        archive = ArchiveFile(str(tmp_path / "a.tar"))
        assert archive.read("x", most=100) == b"content"
        archive.close()

    def test_decompression_bomb_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("release.image_names.archive_file.UNPACKED_BYTES", 1_000_000)
        (tmp_path / "a.tar").write_bytes(gzip.compress(b"\0" * 30_000_000))
        with pytest.raises(Invalid, match="when it is decompressed, above the limit"):
            ArchiveFile(str(tmp_path / "a.tar"))

    def test_truncated_gzip_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.tar").write_bytes(gzip.compress(os.urandom(5000))[:-900])
        with pytest.raises(Invalid, match="damaged"):
            ArchiveFile(str(tmp_path / "a.tar"))

    @pytest.mark.parametrize(
        ("link", "target", "kind", "content"),
        [
            ("b/l", "../a", tarfile.SYMTYPE, b"1"),
            ("l", "a", tarfile.LNKTYPE, b"1"),
            ("l", "/etc/passwd", tarfile.SYMTYPE, None),
            ("l", "../../etc/passwd", tarfile.SYMTYPE, None),
            ("l", "l", tarfile.SYMTYPE, None),
        ],
    )
    def test_links_resolve_to_members_of_the_archive_only(
        self, link: str, target: str, kind: bytes, content: bytes | None, tmp_path: Path
    ) -> None:
        (tmp_path / "a.tar").write_bytes(_linked(link, target, kind, ("a", b"1")))
        archive = ArchiveFile(str(tmp_path / "a.tar"))
        if content is None:
            with pytest.raises(NotFound):
                archive.open(link)
        else:
            assert archive.read(link, most=10) == content
        archive.close()

    def test_missing_archive_and_folder_in_its_place_are_errors(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match=r"none\.tar"):
            ArchiveFile(str(tmp_path / "none.tar"))
        with pytest.raises(ConfigError, match="is not a regular file"):
            ArchiveFile(str(tmp_path))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found"),
    ],
)
def test_compressed_archive_without_room_to_decompress_it_is_not_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def full() -> None:
        raise error

    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(tar_of(("x", b"y"))))
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(RegistryError, match="cannot be decompressed") as refused:
        ArchiveFile(str(packed))
    assert "set TMPDIR" in str(refused.value.hint)
