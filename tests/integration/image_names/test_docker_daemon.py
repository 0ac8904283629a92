"""Copies between a real docker daemon and registries, without `docker push` and `docker pull`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import ConfigError, NotFound, Unreachable
from release.events import Note, NullSink
from release.image_names.docker_daemon import DaemonImage
from release.layout.layout import Layout
from release.transfer.copy import copy_image
from tests.support.registries.images import make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.docker_project import Collect
from tests.support.services.docker import DockerDaemon


def _daemon(tmp_path: Path, image: str, host: str) -> DaemonImage:
    return DaemonImage(
        image,
        store=Layout(str(tmp_path / "store")),
        env={"DOCKER_HOST": host, "HOME": str(tmp_path)},
        sink=NullSink(),
        cancel=Cancel(),
    )


def test_image_of_a_docker_daemon_is_copied_to_a_registry(
    tmp_path: Path,
    docker_daemon: DockerDaemon,
    busybox_image: str,
    registry_server: RegistryServer,
    make_targets: TargetsFactory,
) -> None:
    source = _daemon(tmp_path, busybox_image, docker_daemon.host)
    ready: list[str] = []
    source.announce(lambda blob: ready.append(blob.digest))
    manifest = source.manifest(source.tag)
    assert ready == [layer["digest"] for layer in json.loads(manifest.raw)["layers"]]
    remote = make_targets().open(f"{registry_server.host}/app")
    copy_image(source, remote, manifest.digest, sink=NullSink(), cancel=Cancel())
    remote.put_manifest(manifest, tag="1.0")
    _, about = docker_daemon.api("GET", f"/images/{busybox_image}/json")
    # The daemon's id of the image is the digest of its config, which is copied unchanged.
    assert json.loads(manifest.raw)["config"]["digest"] == about["Id"]
    assert registry_server.tags("app") == {"1.0": manifest.digest}
    again = _daemon(tmp_path, busybox_image, docker_daemon.host)
    assert again.manifest(again.tag) == manifest


def test_image_is_copied_to_a_docker_daemon(tmp_path: Path, docker_daemon: DockerDaemon) -> None:
    image = make_image({"hello": b"1"}, labels={"x": "y"})
    layout = Layout(str(tmp_path / "l"))
    store(image, layout)
    name = f"shipmark-test-{tmp_path.name.lower()}:1.0"
    destination = _daemon(tmp_path, name, docker_daemon.host)
    copy_image(layout, destination, image.digest, sink=NullSink(), cancel=Cancel())
    destination.put_manifest(image.manifest, tag="1.0")
    status, about = docker_daemon.api("GET", f"/images/{name}/json")
    assert (status, about["Config"]["Labels"]) == (200, {"x": "y"})
    assert list((tmp_path / "store" / "loading").iterdir()) == []
    with pytest.raises(ConfigError):
        destination.put_manifest(image.manifest, tag="2.0")


def test_daemon_that_keeps_one_platform_of_several_gets_a_warning_that_names_them(
    tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    layout = Layout(str(tmp_path / "store"))
    images = [make_image({"p": name.encode()}, platform=name) for name in ("linux/arm64", "linux/amd64")]
    top = make_index(*images, platforms=("linux/arm64", "linux/amd64"))
    store(top, layout)
    sink = Collect()
    name = f"shipmark-test-{tmp_path.name.lower()}:1.0"
    place = DaemonImage(
        name,
        store=layout,
        env={"DOCKER_HOST": docker_daemon.host, "HOME": str(tmp_path)},
        sink=sink,
        cancel=Cancel(),
    )
    place.put_manifest(top.manifest, tag="1.0")
    (note,) = [event for event in sink.events if isinstance(event, Note)]
    assert note.level == "warning"
    assert note.text == (
        f"`docker-daemon:{name}`: the docker daemon keeps one platform of an image: `linux/amd64` of `linux/arm64`, "
        "`linux/amd64`"
    )
    sink.events.clear()
    place.put_manifest(images[0].manifest, tag="1.0")
    assert not sink.events


def test_reading_an_image_that_the_docker_daemon_lacks_is_not_found(
    tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    with pytest.raises(NotFound, match="no image `nowhere:1`"):
        _daemon(tmp_path, "nowhere:1", docker_daemon.host).manifest("1")


def test_copying_with_a_docker_daemon_that_is_down_is_unreachable(tmp_path: Path) -> None:
    place = _daemon(tmp_path, "app:1", f"unix://{tmp_path}/none.sock")
    with pytest.raises(Unreachable):
        place.manifest("1")
    with pytest.raises(Unreachable):
        place.check_push()
