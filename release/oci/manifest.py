"""Checks manifests and indexes, and reads the descriptors in them.

Callers pass the media type, from `Content-Type` or a descriptor. The media type must agree with the document's
`mediaType`, if there is one, and with the document's members. Without this check a document could be read as an image
by one program and as an index by another (CVE-2021-41190). Docker's schema 1 is refused.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from release.decoding import convert
from release.errors import DigestMismatch, Invalid
from release.hints import LARGE_IMAGE, ODD_IMAGE
from release.oci import INDEX_TYPES, MANIFEST_TYPES, Descriptor, Manifest
from release.oci.ambiguous import require_plain_manifest
from release.oci.grammar import is_digest

#: Bytes of a manifest that is pushed. Registries should accept 4 MiB (distribution-spec v1.1, "Pushing Manifests");
#: many refuse more.
LARGEST_PUSHED = 4 * 1024 * 1024
#: Bytes of a manifest that is read into memory: twice the size that every registry should accept.
LARGEST_PULLED = 8 * 1024 * 1024
# Bytes (1 PiB), above any real blob. JSON readers keep numbers up to 2^53 exactly, so such a size and sums of several
# are the same in every program.
_LARGEST_BLOB = 1 << 50
_ENCODER = msgspec.json.Encoder(order="sorted")
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"


def digest_bytes(raw: bytes, algorithm: str = "sha256") -> str:
    """The digest of `raw`, as `ALGORITHM:HEX`."""
    return f"{algorithm}:{hashlib.new(algorithm, raw, usedforsecurity=False).hexdigest()}"


#: The bytes, and the descriptor, of the config of an artifact that has none.
#: Source: OCI image-spec v1.1, "Guidance for an Empty Descriptor".
EMPTY_CONTENT = b"{}"
EMPTY = Descriptor(
    media_type="application/vnd.oci.empty.v1+json",
    digest=digest_bytes(EMPTY_CONTENT),
    size=len(EMPTY_CONTENT),
)


def read_manifest(raw: bytes, media_type: str, *, expected: str | None, source: str) -> Manifest:
    """The manifest or index in `raw`, checked. `expected`: the digest that was requested.

    `source`: the origin of `raw`, for messages. Raises `DigestMismatch` and `Invalid`.
    """
    if len(raw) > LARGEST_PULLED:
        raise Invalid(f"the manifest at {source} is larger than {LARGEST_PULLED} bytes", hint=LARGE_IMAGE)
    algorithm = expected.partition(":")[0] if expected else "sha256"
    digest = digest_bytes(raw, algorithm)
    if expected is not None and digest != expected:
        raise DigestMismatch(
            f"the manifest at {source} has digest `{digest}`, but `{expected}` was requested"
        )
    kind = _require_known(media_type, source)
    document = _object(raw, source)
    _require_type(document, kind, source)
    _require_shape(document, kind, source)
    require_plain_manifest(raw, document, f"the manifest at {source}")
    manifest = Manifest(media_type=kind, digest=digest, raw=raw)
    _read_links(document, manifest, source)
    return manifest


def encode_manifest(document: dict[str, Any], media_type: str) -> Manifest:
    """Encode a new manifest or index: keys sorted, no spaces. `document` may contain descriptors."""
    raw = _ENCODER.encode(document)
    return Manifest(media_type=media_type, digest=digest_bytes(raw), raw=raw)


def children(manifest: Manifest) -> tuple[Descriptor, ...]:
    """The descriptors in a document: manifests of an index, or config and layers of a manifest, in order."""
    return _read_links(_object(manifest.raw, manifest.digest), manifest, manifest.digest)


def subject(manifest: Manifest) -> Descriptor | None:
    """The `subject` of a manifest: the manifest that it refers to, or None."""
    document = _object(manifest.raw, manifest.digest)
    if "subject" not in document or document["subject"] is None:
        return None
    return _descriptor(document["subject"], f"{manifest.digest} subject")


def artifact_type(manifest: Manifest) -> str | None:
    """The artifact type of a manifest: `artifactType`, else the config's media type."""
    document = _object(manifest.raw, manifest.digest)
    stated = document.get("artifactType")
    if isinstance(stated, str) and stated:
        return stated
    config = document.get("config")
    media_type = config.get("mediaType") if isinstance(config, dict) else None
    return media_type if isinstance(media_type, str) else None


def annotations_of(manifest: Manifest) -> dict[str, str] | None:
    """The annotations of a manifest, or None. Values that are not text are left out."""
    stated = _object(manifest.raw, manifest.digest).get("annotations")
    found = stated if isinstance(stated, dict) else {}
    return {name: text for name, text in found.items() if isinstance(text, str)} or None


def describe(manifest: Manifest) -> Descriptor:
    """The descriptor of the manifest or index itself."""
    return Descriptor(media_type=manifest.media_type, digest=manifest.digest, size=len(manifest.raw))


def platform_of(descriptor: Descriptor) -> str | None:
    """The platform of an index entry; None for attestations (`unknown/unknown`) and entries without a platform."""
    return platform_text(descriptor.platform or {}) or None


def platform_text(document: dict[str, Any]) -> str:
    """`linux/arm/v7` of a config or of a descriptor's `platform`; empty for attestations (`unknown/unknown`)."""
    parts = [document.get(name) for name in ("os", "architecture", "variant")]
    words = [part for part in parts if isinstance(part, str) and part]
    if len(words) < 2 or "unknown" in words[:2]:
        return ""
    return "/".join(words)


def json_object(raw: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `raw`. `what`: names the document in messages. Raises `Invalid` for anything else."""
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(f"{what} is not JSON", hint=ODD_IMAGE) from error
    if not isinstance(document, dict):
        raise Invalid(f"{what} is not a JSON object", hint=ODD_IMAGE)
    return document


def _object(raw: bytes, source: str) -> dict[str, Any]:
    return json_object(raw, f"the manifest at {source}")


def _require_known(media_type: str, source: str) -> str:
    declared = media_type.partition(";")[0].strip().lower()
    if declared.startswith(_SCHEMA_1):
        raise _schema_1(source)
    if declared not in INDEX_TYPES | MANIFEST_TYPES:
        raise Invalid(
            f"{source} is of media type `{_short(declared)}`, which is not an image manifest or index",
            hint=ODD_IMAGE,
        )
    return declared


def _require_type(document: dict[str, Any], declared: str, source: str) -> None:
    if document.get("schemaVersion") == 1:
        raise _schema_1(source)
    inner = document.get("mediaType")
    if inner is not None and inner != declared:
        raise Invalid(
            f"{source} was served as `{declared}`, but its `mediaType` is `{_short(inner)}`", hint=ODD_IMAGE
        )
    if document.get("schemaVersion") != 2:
        raise Invalid(f"{source} has no `schemaVersion` 2", hint=ODD_IMAGE)


def _schema_1(source: str) -> Invalid:
    return Invalid(
        f"{source} holds an image in Docker's schema 1, which was withdrawn",
        hint="push the image again with a current tool",
    )


def _require_shape(document: dict[str, Any], kind: str, source: str) -> None:
    foreign = {"layers", "config", "fsLayers", "blobs"} if kind in INDEX_TYPES else {"manifests", "fsLayers"}
    for name in sorted(foreign):
        if document.get(name) is not None:
            raise Invalid(
                f"{source} is `{kind}` but holds `{name}`: programs could read it as an image or as an index",
                hint=ODD_IMAGE,
            )


def _read_links(document: dict[str, Any], manifest: Manifest, source: str) -> tuple[Descriptor, ...]:
    if manifest.is_index:
        return tuple(
            _descriptor(item, f"{source} manifests") for item in _list(document, "manifests", source)
        )
    config = _descriptor(document.get("config"), f"{source} config")
    layers = _list(document, "layers", source)
    return (config, *(_descriptor(item, f"{source} layers") for item in layers))


def _list(document: dict[str, Any], name: str, source: str) -> list[Any]:
    value = document.get(name)
    if value is None and (name == "manifests" or name in document):
        value = []  # Go writes `null` for a list that was never filled
    if not isinstance(value, list):
        raise Invalid(f"{source} has no list `{name}`", hint=ODD_IMAGE)
    return value


def without_nulls(value: Any) -> Any:
    """`value` without the members of an object that are `null`: programs in Go write them for empty lists and maps."""
    return (
        {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else value
    )


def _descriptor(value: Any, where: str) -> Descriptor:
    try:
        descriptor = convert(without_nulls(value), Descriptor)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Invalid(f"{where}: not a descriptor: {error}", hint=ODD_IMAGE) from error
    if not is_digest(descriptor.digest):
        raise Invalid(f"{where}: `{_short(descriptor.digest)}` is not a digest", hint=ODD_IMAGE)
    if not 0 <= descriptor.size <= _LARGEST_BLOB:
        raise Invalid(f"{where}: size {descriptor.size} is impossible", hint=ODD_IMAGE)
    return descriptor


def _short(value: Any) -> str:
    text = str(value)[:100]
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
