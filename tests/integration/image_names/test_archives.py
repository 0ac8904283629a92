"""Archives and folders exchanged with skopeo, in both directions, and copied to a real registry."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from release.control import Cancel
from release.events import NullSink
from release.image_names.choose_image import HoldsImages
from release.image_names.image_location import HoldsOneImage
from release.image_names.names import TransportContext, open_destination, open_source
from release.layout.layout import Layout
from release.oci import Repository
from release.transfer.copy import copy_image
from tests.support.registries.images import Image, digest, make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.services.required import program, require


def _skopeo(*arguments: str) -> str:
    require("skopeo")
    done = subprocess.run([program("skopeo"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _workshop(tmp_path: Path) -> TransportContext:
    return TransportContext(
        store=Layout(str(tmp_path / "store")), root=str(tmp_path), sink=NullSink(), cancel=Cancel()
    )


def _copy(source: Repository, destination: Repository, name: str) -> None:
    copy_image(source, destination, name, sink=NullSink(), cancel=Cancel())


def _image() -> Image:
    return make_image({"data": random.Random(5).randbytes(300_000)}, labels={"x": "y"})


@pytest.mark.parametrize("transport", ["oci-archive", "dir"])
def test_image_written_by_skopeo_is_copied_unchanged(
    transport: str, tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = _image()
    store(image, Layout(str(tmp_path / "l")), "1.0")
    _skopeo("copy", f"oci:{tmp_path / 'l'}:1.0", f"{transport}:{tmp_path / 'out'}")
    place = open_source(f"{transport}:out", _workshop(tmp_path))
    remote = make_targets().open(f"{registry_server.host}/app")
    assert isinstance(place.repository, HoldsImages)
    only = place.repository.only()
    assert only is not None
    found = place.repository.manifest(only[0].digest)
    assert found == image.manifest
    _copy(place.repository, remote, found.digest)
    assert remote.manifest(image.digest) == image.manifest
    _close(place.repository)


def test_docker_archive_of_skopeo_is_converted_to_an_image(
    tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = _image()
    store(image, Layout(str(tmp_path / "l")), "1.0")
    _skopeo("copy", f"oci:{tmp_path / 'l'}:1.0", f"docker-archive:{tmp_path / 'out.tar'}:acme/app:1.0")
    place = open_source("docker-archive:out.tar", _workshop(tmp_path))
    assert place.tag == "1.0"
    manifest = place.repository.manifest("1.0")
    remote = make_targets().open(f"{registry_server.host}/app")
    _copy(place.repository, remote, manifest.digest)
    remote.put_manifest(manifest, tag="1.0")
    _close(place.repository)
    shown = json.loads(
        _skopeo("inspect", "--config", "--tls-verify=false", f"docker://{registry_server.host}/app:1.0")
    )
    original = json.loads(next(raw for raw in image.blobs.values() if raw.startswith(b"{")))
    assert shown["rootfs"]["diff_ids"] == original["rootfs"]["diff_ids"]
    _skopeo(
        "copy", "--src-tls-verify=false", f"docker://{registry_server.host}/app:1.0", f"dir:{tmp_path / 'd'}"
    )


@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive", "dir"])
def test_image_written_by_shipmark_is_read_by_skopeo(transport: str, tmp_path: Path) -> None:
    image = _image()
    layout = Layout(str(tmp_path / "l"))
    store(image, layout)
    place = open_destination(f"{transport}:out", _workshop(tmp_path))
    _copy(layout, place.repository, image.digest)
    assert isinstance(place.repository, HoldsOneImage)
    place.repository.put_only(image.manifest)
    assert json.loads(_skopeo("inspect", "--config", f"{transport}:{tmp_path / 'out'}"))["config"] == {
        "Labels": {"x": "y"}
    }
    raw = _skopeo("inspect", "--raw", f"{transport}:{tmp_path / 'out'}")
    if transport != "docker-archive":
        assert digest(raw.encode()) == image.digest


def test_index_in_a_folder_written_by_shipmark_is_read_by_skopeo(tmp_path: Path) -> None:
    index = make_index(_image(), make_image({"b": b"2"}, platform="linux/arm64"))
    layout = Layout(str(tmp_path / "l"))
    store(index, layout)
    place = open_destination("dir:out", _workshop(tmp_path))
    _copy(layout, place.repository, index.digest)
    place.repository.put_manifest(index.manifest, tag="latest")
    _skopeo("copy", "--all", f"dir:{tmp_path / 'out'}", f"oci:{tmp_path / 'back'}:1.0")
    assert Layout(str(tmp_path / "back")).manifest("1.0").digest == index.digest


def _close(repository: Repository) -> None:
    close = getattr(repository, "close", None)
    if close is not None:
        close()
