"""`shipmark image copy` of layouts and archives that podman, buildah, skopeo, crane and tests wrote."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from release.layout.layout import Layout
from tests.support.programs.command import Result, Shipmark
from tests.support.programs.environment import scrubbed
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.services.required import program, require

IMAGE = make_image({"a": b"one"}, labels={"version": "1"})
OTHER = make_image({"a": b"two"})
ARM = make_image({"a": b"arm"}, platform="linux/arm64")
WHOLE = "ghcr.io/acme/app:1.0"


class Scene:
    """A folder with layouts, and a registry to copy them to."""

    def __init__(self, folder: Path, registry: RegistryServer, shipmark: Shipmark) -> None:
        self.folder = folder
        self.registry = registry
        self._shipmark = shipmark

    def copy(self, source: str, destination: str) -> Result:
        return self._shipmark("image", "copy", source, destination, cwd=self.folder)

    def tags_after(self, source: str, tag: str = "") -> dict[str, str]:
        """Copy `source` into a new repository, which must succeed, and return the repository's tags."""
        name = f"acme/r{len(os.listdir(self.folder))}-{abs(hash((source, tag)))}"
        result = self.copy(source, f"{self.registry.host}/{name}{tag}")
        assert result.code == 0, result.stderr
        return self.registry.tags(name)

    def layout(self, image: Image = IMAGE, *tags: str, name: str = "l") -> Layout:
        layout = Layout(str(self.folder / name))
        store(image, layout, *tags)
        return layout

    def index(self, name: str = "l") -> Path:
        return self.folder / name / "index.json"

    def run(self, tool: str, *args: str) -> str:
        require(tool)
        env = {**scrubbed(self.folder), "STORAGE_DRIVER": "vfs"}
        done = subprocess.run(
            [program(tool), *args], cwd=self.folder, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def scene(tmp_path: Path, registry_server: RegistryServer, shipmark: Shipmark) -> Scene:
    return Scene(tmp_path, registry_server, shipmark)


def _by_skopeo_without_name(scene: Scene) -> str:
    scene.layout(IMAGE, "1.0", name="from")
    scene.run("skopeo", "copy", "oci:from:1.0", "oci:l")
    return "oci:l"


def _by_skopeo_whole(scene: Scene) -> str:
    scene.layout(IMAGE, "1.0", name="from")
    scene.run("skopeo", "copy", "oci:from:1.0", f"oci-archive:l.tar:{WHOLE}")
    return "oci-archive:l.tar"


def _by_buildah(scene: Scene) -> str:
    scene.layout(IMAGE, "1.0", name="from")
    stores = ("--root", str(scene.folder / "root"), "--runroot", str(scene.folder / "runroot"))
    pulled = scene.run("buildah", *stores, "pull", "-q", "oci:from:1.0")
    scene.run("buildah", *stores, "push", "-q", pulled, "oci:l")
    return "oci:l"


@pytest.mark.parametrize(
    ("write", "tags"),
    [(_by_skopeo_without_name, ()), (_by_skopeo_whole, ("1.0",))],
    ids=["skopeo without a name", "skopeo with a reference"],
)
def test_the_only_image_of_a_layout_of_another_tool_is_copied_unchanged(
    scene: Scene, write: Callable[[Scene], str], tags: tuple[str, ...]
) -> None:
    source = write(scene)
    assert scene.tags_after(source, ":2.0") == {"2.0": IMAGE.digest}
    if tags:
        assert scene.tags_after(source) == dict.fromkeys(tags, IMAGE.digest)


@pytest.mark.parametrize("name", ["1.0", WHOLE, f"1.0@{IMAGE.digest}"])
def test_an_archive_of_skopeo_is_read_by_tag_reference_and_digest(scene: Scene, name: str) -> None:
    _by_skopeo_whole(scene)
    assert scene.tags_after(f"oci-archive:l.tar:{name}", ":2.0") == {"2.0": IMAGE.digest}


def test_copying_an_image_without_a_name_needs_a_tag_at_the_destination(scene: Scene) -> None:
    _by_skopeo_without_name(scene)
    result = scene.copy("oci:l", f"{scene.registry.host}/acme/nameless")
    assert result.code == 2
    assert f"hint: write `{scene.registry.host}/acme/nameless:TAG`" in result.stderr
    assert scene.registry.tags("acme/nameless") == {}


def test_the_requested_name_of_an_archive_is_the_tag_that_is_put(scene: Scene) -> None:
    scene.layout(IMAGE, "1.0", name="from")
    scene.run("skopeo", "copy", "oci:from:1.0", "docker-archive:a.tar:acme/app:1.0",
              "--additional-tag", "acme/app:2.0", "--additional-tag", "acme/app:3.0")  # fmt: skip
    assert set(scene.tags_after("docker-archive:a.tar:acme/app:2.0")) == {"2.0"}
    result = scene.copy("docker-archive:a.tar", f"{scene.registry.host}/acme/several")
    assert result.code == 2
    assert "has the tags `1.0`, `2.0`, `3.0`" in result.stderr


def test_an_image_copied_to_an_archive_without_a_name_gets_no_tag(scene: Scene) -> None:
    scene.layout(IMAGE, "1.0")
    assert scene.copy("oci:l:1.0", "docker-archive:a.tar").code == 0
    result = scene.copy("docker-archive:a.tar", f"{scene.registry.host}/acme/untagged")
    assert (result.code, scene.registry.tags("acme/untagged")) == (2, {})
    scene.run("skopeo", "inspect", "docker-archive:a.tar")


def test_copying_an_image_without_naming_a_tag_copies_the_tag_latest(scene: Scene) -> None:
    scene.layout(IMAGE, "latest")
    source = f"{scene.registry.host}/acme/source"
    assert scene.copy("oci:l:latest", source).code == 0
    assert scene.copy(source, f"{scene.registry.host}/acme/copy").code == 0
    assert scene.registry.tags("acme/copy") == {"latest": IMAGE.digest}


def test_an_image_whose_name_is_no_tag_is_copied_by_that_name_and_none_gets_such_a_name(scene: Scene) -> None:
    scene.layout(IMAGE, "1.0")
    scene.layout(OTHER, "2.0")
    scene.index().write_text(scene.index().read_text().replace('"1.0"', '"1.0+build"'))
    assert scene.tags_after("oci:l:1.0+build", ":new") == {"new": IMAGE.digest}
    refused = scene.copy("oci:l:2.0", "oci:l:2.0+build")
    assert refused.code == 2
    assert "`2.0+build` is not an image reference" in refused.stderr


def test_an_incomplete_or_linked_layout_and_a_file_in_its_place_have_hints(scene: Scene) -> None:
    layout = scene.layout(IMAGE, "1.0")
    blob = Path(layout.blob_path(next(iter(IMAGE.blobs))))
    blob.rename(scene.folder / "elsewhere")
    target = f"{scene.registry.host}/acme/broken:1.0"
    assert "copy or build it again" in scene.copy("oci:l:1.0", target).stderr
    blob.symlink_to(scene.folder / "elsewhere")
    assert "`cp -rL l NEW`" in scene.copy("oci:l:1.0", target).stderr
    (scene.folder / "x.tar").write_text("")
    assert "`oci-archive:x.tar`" in scene.copy("oci:x.tar:1.0", target).stderr


def test_of_two_layout_entries_with_one_tag_the_first_is_copied_with_a_warning(scene: Scene) -> None:
    scene.layout(IMAGE, "1.0")
    store(OTHER, Layout(str(scene.folder / "l")), "2.0")
    text = scene.index().read_text().replace('"2.0"', '"1.0"')
    scene.index().write_text(text)
    result = scene.copy("oci:l:1.0", f"{scene.registry.host}/acme/twins")
    assert (result.code, scene.registry.tags("acme/twins")) == (0, {"1.0": IMAGE.digest})
    assert "lists several images as `1.0`: the first is taken" in result.stderr


@pytest.mark.parametrize("place", ["dir:d", "docker-archive:a.tar", "docker-daemon:app:1.0"])
def test_option_referrers_is_refused_for_folders_docker_archives_and_daemons_before_writing(
    scene: Scene, place: str
) -> None:
    scene.layout(IMAGE, "1.0")
    result = scene._shipmark("image", "copy", "--referrers", "oci:l:1.0", place, cwd=scene.folder)
    assert (result.code, (scene.folder / "d").exists(), (scene.folder / "a.tar").exists()) == (
        2,
        False,
        False,
    )
    assert "has no place for signatures and other referrers" in result.stderr
    assert "hint: leave `--referrers` out, or copy to a layout, `oci:PATH`" in result.stderr


def test_a_layout_entry_of_an_unknown_media_type_is_kept_and_does_not_prevent_a_copy(scene: Scene) -> None:
    layout = scene.layout(IMAGE, "1.0")
    unknown = layout.manifest("1.0").raw.replace(b"image.manifest", b"unknown.manifest")
    with layout.writer() as blob:
        blob.write(unknown)
        digest = blob.commit()
    document = json.loads(scene.index().read_bytes())
    entry = {"mediaType": "application/vnd.example.unknown", "digest": digest, "size": len(unknown)}
    document["manifests"].insert(0, entry)
    scene.index().write_text(json.dumps(document))
    assert scene.tags_after(f"oci:l@{IMAGE.digest}", ":1.0") == {"1.0": IMAGE.digest}
    store(OTHER, Layout(str(scene.folder / "l")), "2.0")
    assert entry in json.loads(scene.index().read_bytes())["manifests"]


def test_option_platform_finds_images_in_nested_indexes_and_takes_the_first_of_two(scene: Scene) -> None:
    twin = make_image({"a": b"twin"})
    inner = make_index(ARM, platforms=("linux/arm64",))
    nested = make_index(inner, IMAGE, twin, platforms=("linux/amd64",) * 3)
    scene.layout(nested, "1.0")
    for platform, image in (("linux/arm64", ARM), ("linux/amd64", IMAGE)):
        place = f"{scene.registry.host}/acme/{image.digest[7:19]}:1.0"
        result = scene._shipmark(
            "image", "copy", "--platform", platform, "oci:l:1.0", place, cwd=scene.folder
        )
        assert result.code == 0, result.stderr
        assert scene.registry.tags(f"acme/{image.digest[7:19]}") == {"1.0": image.digest}


def test_the_image_of_a_buildah_layout_is_copied_under_the_requested_tag(scene: Scene) -> None:
    source = _by_buildah(scene)
    (digest,) = scene.tags_after(source, ":1.0").values()
    assert digest == json.loads(scene.index().read_bytes())["manifests"][0]["digest"]
