"""In-toto statements as artifacts that refer to an image: made, and pushed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial

import msgspec

from release.control import Cancel
from release.oci import OCI_MANIFEST, Descriptor, Manifest, Repository
from release.oci.manifest import EMPTY, EMPTY_CONTENT, digest_bytes, encode_manifest
from release.transfer.referrers import attach

IN_TOTO = "application/vnd.in-toto+json"
PREDICATE_TYPE = "in-toto.io/predicate-type"  # the annotation that BuildKit uses for attestations


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest with `subject`, an empty config, and `payload` as its only layer."""

    manifest: Manifest
    layer: Descriptor
    payload: bytes


def make_statement(
    payload: bytes, subject: Descriptor, *, predicate_type: str, annotations: Mapping[str, str]
) -> Artifact:
    """An artifact that attaches an in-toto statement to `subject`. Equal arguments give equal bytes."""
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
    """Push the artifact by digest and list it as a referrer of its subject. Repeating this changes nothing."""
    repository.put_blob(EMPTY, partial(io.BytesIO, EMPTY_CONTENT))
    repository.put_blob(artifact.layer, partial(io.BytesIO, artifact.payload))
    repository.put_manifest(artifact.manifest)
    attach(repository, artifact.manifest, cancel=cancel)
