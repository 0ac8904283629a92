"""Small images for tests of registries and layouts: their bytes and digests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from release.control import Cancel
from release.events import NullSink
from release.layout.layout import Layout
from release.oci import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    Repository,
)
from release.transfer.copy import copy_image


def digest(raw: bytes) -> str:
    """Return the digest `sha256:…` of the bytes `raw`."""
    return "sha256:" + hashlib.sha256(raw).hexdigest()


class Image:
    """A manifest with its blobs. `blobs`: digest -> bytes, config included; `children`: the images of an index."""

    def __init__(self, manifest: Manifest, blobs: dict[str, bytes], children: tuple[Image, ...] = ()) -> None:
        self.manifest = manifest
        self.blobs = blobs
        self.children = children

    @property
    def digest(self) -> str:
        """Return the digest of the image's manifest."""
        return self.manifest.digest

    def descriptor(self, **more: Any) -> Descriptor:
        """Return the descriptor of the image's manifest, with the additional fields `more`."""
        return Descriptor(
            media_type=self.manifest.media_type, digest=self.digest, size=len(self.manifest.raw), **more
        )

    def all_blobs(self) -> dict[str, bytes]:
        """Return the blobs of this image and of its children."""
        blobs = dict(self.blobs)
        for child in self.children:
            blobs |= child.all_blobs()
        return blobs


def make_tar(files: dict[str, bytes]) -> bytes:
    """Make a tar archive of regular files with constant metadata."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def make_image(
    files: dict[str, bytes] | None = None,
    *,
    labels: dict[str, str] | None = None,
    platform: str = "linux/amd64",
    docker: bool = False,
    layers: tuple[bytes, ...] = (),
    extra: dict[str, Any] | None = None,
    config: bytes | None = None,
) -> Image:
    """Make an image of one platform. `layers`: tars in addition to that of `files`; `config`: bytes of the config."""
    tars = (make_tar(files if files is not None else {"hello": b"hello\n"}), *layers)
    packed = [gzip.compress(tar, 1, mtime=0) for tar in tars]
    system, _, architecture = platform.partition("/")
    config = config or _json(
        {
            "architecture": architecture,
            "os": system,
            "config": {"Labels": labels or {}},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
            "history": [{"created_by": "test"} for _ in tars],
        }
    )
    layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip" if docker else OCI_LAYER + "+gzip"
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": _descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, config),
        "layers": [_descriptor(layer_type, blob) for blob in packed],
        **(extra or {}),
    }
    raw = _json(document)
    blobs = {digest(blob): blob for blob in (config, *packed)}
    return Image(Manifest(media_type=media_type, digest=digest(raw), raw=raw), blobs)


def make_index(*images: Image, platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")) -> Image:
    """Make an OCI image index of `images`, which get `platforms` in order."""
    entries = []
    for image, platform in zip(images, platforms, strict=False):
        system, architecture = platform.split("/", 1)
        entry = _descriptor(image.manifest.media_type, image.manifest.raw)
        entries.append({**entry, "platform": {"os": system, "architecture": architecture}})
    raw = _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    return Image(Manifest(media_type=OCI_INDEX, digest=digest(raw), raw=raw), {}, tuple(images))


def store(image: Image, repository: Repository, *tags: str) -> None:
    """Put all blobs and manifests of `image` into `repository`, children first, and give the image `tags`."""
    for child in image.children:
        store(child, repository)
    for name, blob in image.blobs.items():
        descriptor = Descriptor(media_type="application/octet-stream", digest=name, size=len(blob))
        repository.put_blob(descriptor, lambda blob=blob: io.BytesIO(blob))  # type: ignore[misc]
    repository.put_manifest(image.manifest)
    for tag in tags:
        repository.put_manifest(image.manifest, tag=tag)


def _descriptor(media_type: str, raw: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(raw), "size": len(raw)}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def blob_of(raw: bytes) -> Descriptor:
    return Descriptor(media_type="application/octet-stream", digest=digest(raw), size=len(raw))


def copy_between(
    source: Repository, destination: Repository, image: Image, **options: tuple[str, ...]
) -> None:
    copy_image(source, destination, image.digest, sink=NullSink(), cancel=Cancel(), **options)  # type: ignore[arg-type]  # callers give what copy_image takes


def layout_with(tmp_path: Path, image: Image, *tags: str) -> Layout:
    layout = Layout(str(tmp_path / "layout"))
    store(image, layout, *tags)
    return layout
