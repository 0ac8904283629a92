from __future__ import annotations

import json

import pytest

from release.oci import OCI_INDEX, Descriptor
from release.oci.image_index import PlatformEntry, entries_of, entry_of, image_index
from release.oci.image_json import image_manifest
from release.oci.manifest import children, encode_manifest
from tests.support.registries.images import make_image

AMD64 = {"os": "linux", "architecture": "amd64"}


def entry(fields: dict[str, str], text: str = "") -> PlatformEntry:
    _, manifest = image_manifest(text.encode() or b"{}", [], {})
    found = entry_of(manifest, fields)
    assert found is not None
    return found


def test_the_bytes_of_an_image_index_do_not_depend_on_the_order_of_annotations() -> None:
    index = image_index([entry(AMD64)], {"y": "1", "x": "2"})
    assert index.raw == image_index([entry(AMD64)], {"x": "2", "y": "1"}).raw
    document = json.loads(index.raw)
    assert list(document) == sorted(document)
    assert b": " not in index.raw
    assert "annotations" not in json.loads(image_index([entry(AMD64)], {}).raw)


@pytest.mark.parametrize(
    ("config", "platform", "fields"),
    [
        (AMD64, "linux/amd64", AMD64),
        ({**AMD64, "architecture": "arm", "variant": "v7"}, "linux/arm/v7", None),
        (
            {**AMD64, "architecture": "arm64", "variant": "v8"},
            "linux/arm64",
            {**AMD64, "architecture": "arm64"},
        ),
        ({**AMD64, "os": "windows", "os.version": "10.0.1"}, "windows/amd64", None),
        ({**AMD64, "variant": "", "created": "today", "config": {}}, "linux/amd64", AMD64),
    ],
)
def test_an_index_entry_has_the_platform_of_the_images_config(
    config: dict[str, str], platform: str, fields: dict[str, str] | None
) -> None:
    found = entry(config)
    assert found.platform == platform
    assert found.image.platform == (config if fields is None else fields)


@pytest.mark.parametrize(
    "config", [{}, {"os": "linux"}, {"os": "unknown", "architecture": "unknown"}, {"os": 1}]
)
def test_a_manifest_without_a_known_platform_gets_no_index_entry(config: dict[str, str]) -> None:
    assert entry_of(image_manifest(b"{}", [], {})[1], config) is None


def test_attestations_are_written_after_the_image_that_they_are_about_in_an_index() -> None:
    amd64, arm64 = entry(AMD64), entry({**AMD64, "architecture": "arm64"}, "2")

    def about(one: PlatformEntry) -> Descriptor:
        return make_image({"about": one.platform.encode()}).descriptor(
            platform={"os": "unknown", "architecture": "unknown"},
            annotations={"vnd.docker.reference.digest": one.image.digest},
        )

    listed = [amd64.image, arm64.image, about(arm64), about(amd64)]
    apart = encode_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}, OCI_INDEX)
    read = entries_of(apart)
    assert [(one.platform, len(one.attestations)) for one in read] == [("linux/amd64", 1), ("linux/arm64", 1)]
    written = children(image_index(read, {}))
    assert [one.digest for one in written] == [
        amd64.image.digest,
        about(amd64).digest,
        arm64.image.digest,
        about(arm64).digest,
    ]
    assert entries_of(image_index(read, {})) == read
