"""Images whose layers are compressed with zstd, for daemons that cannot read them (docker 20.10)."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest
import zstandard

from release.control import Cancel
from release.errors import Invalid
from release.events import NullSink
from release.image_names.docker_daemon import DaemonImage
from release.image_names.names import TransportContext, open_destination
from release.image_names.oci_archive import OciArchive
from release.layout.layout import Layout
from release.oci import OCI_LAYER, Manifest
from release.transfer.copy import copy_image
from tests.support.registries.images import Image, digest, make_image, make_index, make_tar, store
from tests.support.registries.targets import Recorder
from tests.support.services.docker import DockerDaemon

TARS = (make_tar({"hello": b"hello\n" * 500}), make_tar({"more": b"more\n" * 500}))


def make_zstd_image(*, damaged: bool = False, platform: str = "linux/amd64") -> Image:
    """Make an image of two zstd layers. `damaged`: the first layer does not have the diff id of the config."""
    plain = make_image({"hello": b"hello\n" * 500}, layers=TARS[1:], labels={"x": "y"}, platform=platform)
    document = json.loads(plain.manifest.raw)
    tars = (TARS[1], TARS[1]) if damaged else TARS
    packed = [zstandard.ZstdCompressor(level=3).compress(tar) for tar in tars]
    for layer, blob in zip(document["layers"], packed, strict=True):
        layer |= {"mediaType": f"{OCI_LAYER}+zstd", "digest": digest(blob), "size": len(blob)}
    raw = json.dumps(document).encode()
    config = document["config"]["digest"]
    blobs = {config: plain.blobs[config], **{digest(blob): blob for blob in packed}}
    return Image(Manifest(media_type=plain.manifest.media_type, digest=digest(raw), raw=raw), blobs)


def workshop(folder: Path, sink: Recorder) -> TransportContext:
    return TransportContext(root=str(folder), store=Layout(str(folder / "store")), sink=sink, cancel=Cancel())


def write(folder: Path, image: Image, where: str) -> Recorder:
    source = Layout(str(folder / "source"))
    store(image, source)
    sink = Recorder()
    target = open_destination(where, workshop(folder, sink)).repository
    copy_image(source, target, image.digest, sink=sink, cancel=Cancel())
    target.put_manifest(image.manifest, tag="1.0")
    return sink


def entry(archive: Path) -> dict[str, list[str]]:
    with tarfile.open(archive) as tar:
        return dict(json.load(tar.extractfile("manifest.json"))[0])  # type: ignore[arg-type]  # a file


@pytest.mark.parametrize("listed", [False, True], ids=["image", "index"])
def test_docker_daemon_loads_a_docker_archive_with_zstd_layers(
    tmp_path: Path, docker_daemon: DockerDaemon, listed: bool
) -> None:
    image = make_zstd_image()
    name = f"shipmark-test-{tmp_path.name.lower()}"
    sink = write(tmp_path, make_index(image) if listed else image, f"docker-archive:a.tar:{name}:1.0")
    docker_daemon.docker("load", "-i", str(tmp_path / "a.tar"))
    status, about = docker_daemon.api("GET", f"/images/{name}:1.0/json")
    assert (status, about["Config"]["Labels"]) == (200, {"x": "y"})
    assert about["RootFS"]["Layers"] == [digest(tar) for tar in TARS]
    assert [note for note in sink.notes if "zstd layers are stored uncompressed too (2)" in note]
    names = [f"blobs/sha256/{hashlib.sha256(tar).hexdigest()}" for tar in TARS]
    assert entry(tmp_path / "a.tar")["Layers"] == names


def test_docker_archive_with_zstd_layers_contains_the_unchanged_image(tmp_path: Path) -> None:
    image = make_zstd_image()
    write(tmp_path, image, "docker-archive:a.tar:app:1.0")
    archive = OciArchive(str(tmp_path / "a.tar"))
    try:
        assert archive.manifest("1.0") == image.manifest
    finally:
        archive.close()
    first = (tmp_path / "a.tar").read_bytes()
    write(tmp_path, image, "docker-archive:a.tar:app:1.0")
    assert (tmp_path / "a.tar").read_bytes() == first


def test_oci_archive_has_zstd_layers_only_compressed(tmp_path: Path) -> None:
    image = make_zstd_image()
    sink = write(tmp_path, image, "oci-archive:a.tar:1.0")
    layers = [f"blobs/sha256/{item['digest'][7:]}" for item in json.loads(image.manifest.raw)["layers"]]
    assert entry(tmp_path / "a.tar")["Layers"] == layers
    assert not [note for note in sink.notes if "unpacked" in note]


def test_zstd_layer_with_another_diff_id_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="diff id"):
        write(tmp_path, make_zstd_image(damaged=True), "docker-archive:a.tar:app:1.0")
    assert not (tmp_path / "a.tar").exists()
    assert not list(tmp_path.glob(".partial-*"))


def test_copy_of_zstd_layers_into_a_docker_daemon_can_be_loaded(
    tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    image = make_zstd_image()
    source = Layout(str(tmp_path / "source"))
    store(image, source)
    name = f"shipmark-test-{tmp_path.name.lower()}:1.0"
    destination = DaemonImage(
        name,
        store=Layout(str(tmp_path / "store")),
        env={"DOCKER_HOST": docker_daemon.host, "HOME": str(tmp_path)},
        sink=NullSink(),
        cancel=Cancel(),
    )
    copy_image(source, destination, image.digest, sink=NullSink(), cancel=Cancel())
    destination.put_manifest(image.manifest, tag="1.0")
    status, about = docker_daemon.api("GET", f"/images/{name}/json")
    assert (status, about["RootFS"]["Layers"]) == (200, [digest(tar) for tar in TARS])
