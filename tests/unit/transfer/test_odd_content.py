"""Copies of images with unusual content between layouts, archives and folders: foreign layers, unknown children."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import Invalid, NotFound
from release.events import NullSink
from release.image_names.image_location import HoldsOneImage
from release.image_names.names import TransportContext, open_destination, open_source
from release.layout.layout import Layout
from release.oci import OCI_INDEX, Manifest, Repository
from release.oci.attached import referrers_tag
from release.oci.image_config import image_facts
from release.transfer.copy import copy_image
from release.transfer.copy_referrers import copy_attached
from release.transfer.referrers import find_attached
from tests.support.registries.images import Image, digest, make_image, make_index, store

URL = "http://127.0.0.1:1/layer"
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


def with_urls(media_type: str | None) -> Image:
    """Return an image whose only layer has `urls`, and the given media type if it is not None."""
    image = make_image({"a": b"one"})
    document = json.loads(image.manifest.raw)
    document["layers"][0]["urls"] = [URL]
    if media_type is not None:
        document["layers"][0]["mediaType"] = media_type
    raw = json.dumps(document).encode()
    return Image(Manifest(media_type=image.manifest.media_type, digest=digest(raw), raw=raw), image.blobs)


def index_with(child: bytes, media_type: str, *images: Image) -> Image:
    """Return an index of `images` and the blob `child`; an index of BuildKit's cache also lists blobs."""
    entries: list[dict[str, Any]] = [{"mediaType": media_type, "digest": digest(child), "size": len(child)}]
    entries += [json.loads(make_index(one).manifest.raw)["manifests"][0] for one in images]
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    return Image(Manifest(media_type=OCI_INDEX, digest=digest(raw), raw=raw), {digest(child): child}, images)


def workshop(folder: Path) -> TransportContext:
    return TransportContext(
        store=Layout(str(folder / "store")), root=str(folder), sink=NullSink(), cancel=Cancel()
    )


_OPENED: list[Repository] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the archives that a test opened."""
    yield
    while _OPENED:
        getattr(_OPENED.pop(), "close", lambda: None)()


def opened(name: str, folder: Path) -> Repository:
    """Open what `name` names in `folder`; it is closed after the test."""
    _OPENED.append(open_source(name, workshop(folder)).repository)
    return _OPENED[-1]


def copied(source: Repository, folder: Path, name: str, image: Image) -> Repository:
    """Copy an image to `name` in `folder`, and open the copy."""
    if name.startswith("oci:"):
        layout = Layout(str(folder / name.removeprefix("oci:")))
        copy_image(source, layout, image.digest, sink=NullSink(), cancel=Cancel())
        return layout
    place = open_destination(name, workshop(folder)).repository
    copy_image(source, place, image.digest, sink=NullSink(), cancel=Cancel())
    assert isinstance(place, HoldsOneImage)
    place.put_only(image.manifest)
    return opened(name, folder)


CACHE = index_with(b"a layer", "application/vnd.oci.image.layer.v1.tar+zstd")
MIXED = index_with(b"{}", "application/vnd.example.unknown", make_image())


@pytest.mark.parametrize("name", ["oci:c", "oci-archive:c.tar", "dir:c"])
@pytest.mark.parametrize("image", [CACHE, MIXED], ids=["a cache of BuildKit", "an image beside another type"])
def test_an_index_is_copied_with_children_that_are_no_manifests(
    tmp_path: Path, image: Image, name: str
) -> None:
    layout = Layout(str(tmp_path / "l"))
    store(image, layout)
    there = copied(layout, tmp_path, name, image)
    assert there.manifest(image.digest) == image.manifest
    back = copied(there, tmp_path, "oci:back", image)
    assert isinstance(back, Layout)
    for name_of_blob, blob in image.all_blobs().items():
        assert Path(back.blob_path(name_of_blob)).read_bytes() == blob


def test_copying_a_build_cache_to_a_docker_archive_is_refused(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "l"))
    store(CACHE, layout)
    with pytest.raises(Invalid, match="has no image"):
        copied(layout, tmp_path, "docker-archive:c.tar", CACHE)


def test_artifact_is_copied_to_an_oci_archive_but_refused_for_a_docker_archive(tmp_path: Path) -> None:
    chart = make_image()
    raw = chart.manifest.raw.replace(b"oci.image.config.v1", b"cncf.helm.config.v1")
    chart = Image(Manifest(media_type=chart.manifest.media_type, digest=digest(raw), raw=raw), chart.blobs)
    layout = Layout(str(tmp_path / "l"))
    store(chart, layout)
    assert copied(layout, tmp_path, "oci-archive:c.tar", chart).manifest(chart.digest) == chart.manifest
    with pytest.raises(Invalid, match="artifact with a config of type"):
        copied(layout, tmp_path, "docker-archive:d.tar", chart)


@pytest.mark.parametrize("name", ["oci:c", "oci-archive:c.tar", "dir:c"])
def test_a_referrer_is_copied_without_its_subject(tmp_path: Path, name: str) -> None:
    about = {"mediaType": CACHE.manifest.media_type, "digest": CACHE.digest, "size": len(CACHE.manifest.raw)}
    sbom = make_image({"sbom": b""}, extra={"subject": about, "artifactType": "application/spdx+json"})
    layout = Layout(str(tmp_path / "l"))
    store(sbom, layout)
    assert copied(layout, tmp_path, name, sbom).manifest(sbom.digest) == sbom.manifest


def test_copying_an_encrypted_layer_to_a_docker_archive_is_refused(tmp_path: Path) -> None:
    image = make_image()
    raw = image.manifest.raw.replace(b"tar+gzip", b"tar+gzip+encrypted")
    odd = Image(Manifest(media_type=image.manifest.media_type, digest=digest(raw), raw=raw), image.blobs)
    layout = Layout(str(tmp_path / "l"))
    store(odd, layout)
    with pytest.raises(Invalid, match="which no docker daemon can unpack"):
        copied(layout, tmp_path, "docker-archive:d.tar", odd)


@pytest.mark.parametrize("name", ["oci:c", "oci-archive:c.tar", "dir:c"])
def test_an_image_whose_foreign_layer_the_source_lacks_is_copied(tmp_path: Path, name: str) -> None:
    image = with_urls(FOREIGN)
    layout = Layout(str(tmp_path / "l"))
    config = next(blob for blob in image.blobs.values() if blob.startswith(b"{"))
    store(Image(image.manifest, {digest(config): config}), layout)
    there = copied(layout, tmp_path, name, image)
    assert there.manifest(image.digest) == image.manifest


def test_copy_to_a_docker_archive_is_refused_if_the_source_lacks_a_foreign_layer(tmp_path: Path) -> None:
    image = with_urls(FOREIGN)
    whole, part = Layout(str(tmp_path / "whole")), Layout(str(tmp_path / "part"))
    config = next(blob for blob in image.blobs.values() if blob.startswith(b"{"))
    store(Image(image.manifest, {digest(config): config}), part)
    with pytest.raises(NotFound, match="only its `urls` say where it is"):
        copied(part, tmp_path, "docker-archive:a.tar", image)
    store(image, whole)
    there = copied(whole, tmp_path, "docker-archive:a.tar", image)
    assert there.only() is not None  # type: ignore[attr-defined]  # read back by the archive's reader


def test_an_ordinary_layer_with_urls_is_copied(tmp_path: Path) -> None:
    image = with_urls(None)
    layout = Layout(str(tmp_path / "l"))
    store(image, layout)
    back = copied(layout, tmp_path, "oci:c", image)
    assert isinstance(back, Layout)
    assert all(Path(back.blob_path(name)).exists() for name in image.blobs)


@pytest.mark.parametrize("name", ["oci:c", "oci-archive:c.tar", "dir:c"])
def test_an_image_is_copied_if_the_source_lacks_an_ordinary_layer_with_urls(
    tmp_path: Path, name: str
) -> None:
    image = with_urls(None)
    layout = Layout(str(tmp_path / "l"))
    config = next(blob for blob in image.blobs.values() if blob.startswith(b"{"))
    store(Image(image.manifest, {digest(config): config}), layout)
    there = copied(layout, tmp_path, name, image)
    assert there.manifest(image.digest) == image.manifest


def test_referrers_and_attached_tags_are_copied_to_and_from_an_oci_archive(tmp_path: Path) -> None:
    image = make_image()
    about = {"mediaType": image.manifest.media_type, "digest": image.digest, "size": len(image.manifest.raw)}
    sbom = make_image({"sbom": b""}, extra={"subject": about, "artifactType": "application/spdx+json"})
    signature, layout = make_image({"s": b""}), Layout(str(tmp_path / "l"))
    store(image, layout)
    store(sbom, layout)
    store(signature, layout, f"{referrers_tag(image.digest)}.sig")
    target = open_destination("oci-archive:a.tar:1.0", workshop(tmp_path)).repository
    how: dict[str, Any] = {"sink": NullSink(), "cancel": Cancel()}
    copy_image(layout, target, image.digest, **how)
    assert len(copy_attached(layout, target, [image.digest], **how)) == 2
    target.put_manifest(image.manifest, tag="1.0")
    there = opened("oci-archive:a.tar", tmp_path)
    found = find_attached(there, image.digest)
    assert [one.digest for one in found.referrers] == [sbom.digest]
    assert found.tags == (f"{referrers_tag(image.digest)}.sig",)
    back = Layout(str(tmp_path / "back"))
    copy_image(there, back, image.digest, **how)
    assert len(copy_attached(there, back, [image.digest], **how)) == 2


def test_dir_folder_has_no_tag_if_its_image_was_copied_without_one(tmp_path: Path) -> None:
    image = make_image()
    layout = Layout(str(tmp_path / "l"))
    store(image, layout)
    folder = copied(layout, tmp_path, "dir:d", image)
    assert find_attached(folder, image.digest) == find_attached(layout, image.digest)
    assert (folder.resolve("latest"), folder.tags()) == (None, ())


def test_labels_and_platforms_are_read_in_nested_indexes_beside_content_that_is_no_image(
    tmp_path: Path,
) -> None:
    labelled = make_image(labels={"version": "1"})
    arm = make_image({"arm": b""}, labels={"version": "1"}, platform="linux/arm64")
    index = index_with(b"{}", "application/vnd.example.unknown", labelled)
    outer = make_index(index, arm, platforms=("linux/amd64", "linux/arm64"))
    layout = Layout(str(tmp_path / "l"))
    store(outer, layout)
    for every in (False, True):
        facts = image_facts(layout, outer.digest, every=every)
        assert facts is not None
        assert facts.labels == {"version": "1"}
        assert facts.platforms == ("linux/amd64", "linux/arm64")
