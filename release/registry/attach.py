"""Artifacts that refer to an image: made, and put where they are found by it.

Source: OCI image-spec v1.1, "Guidelines for Artifact Usage"; distribution-spec v1.1, "Pushing Manifests with Subject".
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial

import msgspec

from release.control import Cancel
from release.registry import OCI_MANIFEST, Descriptor, Manifest, Repository
from release.registry.documents import digest_bytes, encode_manifest
from release.registry.referrers import attach

IN_TOTO = "application/vnd.in-toto+json"
PREDICATE_TYPE = "in-toto.io/predicate-type"  # as BuildKit annotates what it attests
_EMPTY = b"{}"
EMPTY = Descriptor(
    media_type="application/vnd.oci.empty.v1+json", digest=digest_bytes(_EMPTY), size=len(_EMPTY)
)


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest with `subject`, an empty config, and `payload` as its only layer."""

    manifest: Manifest
    layer: Descriptor
    payload: bytes


def make_statement(
    payload: bytes, subject: Descriptor, *, predicate_type: str, annotations: Mapping[str, str]
) -> Artifact:
    """The artifact that attaches an in-toto statement to `subject`. The same values give the same bytes."""
    layer = Descriptor(
        media_type=IN_TOTO,
        digest=digest_bytes(payload),
        size=len(payload),
        annotations={PREDICATE_TYPE: predicate_type},
    )
    about = Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size)
    manifest = encode_manifest(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": IN_TOTO,
            "config": EMPTY,
            "layers": [layer],
            "subject": about,
            "annotations": {**annotations, PREDICATE_TYPE: predicate_type},
        },
        OCI_MANIFEST,
    )
    return Artifact(manifest=manifest, layer=layer, payload=payload)


def push_artifact(repository: Repository, artifact: Artifact, *, cancel: Cancel) -> None:
    """Put the artifact by digest, under no tag, and have it found by its subject. Doing it again changes nothing."""
    repository.put_blob(EMPTY, partial(io.BytesIO, _EMPTY))
    repository.put_blob(artifact.layer, partial(io.BytesIO, artifact.payload))
    repository.put_manifest(artifact.manifest)
    attach(repository, artifact.manifest, cancel=cancel)
