"""The JSON Schemas of the OCI image specification itself, from its Go module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry
from referencing.jsonschema import DRAFT4

from release.oci import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.support.programs.go_tools import NotBuilt, module_files
from tests.support.registries.oci_schemas import blob
from tests.support.services.required import lack

_MODULE, _VERSION = "github.com/opencontainers/image-spec", "v1.1.1"
_SHA256 = "3a32eeb459719172947c20be78b5b7293c6ea84f4039184e846f6b676bc19574"
#: Media type -> the file of its schema.
_FILES = {
    OCI_INDEX: "image-index-schema.json",
    OCI_MANIFEST: "image-manifest-schema.json",
    OCI_CONFIG: "config-schema.json",
}


def check_by_specification(folder: Path) -> int:
    """Check every OCI document of a layout folder; return their number. Raises jsonschema's `ValidationError`."""
    try:
        schemas = module_files(_MODULE, _VERSION, _SHA256) / "schema"
    except NotBuilt as error:
        lack({"buildkit": f"no module proxy: {error}"})
    validate = _Validator(schemas)
    validate("image-layout-schema.json", (folder / "oci-layout").read_bytes())
    waiting = list(validate("image-index-schema.json", (folder / "index.json").read_bytes())["manifests"])
    count = 2
    while waiting:
        descriptor = waiting.pop()
        if descriptor["mediaType"] in _FILES:
            document = validate(_FILES[descriptor["mediaType"]], blob(folder, descriptor["digest"]))
            count += 1
            waiting += [
                *document.get("manifests", []),
                *([document["config"]] if "layers" in document else []),
            ]
    return count


class _Validator:
    def __init__(self, folder: Path) -> None:
        self._schemas = {path.name: json.loads(path.read_bytes()) for path in folder.glob("*.json")}
        resources = [(name, DRAFT4.create_resource(schema)) for name, schema in self._schemas.items()]
        # Schemas name each other by file; each has an id of its own, from which such a name is resolved.
        places = [
            (f"https://opencontainers.org/schema/{inner}{name}", resource)
            for name, resource in resources
            for inner in ("", "image/")
        ]
        self._registry: Registry[Any] = Registry[Any]().with_resources([*resources, *places])

    def __call__(self, name: str, raw: bytes) -> Any:
        document = json.loads(raw)
        jsonschema.Draft4Validator(self._schemas[name], registry=self._registry).validate(document)
        return document
