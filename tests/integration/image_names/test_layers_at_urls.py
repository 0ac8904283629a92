"""Layers that only their `urls` say where they are: who gets them in a copy, compared with skopeo."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from release.app.images.copy import CopyRequest, copy
from release.app.workspace import open_workspace
from release.errors import ReleaseError
from release.layout.layout import Layout
from tests.support.programs.environment import scrubbed
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.images import Image, digest, store
from tests.support.registries.odd_images import DOCKER_FOREIGN, FOREIGN, GZIP, foreign_image
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.registries.targets import Recorder, TargetsFactory
from tests.support.services.required import program, require

LAYER = digest(GZIP).removeprefix("sha256:")
DEAD = "http://127.0.0.1:1/layer"


class Row(NamedTuple):
    """`urls` of the layer, where HOST is the server; `kind`: the layer's media type; whether a copy can have it."""

    urls: tuple[str, ...]
    fetched: bool
    says: str = ""
    kind: str = FOREIGN


ROWS = {
    "served": Row(("http://HOST/layer",), fetched=True),
    "docker image": Row(("http://HOST/layer",), fetched=True, kind=DOCKER_FOREIGN),
    "redirected": Row(("http://HOST/moved",), fetched=True),
    "second one serves": Row((DEAD, "http://HOST/layer"), fetched=True),
    "not found": Row(("http://HOST/gone",), fetched=False, says="answered 404"),
    "other bytes": Row(("http://HOST/other",), fetched=False, says="digest"),
    "endless redirects": Row(("http://HOST/loop",), fetched=False, says="redirects too often"),
    "nobody there": Row((DEAD,), fetched=False, says="127.0.0.1:1"),
    "with a user name": Row(("http://user@HOST/layer",), fetched=False, says="not a plain http"),
}
#: skopeo tries no further URL after one at which nobody listens, and sends the user name of a URL.
OTHERWISE = {"second one serves", "with a user name"}


def _serve(request: Request) -> Reply:
    moved = {"/moved": "/layer", "/loop": "/loop"}.get(request.path)
    if moved is not None:
        return Reply(302, {"Location": moved})
    bodies = {"/layer": GZIP, "/other": b"x" * len(GZIP)}
    return Reply(200, {}, bodies[request.path]) if request.path in bodies else Reply(404)


class Scene:
    """An image in a registry without its layer, whose `urls` lead to `server`."""

    def __init__(self, folder: Path, registry: RegistryServer, server: HostileServer) -> None:
        self.folder = folder
        self.registry = registry
        self.server = server
        credentials = {"auths": {server.host: {"auth": "dXNlcjpub3QtYS1zZWNyZXQ="}}}
        (folder / "config.json").write_text(json.dumps(credentials))

    def image(self, row: Row) -> Image:
        whole = foreign_image(row.kind, tuple(url.replace("HOST", self.server.host) for url in row.urls))
        blobs = {name: blob for name, blob in whole.blobs.items() if not name.endswith(LAYER)}
        return Image(whole.manifest, blobs)

    def copy(self, source: str, destination: str) -> tuple[bool, str]:
        """Copy an image; return whether that succeeded, and all messages."""
        # A cache of its own: it would have the layer that another copy has fetched.
        cache = tempfile.mkdtemp(dir=self.folder)
        env = {**scrubbed(self.folder), "DOCKER_CONFIG": str(self.folder), "SHIPMARK_CACHE_DIR": cache}
        sink = Recorder()
        workspace = open_workspace(str(self.folder), env=env, ci="none", sink=sink)
        try:
            copy(workspace, CopyRequest(source=source, destination=destination))
        except ReleaseError as error:
            return False, "\n".join([*sink.notes, error.message])
        return True, "\n".join(sink.notes)

    def skopeo(self, source: str, destination: str) -> int:
        how = ("copy", "--quiet", "--src-tls-verify=false")
        argv = [program("skopeo"), *how, source, destination]
        return subprocess.run(
            argv, cwd=self.folder, env=scrubbed(self.folder), capture_output=True
        ).returncode


@pytest.fixture
def scene(
    tmp_path: Path,
    registry_factory: RegistryFactory,
    hostile: Callable[..., HostileServer],
) -> Scene:
    require("skopeo")
    return Scene(tmp_path, registry_factory(foreign=True), hostile(_serve))


def test_layer_that_only_its_urls_name_is_fetched_for_places_that_need_it_and_left_out_elsewhere(
    scene: Scene, make_targets: TargetsFactory
) -> None:
    for name, row in ROWS.items():
        slug = name.replace(" ", "-")
        image = scene.image(row)
        store(image, make_targets().open(f"{scene.registry.host}/{slug}"), "1.0")
        source = f"docker://{scene.registry.host}/{slug}:1.0"
        done, said = scene.copy(source, f"docker-archive:{slug}.tar:acme/app:1.0")
        assert done is row.fetched, (name, said)
        assert row.fetched or (row.says in said and "only its `urls` say where it is" in said), (name, said)
        if name not in OTHERWISE:
            peer = scene.skopeo(source, f"docker-archive:{slug}-peer.tar:acme/app:1.0")
            assert (peer == 0) is row.fetched, name
        if row.fetched:
            assert scene.skopeo(f"docker-archive:{slug}.tar:acme/app:1.0", f"dir:{slug}-read") == 0
    assert [one for one in scene.server.requests if "authorization" in one.headers] == []


@pytest.mark.parametrize("name", ["served", "not found"])
def test_folder_gets_a_layer_from_its_urls_and_layouts_leave_it_there(
    name: str, scene: Scene, make_targets: TargetsFactory
) -> None:
    row = ROWS[name]
    store(scene.image(row), make_targets().open(f"{scene.registry.host}/app"), "1.0")
    source = f"{scene.registry.host}/app:1.0"
    done, said = scene.copy(source, "dir:folder")
    assert (done, (scene.folder / "folder" / LAYER).exists()) == (True, row.fetched)
    assert ("cannot be read from its `urls`" in said) is not row.fetched
    before = len(scene.server.requests)
    assert scene.copy(source, "oci:layout:1.0")[0]
    assert scene.copy(source, "oci-archive:layout.tar:1.0")[0]
    assert len(scene.server.requests) == before
    assert not (scene.folder / "layout" / "blobs" / "sha256" / LAYER).exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://HOST/layer", "a loopback address, where an image in a file may not send us"),
        ("file:///etc/passwd", "not a plain http or https URL"),
        ("http://HOST/la yer", "not a plain http or https URL"),
        ("http://203.0.113.1/layer", "would send it over plain http"),
    ],
)
def test_urls_of_an_image_in_a_file_lead_only_into_the_internet(url: str, says: str, scene: Scene) -> None:
    image = scene.image(Row((url,), fetched=False))
    store(image, Layout(str(scene.folder / "layout")), "1.0")
    done, said = scene.copy("oci:layout:1.0", "docker-archive:a.tar:acme/app:1.0")
    assert (done, scene.server.requests) == (False, [])
    assert says in said
