"""Writes images of any size straight into a registry's storage, which takes seconds, and checks them byte for byte.

Source: the distribution project's storage layout (`registry/storage/paths.go` describes it), equal in 2.8 and 3.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from release.oci import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST

_PIECE = 1 << 20
_BASE = Path("docker/registry/v2")


def put_image(root: Path, repository: str, sizes: Sequence[int], tag: str) -> str:
    """Write an image with different layers of `sizes` bytes under a tag; return its digest."""
    noise = random.Random(7).randbytes(_PIECE)
    layers = [
        _put_pieces(root, repository, size, noise, seed=number) for number, size in enumerate(sizes, start=1)
    ]
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _put_document(root, repository, config, OCI_CONFIG),
        "layers": layers,
    }
    digest: str = _put_document(root, repository, document, OCI_MANIFEST)["digest"]
    manifests = root / _BASE / "repositories" / repository / "_manifests"
    value = digest.removeprefix("sha256:")
    for place in (f"revisions/sha256/{value}", f"tags/{tag}/current", f"tags/{tag}/index/sha256/{value}"):
        _link(manifests / place, digest)
    return digest


def check_image(root: Path, repository: str, tag: str) -> tuple[str, int]:
    """Hash everything below a tag in the storage; return the tag's digest and the total size of its blobs in bytes.

    Raises `AssertionError` for a blob with a wrong digest or size, and for one that is not linked to the repository.
    """
    repositories = root / _BASE / "repositories" / repository
    digest = (repositories / "_manifests/tags" / tag / "current/link").read_text()
    assert _hash(_blob(root, digest)) == digest
    document = json.loads(_blob(root, digest).read_bytes())
    total = 0
    for blob in (document["config"], *document["layers"]):
        name = blob["digest"]
        assert (repositories / "_layers/sha256" / name.removeprefix("sha256:") / "link").read_text() == name
        assert _blob(root, name).stat().st_size == blob["size"]
        assert _hash(_blob(root, name)) == name
        total += blob["size"]
    return digest, total


def _put_pieces(root: Path, repository: str, size: int, noise: bytes, *, seed: int) -> dict[str, Any]:
    hashed = hashlib.sha256()
    partial = root / f"partial-{seed}"
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as stream:
        for number in range(-(-size // _PIECE)):
            # A number in front of the same noise: no two pieces are alike, and none compresses.
            piece = (b"%08d%08d" % (seed, number) + noise)[: min(_PIECE, size - number * _PIECE)]
            hashed.update(piece)
            stream.write(piece)
    return _place(root, repository, partial, f"sha256:{hashed.hexdigest()}", OCI_LAYER)


def _put_document(root: Path, repository: str, document: dict[str, Any], media_type: str) -> dict[str, Any]:
    raw = json.dumps(document, separators=(",", ":")).encode()
    partial = root / "partial-document"
    partial.write_bytes(raw)
    return _place(root, repository, partial, f"sha256:{hashlib.sha256(raw).hexdigest()}", media_type)


def _place(root: Path, repository: str, partial: Path, digest: str, media_type: str) -> dict[str, Any]:
    size = partial.stat().st_size
    blob = _blob(root, digest)
    blob.parent.mkdir(parents=True)
    partial.rename(blob)
    layers = root / _BASE / "repositories" / repository / "_layers/sha256"
    _link(layers / digest.removeprefix("sha256:"), digest)
    return {"mediaType": media_type, "digest": digest, "size": size}


def _blob(root: Path, digest: str) -> Path:
    algorithm, _, value = digest.partition(":")
    return root / _BASE / "blobs" / algorithm / value[:2] / value / "data"


def _link(folder: Path, digest: str) -> None:
    folder.mkdir(parents=True)
    (folder / "link").write_text(digest)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
