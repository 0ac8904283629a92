"""JSON Schemas of the OCI image documents, written for these tests, and a check of a layout folder against them.

Source: image-spec v1.1: descriptor, manifest, image index, config, image layout, annotations.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema

_MEDIA_TYPE = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$",
}
_DIGEST = {
    "type": "string",
    "pattern": r"^[a-z0-9]+([+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$",
    "if": {"type": "string", "pattern": "^sha256:"},
    "then": {"pattern": "^sha256:[a-f0-9]{64}$"},
}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_WORDS = {"type": "array", "items": {"type": "string"}}
_WORDS_OR_NULL = {"type": ["array", "null"], "items": {"type": "string"}}
_SET = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": False}}
_DAY = r"\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])"
_MOMENT = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d{2}:\d{2})"
_TIME = {"type": "string", "pattern": f"^{_DAY}T{_MOMENT}$"}  # RFC 3339
_PLATFORM = {
    "type": "object",
    "required": ["architecture", "os"],
    "properties": {
        "architecture": {"type": "string", "minLength": 1},
        "os": {"type": "string", "minLength": 1},
        "os.version": {"type": "string"},
        "os.features": _WORDS,
        "variant": {"type": "string", "minLength": 1},
    },
}
_DESCRIPTOR = {
    "type": "object",
    "required": ["mediaType", "digest", "size"],
    "properties": {
        "mediaType": _MEDIA_TYPE,
        "digest": _DIGEST,
        "size": {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1},
        "urls": {"type": "array", "items": {"type": "string", "format": "uri"}},
        "annotations": _TEXTS,
        "data": {"type": "string"},
        "artifactType": _MEDIA_TYPE,
        "platform": _PLATFORM,
    },
}

LAYOUT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["imageLayoutVersion"],
    "properties": {"imageLayoutVersion": {"const": "1.0.0"}},
}

INDEX: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["schemaVersion", "manifests"],
    "properties": {
        "schemaVersion": {"const": 2},
        "mediaType": {"const": "application/vnd.oci.image.index.v1+json"},
        "artifactType": _MEDIA_TYPE,
        "manifests": {"type": "array", "items": _DESCRIPTOR},
        "subject": _DESCRIPTOR,
        "annotations": _TEXTS,
    },
    "not": {"anyOf": [{"required": ["layers"]}, {"required": ["config"]}]},
}

MANIFEST: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["schemaVersion", "config", "layers"],
    "properties": {
        "schemaVersion": {"const": 2},
        "mediaType": {"const": "application/vnd.oci.image.manifest.v1+json"},
        "artifactType": _MEDIA_TYPE,
        "config": _DESCRIPTOR,
        "layers": {"type": "array", "minItems": 1, "items": _DESCRIPTOR},
        "subject": _DESCRIPTOR,
        "annotations": _TEXTS,
    },
    "not": {"required": ["manifests"]},
}

CONFIG: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["architecture", "os", "rootfs"],
    "properties": {
        **_PLATFORM["properties"],  # type: ignore[dict-item]  # a plain JSON object
        "created": _TIME,
        "author": {"type": "string"},
        "config": {
            "type": "object",
            "properties": {
                "User": {"type": "string"},
                "ExposedPorts": {**_SET, "propertyNames": {"pattern": r"^\d{1,5}(/(tcp|udp|sctp))?$"}},
                "Env": {
                    "type": ["array", "null"],
                    "items": {"type": "string", "pattern": "^[^=]+=", "minLength": 2},
                },
                "Entrypoint": _WORDS_OR_NULL,
                "Cmd": _WORDS_OR_NULL,
                "Volumes": {"type": ["object", "null"], "additionalProperties": {"type": "object"}},
                "WorkingDir": {"type": "string", "pattern": "^(/.*)?$"},
                "Labels": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
                "StopSignal": {"type": "string", "pattern": r"^(SIG[A-Z0-9]+([+-]\d+)?|[A-Z][A-Z0-9]*|\d+)$"},
                "ArgsEscaped": {"type": "boolean"},
                "Memory": {"type": "integer"},
                "MemorySwap": {"type": "integer"},
                "CpuShares": {"type": "integer"},
                "Healthcheck": {"type": "object", "properties": {"Test": _WORDS}},
            },
        },
        "rootfs": {
            "type": "object",
            "required": ["type", "diff_ids"],
            "properties": {"type": {"const": "layers"}, "diff_ids": {"type": "array", "items": _DIGEST}},
        },
        "history": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "created": _TIME,
                    "author": {"type": "string"},
                    "created_by": {"type": "string"},
                    "comment": {"type": "string"},
                    "empty_layer": {"type": "boolean"},
                },
            },
        },
    },
}

_BY_TYPE = {
    "application/vnd.oci.image.index.v1+json": INDEX,
    "application/vnd.oci.image.manifest.v1+json": MANIFEST,
    "application/vnd.oci.image.config.v1+json": CONFIG,
}


def check_layout(folder: Path) -> list[str]:
    """Check every document of a layout folder against its schema, and every blob against its descriptor.

    Returns the digests of the checked documents; raises `AssertionError` or jsonschema's `ValidationError`.
    """
    _validate(LAYOUT, (folder / "oci-layout").read_bytes())
    top = _validate(INDEX, (folder / "index.json").read_bytes())
    checked: list[str] = []
    waiting = list(top["manifests"])
    while waiting:
        descriptor = waiting.pop()
        raw = blob(folder, descriptor["digest"])
        assert len(raw) == descriptor["size"], descriptor
        schema = _BY_TYPE.get(descriptor["mediaType"])
        if schema is None:
            continue
        document = _validate(schema, raw)
        if "mediaType" in document:
            assert document["mediaType"] == descriptor["mediaType"]
        checked.append(descriptor["digest"])
        waiting += document.get("manifests", [])
        if schema is MANIFEST:
            waiting += [document["config"], *document["layers"]]
            if all("in-toto" not in layer["mediaType"] for layer in document["layers"]):  # an attestation
                _check_layers(folder, document)
    return checked


def blob(folder: Path, digest: str) -> bytes:
    """Read a blob of the layout and check its digest."""
    raw = (folder / "blobs" / digest.replace(":", "/")).read_bytes()
    assert "sha256:" + hashlib.sha256(raw).hexdigest() == digest
    return raw


def document(folder: Path, digest: str) -> Any:
    """Read a blob and decode it as JSON."""
    return json.loads(blob(folder, digest))


def _check_layers(folder: Path, manifest: dict[str, Any]) -> None:
    """Require that the config lists the digest of the uncompressed bytes of each layer of the manifest."""
    config = document(folder, manifest["config"]["digest"])
    plain = [gzip.decompress(blob(folder, layer["digest"])) for layer in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in plain]
    if "history" in config:
        assert sum(not step.get("empty_layer", False) for step in config["history"]) == len(plain)


def _validate(schema: dict[str, Any], raw: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(raw)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)
    return document
