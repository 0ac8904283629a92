"""Names and lists by which tools find what is attached to an image: signatures, attestations, SBOMs. Pure.

Sources: OCI distribution-spec v1.1, "Referrers Tag Schema"; cosign, "Signature Spec", and its package `pkg/oci/layout`.
"""

from __future__ import annotations

import msgspec

from release.lazy_pattern import pattern
from release.oci import OCI_INDEX, Descriptor, Manifest
from release.oci.manifest import annotations_of, artifact_type, children, describe, encode_manifest

#: Endings of the tags under which cosign keeps signatures, attestations and SBOMs: `sha256-HEX.sig`.
COSIGN = (".sig", ".att", ".sbom")
_FALLBACK = pattern(r"sha(256|512)-[0-9a-f]{64}")
# Fallback tags and tags of cosign.
_ATTACHED = pattern(r"sha(256|512)-[0-9a-f]{64,128}(\..*)?")


def referrers_tag(digest: str) -> str:
    """The fallback tag of `digest`: its index lists the referrers in a registry without the API, or in a layout."""
    algorithm, _, value = digest.partition(":")
    return f"{algorithm[:32]}-{value[:64]}"


def is_fallback(tag: str) -> bool:
    """Whether a tag has the form of `referrers_tag`."""
    return _FALLBACK.fullmatch(tag) is not None


def is_attached(tag: str) -> bool:
    """Whether a tag names something that belongs to another image: a fallback tag, or a tag of cosign."""
    return _ATTACHED.fullmatch(tag) is not None


def lists(index: Manifest | None, digest: str) -> bool:
    """Whether the index of a fallback tag lists the digest."""
    return index is not None and any(item.digest == digest for item in children(index))


def with_referrer(index: Manifest | None, manifest: Manifest) -> Manifest:
    """The index with one more entry, for `manifest`. All other entries are kept unchanged."""
    document = msgspec.json.decode(index.raw) if index is not None else {}
    return _index(document, [*(document.get("manifests") or ()), describe_referrer(manifest)])


def without_referrer(index: Manifest, digest: str) -> Manifest | None:
    """The index without the entry of `digest`; None if no entry is left."""
    document = msgspec.json.decode(index.raw)
    kept = [item for item in document["manifests"] or () if item["digest"] != digest]
    return _index(document, kept) if kept else None


def describe_referrer(manifest: Manifest) -> Descriptor:
    """The descriptor of a referrer in a list of referrers: with its artifact type and annotations."""
    return msgspec.structs.replace(
        describe(manifest), artifact_type=artifact_type(manifest), annotations=annotations_of(manifest)
    )


def _index(document: dict[str, object], entries: list[object]) -> Manifest:
    whole = {**document, "schemaVersion": 2, "mediaType": OCI_INDEX}
    return encode_manifest({**whole, "manifests": entries}, OCI_INDEX)
