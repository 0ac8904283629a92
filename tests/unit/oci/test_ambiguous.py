"""Manifests and configs that programs read differently, and indexes whose entries are not what they list."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import pytest

from release.errors import Invalid
from release.oci import OCI_INDEX, OCI_MANIFEST, Manifest
from release.oci.ambiguous import require_plain_config
from release.oci.graph import require_as_listed
from release.oci.manifest import digest_bytes, read_manifest
from tests.support.registries.images import make_image, make_index

IMAGE, INDEX = make_image().manifest, make_index(make_image()).manifest


def read(raw: bytes, media_type: str = OCI_MANIFEST) -> None:
    read_manifest(raw, media_type, expected=None, source="x")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"layers"', b'"layers":[],"layers"', "holds `layers` twice"),
        (b'"layers"', b'"l\\u0061yers":[],"layers"', "holds `layers` twice"),
        (b'"layers"', b'"Layers":[],"layers"', "`Layers`, which some programs read as `layers`"),
        (b'"layers"', '"layer\u017f":[],"layers"'.encode(), "some programs read as `layers`"),
        (b'"digest"', b'"digest":"sha256:0","digest"', "holds `digest` twice"),
        (b'"digest"', b'"Digest":"sha256:0","digest"', "`Digest`, which"),
        (b'{"config"', b'{"x":{"a":1,"a":1},"config"', "holds `a` twice"),
        (b'{"config"', b'{"annotations":{"a":"1","a":"2"},"config"', "holds `a` twice"),
        (b'{"config"', b'{"annotations":{"a":"1","A":"2","Layers":""},"X":1,"x":%s,"config"' % (b"1" * 300), ""),
    ],
)  # fmt: skip
def test_manifest_that_programs_read_differently_is_refused(old: bytes, new: bytes, says: str) -> None:
    assert IMAGE.raw.count(old)
    changed = IMAGE.raw.replace(old, new, 1)
    with pytest.raises(Invalid, match=says) if says else nullcontext():
        read(changed)


def test_index_whose_list_has_a_name_in_other_letters_is_not_an_empty_index() -> None:
    with pytest.raises(Invalid, match="read as `manifests`"):
        read(INDEX.raw.replace(b'"manifests"', b'"Manifests"'), OCI_INDEX)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"config": {"Labels": {}, "labels": {}}}', "`labels` twice"),
        (b'{"config": {}, "Config": {}}', "`config` twice"),
        (b'{"config": {"Labels": {"a": "1", "a": "2"}}}', "`a` twice"),
        (b'{"config": {"labels": {"a": "1", "A": "2"}}, "container_config": {}}', ""),
    ],
)
def test_config_that_programs_read_differently_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(Invalid, match=says) if says else nullcontext():
        require_plain_config(raw, json.loads(raw), "x")


@pytest.mark.parametrize("change", [{}, {"size": 5}, {"mediaType": OCI_INDEX}])
def test_index_that_lists_an_image_as_something_else_is_refused(change: dict[str, Any]) -> None:
    document = json.loads(INDEX.raw)
    document["manifests"][0].update(change)
    raw = json.dumps(document).encode()
    index = Manifest(media_type=OCI_INDEX, digest=digest_bytes(raw), raw=raw)
    says = rf"lists `{IMAGE.digest}` as .* but it has {len(IMAGE.raw)} bytes"
    with pytest.raises(Invalid, match=says) if change else nullcontext():
        require_as_listed((IMAGE, index), "`x`")
