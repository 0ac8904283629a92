"""Which entry of an `index.json` a name means, for indexes as shipmark and other tools write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from release.errors import Invalid
from release.layout.entry_names import REF_NAME
from release.layout.index import Entries, read_entries
from release.oci import OCI_INDEX, OCI_MANIFEST, Descriptor

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
REF, CONTAINERD = "org.opencontainers.image.ref.name", "io.containerd.image.name"
COSIGN = f"sha256-{'a' * 64}.sig"


def entry(digest: str, ref: str | None = None, image: str | None = None, **more: Any) -> dict[str, Any]:
    annotations = {name: text for name, text in ((REF, ref), (CONTAINERD, image)) if text is not None}
    item = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 7, **more}
    return {**item, "annotations": annotations} if annotations else item


def entries(*items: dict[str, Any]) -> Entries:
    return read_entries(json.dumps({"schemaVersion": 2, "manifests": list(items)}).encode(), "oci:x")


WHOLE = "ghcr.io/acme/app:1.0"
TWO_REPOSITORIES = (entry(A, "1.0", "docker.io/acme/app:1.0"), entry(B, "1.0", "docker.io/acme/web:1.0"))


#: The entry of the signatures of `WHOLE`, as `cosign save` writes it: with the name of the image.
SIGNATURES = {**entry(B), "annotations": {"kind": "dev.cosignproject.cosign/sigs", REF_NAME: WHOLE}}


@pytest.mark.parametrize(
    ("items", "name", "digest"),
    [
        ((entry(A, "1.0"),), "1.0", A),
        ((entry(A, "1.0"),), "2.0", None),
        ((entry(A, WHOLE),), "1.0", A),  # podman save --format oci-archive
        ((entry(A, WHOLE),), WHOLE, A),
        ((entry(A, WHOLE),), "ghcr.io/acme/web:1.0", None),
        ((entry(A, "1.0"),), WHOLE, A),  # the entry names no repository
        (TWO_REPOSITORIES, "1.0", A),
        (TWO_REPOSITORIES, "acme/web:1.0", B),
        (TWO_REPOSITORIES, "docker.io/acme/app:1.0", A),
        (TWO_REPOSITORIES, "ghcr.io/acme/app:1.0", None),
        ((entry(A, "1.0"), entry(B, "1.0")), "1.0", A),
        ((entry(A, image="docker.io/library/app:1.0"),), "app:1.0", A),
        ((entry(A, image="docker.io/library/app:1.0"),), "1.0", A),
        ((entry(A, ""),), "1.0", None),
        ((entry(A, "not a reference!"),), "1.0", None),
        ((entry(A, "1.0+build"), entry(B, "1.0")), "1.0+build", A),  # allowed by the OCI image-spec
        ((entry(A, "release/1.0"),), "release/1.0", A),
        ((entry(A, "app@1.0"),), "app@1.0", A),
        ((entry(A, "app@1.0"),), "app@2.0", None),
        ((SIGNATURES, entry(A, WHOLE)), WHOLE, A),
        ((entry(A, "1.0"), entry(B, WHOLE)), WHOLE, B),  # the exact name, before one without a repository
        ((entry(A, "1.0"), entry(B, "1.0", WHOLE)), WHOLE, B),
        ((entry(A, WHOLE), entry(B, "1.0")), "1.0", B),
    ],
)
def test_a_name_selects_the_first_entry_of_index_json_that_has_the_name(
    items: tuple[dict[str, Any], ...], name: str, digest: str | None
) -> None:
    found = entries(*items).named(name)
    assert (found and found.digest) == digest


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ((entry(A),), (A, None)),
        ((entry(A, "1.0"),), (A, "1.0")),
        ((entry(A, WHOLE),), (A, "1.0")),
        ((entry(A, "not a reference!"),), (A, None)),
        ((entry(A, "1.0"), entry(A, "latest")), (A, None)),
        ((entry(A, "1.0"), entry(B, "1.0")), None),
        ((entry(A), entry(B)), None),
        ((entry(A), entry(B, "1.0")), (B, "1.0")),
        ((entry(A, "1.0"), entry(B, COSIGN)), (A, "1.0")),
        ((entry(A, "1.0"), entry(B, artifactType="application/spdx+json")), (A, "1.0")),
        ((entry(A, "1.0"), entry(B, "x", mediaType="application/vnd.buildkit.cacheconfig.v0")), (A, "1.0")),
        ((entry(A, mediaType=OCI_INDEX),), (A, None)),
        ((entry(A, WHOLE), SIGNATURES), (A, "1.0")),
        ((SIGNATURES,), None),
        ((), None),
    ],
)
def test_the_only_image_of_a_layout_is_found_whatever_its_name(
    items: tuple[dict[str, Any], ...], found: tuple[str, str | None] | None
) -> None:
    only = entries(*items).only()
    assert (only and (only[0].digest, only[1])) == found


@pytest.mark.parametrize(
    ("items", "ambiguous"),
    [
        ((entry(A, "1.0"), entry(B, "1.0")), True),
        ((entry(A, "1.0"), entry(A, "1.0")), False),
        (TWO_REPOSITORIES, True),
        ((entry(A, WHOLE), SIGNATURES), False),
        ((entry(A, WHOLE), entry(B, "1.0")), False),
    ],
)
def test_a_name_is_ambiguous_if_entries_of_index_json_give_it_several_digests(
    items: tuple[dict[str, Any], ...], ambiguous: bool
) -> None:
    assert entries(*items).is_ambiguous("1.0") is ambiguous


def test_moving_a_tag_drops_the_whole_reference_that_had_the_tag_and_keeps_other_entries() -> None:
    other = entry(C, "not a reference!", mediaType="application/vnd.example.unknown")
    found = entries(entry(A, WHOLE, WHOLE), other, {**entry(C), "annotations": {"mine": "kept"}})
    found.add(Descriptor(media_type=OCI_MANIFEST, digest=B, size=7), "1.0")
    document = json.loads(found.encode())
    assert document["manifests"] == [
        entry(A),
        other,
        {**entry(C), "annotations": {"mine": "kept"}},
        entry(B, "1.0"),
    ]


def test_null_in_index_json_is_read_as_an_empty_list_or_map() -> None:
    assert entries().names() == ()
    assert read_entries(b'{"schemaVersion": 2, "manifests": null}', "oci:x").names() == ()
    item = {**entry(A), "annotations": None, "urls": None, "platform": None, "data": None}
    assert entries(item).only() == (Descriptor(media_type=OCI_MANIFEST, digest=A, size=7), None)
    with pytest.raises(Invalid, match="no list `manifests`"):
        read_entries(b"{}", "oci:x")
