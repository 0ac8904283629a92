"""Adds the referrers API to a docker-registry, which stores manifests with a `subject` but does not list them.

A gate in front of the registry answers `GET /v2/NAME/referrers/DIGEST` from the registry's storage. Source: OCI
distribution-spec v1.1, "Listing Referrers". `SHIPMARK_TEST_REFERRERS` names a program that is used instead: a registry
with the referrers API, which takes a free port of 127.0.0.1 and writes `listening on 127.0.0.1:PORT` to stderr.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from tests.support.programs.environment import scrubbed
from tests.support.programs.processes import Service
from tests.support.registries.gate import Answer, Gate, Passage

#: Names the variable.
FOREIGN = "SHIPMARK_TEST_REFERRERS"
INDEX = "application/vnd.oci.image.index.v1+json"
_QUESTION = re.compile(r"/v2/(.+)/referrers/(sha256:[0-9a-f]{64})(?:\?.*)?")
_LISTENING = re.compile(rb"listening on (127\.0\.0\.1:\d+)")


def list_referrers(gate: Gate) -> None:
    """Let `gate` answer referrers requests from the storage of its registry."""

    def answer(passage: Passage) -> Answer | None:
        question = _QUESTION.fullmatch(passage.path)
        if passage.method != "GET" or question is None:
            return None
        found = referrers(gate.registry.root, question[1], question[2])
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode()
        return 200, [("Content-Type", INDEX)], body

    gate.instead = answer


def referrers(root: Path, repository: str, digest: str) -> list[dict[str, Any]]:
    """Return the descriptors of all manifests in the storage `root` that have `digest` as their subject."""
    storage = root / "docker/registry/v2"
    found = []
    for link in sorted(
        (storage / "repositories" / repository / "_manifests/revisions/sha256").glob("*/link")
    ):
        value = link.read_text().removeprefix("sha256:")
        raw = (storage / "blobs/sha256" / value[:2] / value / "data").read_bytes()
        manifest = json.loads(raw)
        if manifest.get("subject", {}).get("digest") == digest:
            entry = {"mediaType": manifest["mediaType"], "digest": f"sha256:{value}", "size": len(raw)}
            kind = manifest.get("artifactType") or manifest["config"]["mediaType"]
            found.append({**entry, "artifactType": kind, "annotations": manifest.get("annotations", {})})
    return found


class ForeignRegistry:
    """The registry that `SHIPMARK_TEST_REFERRERS` names. `host`: `127.0.0.1:PORT`."""

    def __init__(self, folder: Path) -> None:
        self.host = ""
        self._service = Service(
            [os.environ[FOREIGN]],
            folder=folder,
            name="referrers",
            env=scrubbed(folder),
            ready=self._take_address,
        )

    def close(self) -> None:
        """Stop the registry."""
        self._service.stop()

    def _take_address(self, line: bytes) -> bool:
        found = _LISTENING.search(line)
        if found:
            self.host = found[1].decode()
        return found is not None
