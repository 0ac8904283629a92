"""The artifact `shipmark-status` of a repository: the statuses of yanked, restored and pre-release versions.

An OCI manifest with one layer, a JSON document of statuses. The layer's descriptor repeats the document as `data`, so
that one request reads everything. What a newer shipmark wrote is kept when the document is written again. Pure.
Source: OCI image-spec v1.1, "Guidelines for Artifact Usage" and the descriptor's `data`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from release.canonical_json import canonical
from release.decoding import convert, decode
from release.errors import ConfigError, Invalid
from release.json_text import parse_json
from release.oci import OCI_MANIFEST, Descriptor, Manifest
from release.oci.manifest import EMPTY, EMPTY_CONTENT, digest_bytes, encode_manifest
from release.versions.status import STATUS_TAG, KnownStatus, lacking, merged

ARTIFACT_TYPE = "application/vnd.shipmark.status.v1+json"
SCHEMA = "shipmark.status/1"
_SCHEMA_NAME = "shipmark.status/"
_HINT = f"the tag `{STATUS_TAG}` is reserved: give what it holds another tag, and delete it"
#: Bytes of the JSON document. As base64 it then fits into a manifest of 4 MiB, which every registry accepts.
LARGEST = 2 * 1024 * 1024


# The highest number of a status that is believed. Each decision takes one more than the highest, and the log holds
# numbers up to 2^53: a higher one was not counted, and would leave no room for the next decision.
_MOST = 2**40


class _Entry(msgspec.Struct, frozen=True):
    """The members of a status that this version reads."""

    version: str
    number: Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
    status: str
    reason: str = ""
    commit: str = ""
    before: str = ""


class _Layer(msgspec.Struct, frozen=True, rename="camel"):
    digest: str
    size: int
    media_type: str
    data: str = ""


class _Shape(msgspec.Struct, frozen=True, rename="camel"):
    artifact_type: str = ""
    layers: tuple[_Layer, ...] = ()


class StatusDocument(msgspec.Struct, frozen=True):
    """The document in the artifact. `raw`: every member, also those that only a newer shipmark knows."""

    raw: Mapping[str, Any] = {}

    @property
    def statuses(self) -> tuple[KnownStatus, ...]:
        """The statuses that this version can read; others are skipped."""
        return tuple(one for item in self._items if (one := _read(item)) is not None)

    def with_statuses(self, wanted: Iterable[KnownStatus]) -> StatusDocument:
        """The document with the statuses of `wanted` that are new or outrank its own, sorted by version."""
        new = merged(lacking(self.statuses, wanted))
        kept = [item for item in self._items if not (isinstance(item, dict) and item.get("version") in new)]
        items = [*kept, *(_written(one) for one in new.values())]
        items.sort(key=lambda item: str(item.get("version", "")) if isinstance(item, dict) else "")
        return StatusDocument({**self.raw, "schema": SCHEMA, "versions": items})

    @property
    def _items(self) -> list[Any]:
        found = self.raw.get("versions")
        return found if isinstance(found, list) else []


class StatusArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """What is pushed: the manifest, and its two blobs with their bytes."""

    manifest: Manifest
    blobs: tuple[tuple[Descriptor, bytes], ...]


def artifact_of(document: StatusDocument) -> StatusArtifact:
    """The artifact with this document. Equal documents give equal bytes. Raises `Invalid` for one that is too large."""
    payload = canonical(document.raw)
    if len(payload) > LARGEST:
        raise Invalid(
            f"the statuses of versions take {len(payload)} bytes, more than {LARGEST}",
            hint="shorten the reasons of `rollback --reason`",
        )
    layer = Descriptor(media_type=ARTIFACT_TYPE, digest=digest_bytes(payload), size=len(payload))
    data = base64.b64encode(payload).decode()
    manifest = encode_manifest(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": ARTIFACT_TYPE,
            "config": EMPTY,
            "layers": [{**msgspec.to_builtins(layer), "data": data}],
        },
        OCI_MANIFEST,
    )
    return StatusArtifact(manifest=manifest, blobs=((EMPTY, EMPTY_CONTENT), (layer, payload)))


def layer_of(manifest: Manifest, source: str) -> tuple[Descriptor, bytes | None]:
    """The layer with the document, and the document's bytes if the manifest repeats them.

    `source`: names the manifest in messages. Raises `Invalid` for a manifest that is no such artifact.
    """
    try:
        shape = decode(manifest.raw, _Shape)
    except (ValueError, RecursionError):
        raise _foreign(source) from None
    if shape.artifact_type != ARTIFACT_TYPE or len(shape.layers) != 1 or shape.layers[0].size > LARGEST:
        raise _foreign(source)
    layer = shape.layers[0]
    found = Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size)
    if not layer.data:
        return found, None
    try:
        payload = base64.b64decode(layer.data, validate=True)
    except ValueError:
        raise _foreign(source) from None
    if digest_bytes(payload) != layer.digest:
        raise Invalid(
            f"`{source}`: the document in the manifest does not have the digest of its layer", hint=_HINT
        )
    return found, payload


def read_document(payload: bytes, source: str) -> StatusDocument:
    """The document in `payload`. `source`: names it in messages. Raises `Invalid`."""
    try:
        document = parse_json(payload, source)
    except ConfigError as error:
        raise Invalid(error.message, hint=_HINT) from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if isinstance(schema, str) and schema.startswith(_SCHEMA_NAME) and schema != SCHEMA:
        raise Invalid(
            f"`{source}` has the schema `{schema[:80]}`, which this version of shipmark cannot read",
            hint="update shipmark: a newer one wrote it",
        )
    if schema != SCHEMA or not isinstance(document.get("versions"), list):
        raise _foreign(source)
    return StatusDocument(document)


def _read(item: Any) -> KnownStatus | None:
    try:
        entry = convert(item, _Entry)
    except msgspec.ValidationError:
        return None
    return KnownStatus(
        version=entry.version,
        number=entry.number,
        status=entry.status,
        reason=entry.reason,
        commit=entry.commit,
        before=entry.before,
    )


def _written(status: KnownStatus) -> dict[str, Any]:
    members = {"version": status.version, "number": status.number, "status": status.status}
    more = {"reason": status.reason, "commit": status.commit, "before": status.before}
    return {**members, **{name: text for name, text in more.items() if text}}


def _foreign(source: str) -> Invalid:
    return Invalid(f"`{source}` is not a list of statuses that shipmark wrote", hint=_HINT)
