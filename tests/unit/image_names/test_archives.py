"""Reading and writing of image archives and folders, hostile archives included."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import io
import json
import lzma
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from release.control import Cancel
from release.errors import ConfigError, DigestMismatch, Invalid, NotFound, RegistryError, ReleaseError
from release.events import NullSink
from release.image_names.archive_file import ArchiveFile
from release.image_names.archive_writer import write_combined_archive
from release.image_names.dir import Folder
from release.image_names.docker_archive_source import DockerArchive
from release.image_names.names import TransportContext, open_destination, open_source
from release.image_names.oci_archive import OciArchive
from release.image_names.tar_index import read_members
from release.layout.layout import Layout
from release.oci import OCI_LAYER, Descriptor, Manifest
from release.transfer.copy import copy_image
from tests.support.registries.images import Image, digest, make_image, make_index, make_tar, store


def _tar(*entries: tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


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
        found = _members(_tar(*entries, form=form))
        assert found == {os.path.normpath(name): content for name, content in entries}

    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_tar_members_with_long_and_non_ascii_names_are_found(self, form: int) -> None:
        entries = [("g/" * 200 + "h", b"1"), ("ü" * 120, b"2")]
        assert _members(_tar(*entries, form=form)) == dict(entries)

    @pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "a/..", "/"])
    def test_tar_members_whose_names_leave_the_archive_are_refused(self, name: str) -> None:
        with pytest.raises(Invalid, match="leaves"):
            _members(_tar((name, b"x")))

    def test_tar_with_a_name_twice_is_refused(self) -> None:
        with pytest.raises(Invalid, match="twice"):
            _members(_tar(("a", b"1"), ("./a", b"2")))

    def test_error_for_a_truncated_archive_names_the_member(self) -> None:
        with pytest.raises(Invalid, match="ends inside `b`"):
            _members(_tar(("a", b"1"), ("b", b"x" * 2000))[:2000])

    @pytest.mark.parametrize("raw", [b"", b"x", b"\0" * 1024, b"no tar" * 200, gzip.compress(b"x", mtime=0)])
    def test_bytes_that_are_not_a_tar_are_refused(self, raw: bytes) -> None:
        with pytest.raises(Invalid):
            _members(raw)

    def test_changed_tar_header_is_refused(self) -> None:
        raw = bytearray(_tar(("a", b"1")))
        raw[3] ^= 1
        with pytest.raises(Invalid, match="damaged"):
            _members(bytes(raw))

    def test_extension_header_of_gigabytes_is_refused(self) -> None:
        header = bytearray(_tar(("a", b"1"))[:512])
        header[156:157] = b"x"
        header[124:136] = b"77777777777\0"
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        with pytest.raises(Invalid, match=r"ends inside|claims"):
            _members(bytes(header))

    @given(st.binary(max_size=3000))
    def test_any_bytes_are_read_as_a_tar_or_raise_invalid(self, raw: bytes) -> None:
        with contextlib.suppress(Invalid):
            _members(raw)

    @given(st.integers(0, 2000), st.integers(0, 255))
    def test_a_tar_with_any_one_byte_changed_is_read_or_raises_invalid(
        self, position: int, value: int
    ) -> None:
        raw = bytearray(_tar(("a" * 150, b"1" * 600), ("b", b"2")))
        raw[position % len(raw)] = value
        with contextlib.suppress(Invalid):
            _members(bytes(raw))


class TestFiles:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
    def test_compressed_archives_are_read(self, pack: object, tmp_path: Path) -> None:
        (tmp_path / "a.tar").write_bytes(pack(_tar(("x", b"content"))))  # type: ignore[operator]  # a function of bytes
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


def _workshop(tmp_path: Path) -> TransportContext:
    return TransportContext(
        store=Layout(str(tmp_path / "store")), root=str(tmp_path), sink=NullSink(), cancel=Cancel()
    )


def _zstd(content: bytes) -> bytes:
    return zstandard.compress(content)


def _saved(
    path: Path,
    *tars: bytes,
    tags: list[str] | None = None,
    pack: Callable[[bytes], bytes] = bytes,
) -> str:
    """Write an archive of these layers as `docker save` does; returns the config's digest."""
    config = json.dumps(
        {
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [digest(t) for t in tars]},
        }
    ).encode()
    name = digest(config).removeprefix("sha256:")
    layers = [f"{number:064x}/layer.tar" for number in range(len(tars))]
    entry = {"Config": f"{name}.json", "RepoTags": tags, "Layers": layers}
    contents = [pack(tar) for tar in tars]
    path.write_bytes(
        _tar(
            *zip(layers, contents, strict=True),
            (f"{name}.json", config),
            ("manifest.json", json.dumps([entry]).encode()),
        )
    )
    return digest(config)


class TestOciArchive:
    def test_oci_archive_has_the_images_of_its_layout(self, tmp_path: Path) -> None:
        index = make_index(make_image({"a": b"1"}), make_image({"a": b"2"}))
        layout = Layout(str(tmp_path / "l"))
        store(index, layout, "1.0")
        write_combined_archive(layout, index.digest, "app:1.0", str(tmp_path / "a.tar"))
        place = open_source("oci-archive:a.tar:1.0", _workshop(tmp_path))
        assert place.tag == "1.0"
        copied = Layout(str(tmp_path / "copied"))
        _copy(place.repository, copied, index)
        assert copied.manifest(index.digest) == index.manifest
        place.repository.close()  # type: ignore[attr-defined]  # an archive

    def test_changed_blob_in_an_oci_archive_is_a_digest_mismatch(self, tmp_path: Path) -> None:
        image = make_image({"a": b"1"})
        layout = Layout(str(tmp_path / "l"))
        store(image, layout, "1.0")
        write_combined_archive(layout, image.digest, "app:1.0", str(tmp_path / "a.tar"))
        raw = (tmp_path / "a.tar").read_bytes()
        name, blob = next(iter(image.blobs.items()))
        (tmp_path / "a.tar").write_bytes(raw.replace(blob, bytes([blob[0] ^ 1]) + blob[1:]))
        archive = OciArchive(str(tmp_path / "a.tar"))
        with (
            archive.open_blob(Descriptor(media_type="x", digest=name, size=len(blob))) as stream,
            pytest.raises(DigestMismatch),
        ):
            stream.read()
        archive.close()

    def test_docker_archive_read_as_oci_archive_is_an_error_with_a_hint(self, tmp_path: Path) -> None:
        _saved(tmp_path / "a.tar", make_tar({"a": b"1"}))
        with pytest.raises(Invalid) as caught:
            OciArchive(str(tmp_path / "a.tar"), shown="a.tar")
        assert caught.value.hint == "the archive may be one of `docker save`: write `docker-archive:a.tar`"

    def test_putting_a_manifest_into_an_oci_archive_opened_for_reading_is_a_config_error(
        self, tmp_path: Path
    ) -> None:
        image = make_image()
        layout = Layout(str(tmp_path / "l"))
        store(image, layout)
        write_combined_archive(layout, image.digest, "app:1.0", str(tmp_path / "a.tar"))
        archive = OciArchive(str(tmp_path / "a.tar"))
        with pytest.raises(ConfigError, match="read only"):
            archive.put_manifest(image.manifest, tag="2.0")
        archive.close()


class TestDockerArchive:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_equal_layers_are_compressed_once_and_the_config_is_unchanged(
        self, pack: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        tars = [make_tar({"a": b"1" * 100_000}), make_tar({"b": b"2"}), make_tar({"a": b"1" * 100_000})]
        config = _saved(tmp_path / "a.tar", *tars, tags=["app:1.0"], pack=pack)
        place = open_source("docker-archive:a.tar", _workshop(tmp_path))
        assert place.tag == "1.0"
        manifest = place.repository.manifest("1.0")
        document = json.loads(manifest.raw)
        assert document["config"]["digest"] == config
        layers = [Descriptor(media_type="x", digest=d["digest"], size=d["size"]) for d in document["layers"]]
        assert layers[0] == layers[2]
        for layer, tar in zip(layers, tars, strict=True):
            with place.repository.open_blob(layer) as stream:
                assert gzip.decompress(stream.read()) == tar
        again = open_source("docker-archive:a.tar:app:1.0", _workshop(tmp_path))
        assert again.repository.manifest("1.0") == manifest
        for one in (place, again):
            one.repository.close()  # type: ignore[attr-defined]  # an archive

    @pytest.mark.parametrize(("pack", "suffix"), [(gzip.compress, "+gzip"), (_zstd, "+zstd")])
    def test_compressed_layers_are_stored_unchanged(
        self, pack: Callable[[bytes], bytes], suffix: str, tmp_path: Path
    ) -> None:
        packed = pack(make_tar({"a": os.urandom(700_000)}))
        tar = gzip.decompress(packed) if suffix == "+gzip" else zstandard.decompress(packed)
        _saved(tmp_path / "a.tar", tar, pack=lambda _: packed)
        archive = _docker(tmp_path)
        (layer,) = json.loads(_only(archive).raw)["layers"]
        assert (layer["mediaType"], layer["digest"]) == (OCI_LAYER + suffix, digest(packed))
        with archive.open_blob(Descriptor(media_type="x", digest=digest(packed), size=len(packed))) as stream:
            assert stream.read() == packed
        archive.close()

    @pytest.mark.parametrize("pack", [gzip.compress, _zstd])
    @pytest.mark.parametrize("harm", [lambda raw: raw[:-9], lambda raw: raw[:30] + b"\0" * 40 + raw[70:]])
    def test_damaged_compressed_layers_are_refused(
        self, pack: Callable[[bytes], bytes], harm: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        _saved(tmp_path / "a.tar", make_tar({"a": os.urandom(5000)}), pack=lambda tar: harm(pack(tar)))
        archive = _docker(tmp_path)
        with pytest.raises(Invalid, match=r"is damaged|does not have diff id"):
            _only(archive)
        archive.close()

    def test_zstd_layer_with_a_large_window_is_refused(self, tmp_path: Path) -> None:
        wide = zstandard.ZstdCompressionParameters(window_log=27)
        stream = zstandard.ZstdCompressor(
            compression_params=wide
        ).compressobj()  # it knows no size beforehand
        tar = make_tar({"a": b"1"})
        packed = stream.compress(tar) + stream.flush()
        _saved(tmp_path / "a.tar", tar, pack=lambda _: packed)
        archive = _docker(tmp_path)
        with pytest.raises(Invalid, match="memory"):
            _only(archive)
        archive.close()

    def test_missing_zstd_library_is_an_error_with_the_command_to_install_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _saved(tmp_path / "a.tar", make_tar({"a": b"1"}), pack=_zstd)
        monkeypatch.setitem(sys.modules, "zstandard", None)
        archive = _docker(tmp_path)
        with pytest.raises(ConfigError) as caught:
            _only(archive)
        assert caught.value.hint == "python -m pip install 'shipmark[zstd]'"
        archive.close()

    def test_layer_with_another_diff_id_than_in_the_config_is_refused(self, tmp_path: Path) -> None:
        _saved(tmp_path / "a.tar", make_tar({"a": b"1"}))
        raw = (tmp_path / "a.tar").read_bytes()
        (tmp_path / "a.tar").write_bytes(
            raw.replace(make_tar({"a": b"1"})[:1024], make_tar({"a": b"2"})[:1024])
        )
        archive = _docker(tmp_path)
        with pytest.raises(Invalid, match="diff id"):
            _only(archive)
        archive.close()

    @pytest.mark.parametrize(
        ("entries", "why"),
        [
            ([("x", b"1")], "holds no `manifest.json`"),
            ([("manifest.json", b"{}")], "not what `docker save` writes"),
            ([("manifest.json", b"[")], "not what `docker save` writes"),
            ([("manifest.json", b"[]")], "holds no image"),
            ([("manifest.json", b"null")], "holds no image"),
            ([("manifest.json", b'[{"Config": "c", "Layers": []}]')], "holds no `c`"),
            ([("manifest.json", b'[{"Config": "c", "Layers": []}]'), ("c", b"[]")], "not an image config"),
            ([("manifest.json", b'[{"Config": "c", "Layers": ["x"]}]'), ("c", b"{}")], "does not fit"),
            ([("manifest.json", b'[{"Config": "../c", "Layers": []}]')], "holds no `../c`"),
        ],
    )
    def test_error_names_what_is_wrong_in_a_docker_archive(
        self, entries: list[tuple[str, bytes]], why: str, tmp_path: Path
    ) -> None:
        (tmp_path / "a.tar").write_bytes(_tar(*entries))
        with pytest.raises(ReleaseError, match=why):
            _read_and_close(tmp_path)

    def test_image_of_a_docker_archive_is_chosen_by_its_reference_among_several(self, tmp_path: Path) -> None:
        tar = make_tar({"a": b"1"})
        config = json.dumps({"rootfs": {"diff_ids": [digest(tar)]}}).encode()
        entries = [
            {"Config": "c.json", "RepoTags": [f"app:{tag}"], "Layers": ["l.tar"]} for tag in ("1.0", "2.0")
        ]
        (tmp_path / "a.tar").write_bytes(
            _tar(("l.tar", tar), ("c.json", config), ("manifest.json", json.dumps(entries).encode()))
        )
        with pytest.raises(ConfigError, match="holds 2 images") as caught:
            _docker(tmp_path)
        assert "`app:1.0`, `app:2.0`" in str(caught.value.hint)
        chosen = _docker(tmp_path, image="app:2.0")
        assert chosen.tags() == ("2.0",)
        chosen.close()
        with pytest.raises(NotFound, match="called `app:3") as missing:
            _docker(tmp_path, image="app:3.0")
        assert "write `docker-archive:" in str(missing.value.hint)
        assert "app:3.0:" not in str(missing.value.hint)

    def test_image_of_a_docker_archive_is_chosen_by_its_number_if_it_has_no_name(
        self, tmp_path: Path
    ) -> None:
        tar = make_tar({"a": b"1"})
        full = json.dumps({"rootfs": {"diff_ids": [digest(tar)]}}).encode()
        empty = b'{"rootfs": {"diff_ids": null}}'  # of `FROM scratch` alone, as Go writes it
        entries = [{"Config": "c", "Layers": ["l"]}, {"Config": "d", "RepoTags": None, "Layers": None}]
        files = (("l", tar), ("c", full), ("d", empty), ("manifest.json", json.dumps(entries).encode()))
        (tmp_path / "a.tar").write_bytes(_tar(*files))
        for number, config in enumerate((full, empty)):
            place = open_source(f"docker-archive:a.tar:@{number}", _workshop(tmp_path))
            assert (place.tag, place.reference) == (None, None)
            assert isinstance(place.repository, DockerArchive)
            assert json.loads(_only(place.repository).raw)["config"]["digest"] == digest(config)
            place.repository.close()
        with pytest.raises(NotFound, match="called `@2`") as missing:
            open_source("docker-archive:a.tar:@2", _workshop(tmp_path))
        assert "N from 0 to 1" in str(missing.value.hint)

    def test_layer_that_is_compressed_with_xz_has_a_hint(self, tmp_path: Path) -> None:
        _saved(tmp_path / "a.tar", make_tar({"a": b"1"}), pack=lzma.compress)
        with pytest.raises(Invalid, match="has diff id") as caught:
            _read_and_close(tmp_path)
        assert "bzip2 or xz" in str(caught.value.hint)

    def test_archive_of_docker_before_1_10_and_layout_in_a_folder_of_an_archive_have_hints(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "a.tar").write_bytes(_tar(("repositories", b"{}"), ("a/layer.tar", b"")))
        with pytest.raises(Invalid, match=r"manifest\.json") as caught:
            _docker(tmp_path)
        assert "`docker load`" in str(caught.value.hint)
        (tmp_path / "b.tar").write_bytes(_tar(("image/oci-layout", b"{}"), ("image/index.json", b"{}")))
        with pytest.raises(Invalid, match="holds no OCI layout") as caught:
            open_source("oci-archive:b.tar", _workshop(tmp_path))
        assert "folder `image`" in str(caught.value.hint)
        (tmp_path / "l").mkdir()
        with pytest.raises(ConfigError, match="is a folder") as refused:
            open_source("oci-archive:l", _workshop(tmp_path))
        assert "`oci:l`" in str(refused.value.hint)
        Layout.create(str(tmp_path / "made"))
        with pytest.raises(ConfigError, match="is an OCI layout") as refused:
            open_source("dir:made", _workshop(tmp_path))
        assert "`oci:made`" in str(refused.value.hint)


class TestFolder:
    def test_index_written_to_a_folder_is_read_back(self, tmp_path: Path) -> None:
        index = make_index(make_image({"a": b"1"}), make_image({"a": b"2"}))
        layout = Layout(str(tmp_path / "l"))
        store(index, layout)
        place = open_destination("dir:d", _workshop(tmp_path))
        _copy(layout, place.repository, index)
        place.repository.put_manifest(index.manifest, tag="latest")
        assert (tmp_path / "d" / "version").read_text() == "Directory Transport Version: 1.1\n"
        source = open_source("dir:d", _workshop(tmp_path)).repository
        copied = Layout(str(tmp_path / "copied"))
        assert source.manifest(index.digest) == index.manifest
        assert source.resolve("latest") is None
        _copy(source, copied, index)
        assert copied.manifest(index.digest) == index.manifest
        assert not list((tmp_path / "d").glob(".partial*"))

    def test_missing_blob_and_missing_manifest_in_a_folder_are_not_found(self, tmp_path: Path) -> None:
        folder = Folder(str(tmp_path))
        missing = Descriptor(media_type="x", digest=digest(b"x"), size=1)
        with pytest.raises(NotFound, match=missing.digest):
            folder.open_blob(missing)
        with pytest.raises(NotFound):
            folder.manifest("latest")


class TestWriting:
    def test_archive_file_is_written_when_the_tag_is_put(self, tmp_path: Path) -> None:
        image = make_image()
        layout = Layout(str(tmp_path / "l"))
        store(image, layout)
        place = open_destination("oci-archive:out.tar:1.0", _workshop(tmp_path))
        _copy(layout, place.repository, image)
        assert not (tmp_path / "out.tar").exists()
        place.repository.put_manifest(image.manifest, tag="1.0")
        archive = OciArchive(str(tmp_path / "out.tar"))
        assert archive.manifest("1.0") == image.manifest
        archive.close()

    @pytest.mark.parametrize(
        "text", ["oci-archive:", "ftp:x", "docker-archive:", "oci-archive:a.tar:b c", "dir:"]
    )
    def test_invalid_name_of_an_archive_is_refused(self, text: str, tmp_path: Path) -> None:
        for opened in (open_source, open_destination):
            with pytest.raises((ConfigError, NotFound)):
                opened(text, _workshop(tmp_path))


def _only(archive: DockerArchive) -> Manifest:
    """Return the manifest of the archive's only image, which must have no name."""
    descriptor, tag = archive.only()
    assert tag is None
    return archive.manifest(descriptor.digest)


def _docker(tmp_path: Path, image: str | None = None) -> DockerArchive:
    workshop = _workshop(tmp_path)
    return DockerArchive(
        str(tmp_path / "a.tar"), store=workshop.store, sink=workshop.sink, cancel=workshop.cancel, image=image
    )


def _read_and_close(tmp_path: Path) -> None:
    with contextlib.closing(_docker(tmp_path)) as archive:
        _only(archive)


def _copy(source: object, destination: object, image: Image) -> None:
    copy_image(source, destination, image.digest, sink=NullSink(), cancel=Cancel())  # type: ignore[arg-type]


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
    packed.write_bytes(gzip.compress(_tar(("x", b"y"))))
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(RegistryError, match="cannot be decompressed") as refused:
        ArchiveFile(str(packed))
    assert "set TMPDIR" in str(refused.value.hint)
