"""An index whose entries name no platform: the configs say it, as for BuildKit and containerd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.app.images.inspect import InspectRequest, digest, inspect
from release.app.session import Session
from release.app.settings import Settings
from release.build.embedded.bases import find_stored
from release.effects.image_bindings import find_image
from release.layout.layout import Layout
from release.oci import OCI_INDEX, OCI_MANIFEST, Manifest
from release.oci.image_config import manifest_facts, named_entries
from release.oci.image_json import parse_platform
from release.plan.supply import Supplied, join
from tests.support.registries import images
from tests.support.registries.images import Image, make_image, store

LABELS = {"org.opencontainers.image.revision": "abc"}
AMD64, ARM64 = make_image(labels=LABELS), make_image({"a": b"2"}, labels=LABELS, platform="linux/arm64")
BOTH = ("linux/amd64", "linux/arm64")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The index `1.0` of two images without platforms, and an entry of the platform `unknown/unknown`."""
    layout = Layout(str(tmp_path / "image"))
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": one.digest, "size": len(one.manifest.raw)}
        for one in (AMD64, ARM64)
    ]
    entries.append({**entries[0], "platform": {"os": "unknown", "architecture": "unknown"}})
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    top = Image(Manifest(media_type=OCI_INDEX, digest=images.digest(raw), raw=raw), {}, (AMD64, ARM64))
    store(top, layout, "1.0")
    return layout


def test_platforms_of_an_index_that_names_none_are_those_of_its_configs(
    layout: Layout, tmp_path: Path
) -> None:
    top = layout.manifest("1.0")
    for every in (False, True):
        facts = manifest_facts(layout, top, every=every)
        assert (facts.platforms, facts.labels) == (BOTH, LABELS)
    assert [one.platform for one in find_image(layout, "x", top.digest).image.platforms] == list(BOTH)
    session = Session(Settings(directory=str(tmp_path), env={"HOME": str(tmp_path)}))
    assert [
        one.platform for one in inspect(session, InspectRequest(image="oci:image:1.0")).platforms
    ] == list(BOTH)
    wanted = InspectRequest(image="oci:image:1.0", platform="linux/arm64")
    assert digest(session, wanted).digest == ARM64.digest


def test_index_that_names_no_platform_is_a_base_and_can_be_released(layout: Layout) -> None:
    top = layout.manifest("1.0")
    base = find_stored("oci:image:1.0", layout, lambda: top, parse_platform("linux/arm64"))
    assert base.origin.endswith(ARM64.digest)
    joined = join([Supplied(place="oci:image", top=top, entries=named_entries(layout, top))], BOTH)
    assert joined.top is top
    assert [part.platform for part in joined.parts] == list(BOTH)


def test_index_entry_that_is_no_image_or_not_there_stays_without_a_platform(layout: Layout) -> None:
    absent = {"mediaType": OCI_MANIFEST, "digest": f"sha256:{'0' * 64}", "size": 3}
    artifact = make_image(config=b"{}")
    store(artifact, layout)
    entry = {"mediaType": OCI_MANIFEST, "digest": artifact.digest, "size": len(artifact.manifest.raw)}
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [absent, entry]}).encode()
    index = Manifest(media_type=OCI_INDEX, digest=images.digest(raw), raw=raw)
    assert [one.platform for one in named_entries(layout, index)] == [None, None]


def test_inspect_lists_the_platforms_of_an_index_in_an_index(layout: Layout, tmp_path: Path) -> None:
    top = layout.manifest("1.0")
    entry = {"mediaType": OCI_INDEX, "digest": top.digest, "size": len(top.raw)}
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    layout.put_manifest(Manifest(media_type=OCI_INDEX, digest=images.digest(raw), raw=raw), tag="nested")
    session = Session(Settings(directory=str(tmp_path), env={"HOME": str(tmp_path)}))
    assert [
        one.platform for one in inspect(session, InspectRequest(image="oci:image:nested")).platforms
    ] == list(BOTH)
