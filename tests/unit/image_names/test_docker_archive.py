"""Archives of `docker save`: their layers, which image is chosen, and what is wrong with them."""

from __future__ import annotations

import contextlib
import gzip
import json
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from release.errors import ConfigError, Invalid, NotFound, ReleaseError
from release.image_names.docker_archive_source import DockerArchive
from release.image_names.names import open_source
from release.layout.layout import Layout
from release.oci import OCI_LAYER, Descriptor, Manifest
from tests.support.registries.archives import saved_archive, tar_of, workshop_in
from tests.support.registries.images import digest, make_tar


def _zstd(content: bytes) -> bytes:
    return zstandard.compress(content)


class TestDockerArchive:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_equal_layers_are_compressed_once_and_the_config_is_unchanged(
        self, pack: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        tars = [make_tar({"a": b"1" * 100_000}), make_tar({"b": b"2"}), make_tar({"a": b"1" * 100_000})]
        config = saved_archive(tmp_path / "a.tar", *tars, tags=["app:1.0"], pack=pack)
        place = open_source("docker-archive:a.tar", workshop_in(tmp_path))
        assert place.tag == "1.0"
        manifest = place.repository.manifest("1.0")
        document = json.loads(manifest.raw)
        assert document["config"]["digest"] == config
        layers = [Descriptor(media_type="x", digest=d["digest"], size=d["size"]) for d in document["layers"]]
        assert layers[0] == layers[2]
        for layer, tar in zip(layers, tars, strict=True):
            with place.repository.open_blob(layer) as stream:
                assert gzip.decompress(stream.read()) == tar
        again = open_source("docker-archive:a.tar:app:1.0", workshop_in(tmp_path))
        assert again.repository.manifest("1.0") == manifest
        for one in (place, again):
            one.repository.close()  # type: ignore[attr-defined]  # an archive

    @pytest.mark.parametrize(("pack", "suffix"), [(gzip.compress, "+gzip"), (_zstd, "+zstd")])
    def test_compressed_layers_are_stored_unchanged(
        self, pack: Callable[[bytes], bytes], suffix: str, tmp_path: Path
    ) -> None:
        packed = pack(make_tar({"a": os.urandom(700_000)}))
        tar = gzip.decompress(packed) if suffix == "+gzip" else zstandard.decompress(packed)
        saved_archive(tmp_path / "a.tar", tar, pack=lambda _: packed)
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
        saved_archive(tmp_path / "a.tar", make_tar({"a": os.urandom(5000)}), pack=lambda tar: harm(pack(tar)))
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
        saved_archive(tmp_path / "a.tar", tar, pack=lambda _: packed)
        archive = _docker(tmp_path)
        with pytest.raises(Invalid, match="memory"):
            _only(archive)
        archive.close()

    def test_missing_zstd_library_is_an_error_with_the_command_to_install_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        saved_archive(tmp_path / "a.tar", make_tar({"a": b"1"}), pack=_zstd)
        monkeypatch.setitem(sys.modules, "zstandard", None)
        archive = _docker(tmp_path)
        with pytest.raises(ConfigError) as caught:
            _only(archive)
        assert caught.value.hint == "python -m pip install 'shipmark[zstd]'"
        archive.close()

    def test_layer_with_another_diff_id_than_in_the_config_is_refused(self, tmp_path: Path) -> None:
        saved_archive(tmp_path / "a.tar", make_tar({"a": b"1"}))
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
        (tmp_path / "a.tar").write_bytes(tar_of(*entries))
        with pytest.raises(ReleaseError, match=why):
            _read_and_close(tmp_path)

    def test_image_of_a_docker_archive_is_chosen_by_its_reference_among_several(self, tmp_path: Path) -> None:
        tar = make_tar({"a": b"1"})
        config = json.dumps({"rootfs": {"diff_ids": [digest(tar)]}}).encode()
        entries = [
            {"Config": "c.json", "RepoTags": [f"app:{tag}"], "Layers": ["l.tar"]} for tag in ("1.0", "2.0")
        ]
        (tmp_path / "a.tar").write_bytes(
            tar_of(("l.tar", tar), ("c.json", config), ("manifest.json", json.dumps(entries).encode()))
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
        (tmp_path / "a.tar").write_bytes(tar_of(*files))
        for number, config in enumerate((full, empty)):
            place = open_source(f"docker-archive:a.tar:@{number}", workshop_in(tmp_path))
            assert (place.tag, place.reference) == (None, None)
            assert isinstance(place.repository, DockerArchive)
            assert json.loads(_only(place.repository).raw)["config"]["digest"] == digest(config)
            place.repository.close()
        with pytest.raises(NotFound, match="called `@2`") as missing:
            open_source("docker-archive:a.tar:@2", workshop_in(tmp_path))
        assert "N from 0 to 1" in str(missing.value.hint)

    def test_layer_that_is_compressed_with_xz_has_a_hint(self, tmp_path: Path) -> None:
        saved_archive(tmp_path / "a.tar", make_tar({"a": b"1"}), pack=lzma.compress)
        with pytest.raises(Invalid, match="has diff id") as caught:
            _read_and_close(tmp_path)
        assert "bzip2 or xz" in str(caught.value.hint)

    def test_archive_of_docker_before_1_10_and_layout_in_a_folder_of_an_archive_have_hints(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "a.tar").write_bytes(tar_of(("repositories", b"{}"), ("a/layer.tar", b"")))
        with pytest.raises(Invalid, match=r"manifest\.json") as caught:
            _docker(tmp_path)
        assert "`docker load`" in str(caught.value.hint)
        (tmp_path / "b.tar").write_bytes(tar_of(("image/oci-layout", b"{}"), ("image/index.json", b"{}")))
        with pytest.raises(Invalid, match="holds no OCI layout") as caught:
            open_source("oci-archive:b.tar", workshop_in(tmp_path))
        assert "folder `image`" in str(caught.value.hint)
        (tmp_path / "l").mkdir()
        with pytest.raises(ConfigError, match="is a folder") as refused:
            open_source("oci-archive:l", workshop_in(tmp_path))
        assert "`oci:l`" in str(refused.value.hint)
        Layout.create(str(tmp_path / "made"))
        with pytest.raises(ConfigError, match="is an OCI layout") as refused:
            open_source("dir:made", workshop_in(tmp_path))
        assert "`oci:made`" in str(refused.value.hint)


def _only(archive: DockerArchive) -> Manifest:
    """Return the manifest of the archive's only image, which must have no name."""
    descriptor, tag = archive.only()
    assert tag is None
    return archive.manifest(descriptor.digest)


def _docker(tmp_path: Path, image: str | None = None) -> DockerArchive:
    workshop = workshop_in(tmp_path)
    return DockerArchive(
        str(tmp_path / "a.tar"), store=workshop.store, sink=workshop.sink, cancel=workshop.cancel, image=image
    )


def _read_and_close(tmp_path: Path) -> None:
    with contextlib.closing(_docker(tmp_path)) as archive:
        _only(archive)
