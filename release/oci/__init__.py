"""Registries and OCI layouts behind one Protocol, and the media types of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any, Protocol

import msgspec

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
# All four, always: a narrow Accept makes an existing tag look free (404) or changes its digest (schema 1).
ACCEPTED_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST)


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pointer to content. `size`: bytes. Source: OCI image-spec v1.1, descriptor."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | None = None
    artifact_type: str | None = None
    platform: dict[str, Any] | None = None
    urls: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest or index as it was stored: `raw` bytes, never re-encoded, with the digest of those bytes."""

    media_type: str
    digest: str
    raw: bytes

    @property
    def is_index(self) -> bool:
        """Whether this lists manifests rather than layers."""
        return self.media_type in INDEX_TYPES


class ImageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an image says of itself.

    `labels`: of the config. For an index: of its first platform, or, where every platform was read, those on which
    all of them agree; `disputed` names the others, and holds `platform` where a config contradicts the index.
    """

    digest: str
    media_type: str
    labels: Mapping[str, str]
    platforms: tuple[str, ...]  # "linux/amd64", "linux/arm/v7"; attestations (unknown/unknown) left out
    disputed: tuple[str, ...] = ()


class Repository(Protocol):
    """One place that holds images: a repository in a registry, or an OCI layout folder.

    Every method raises from the `RegistryError` branch: `NotFound` is known absence; `Denied`, `Unreachable`
    and `Invalid` mean that nothing is known. All methods may be called from several threads.
    """

    @property
    def name(self) -> str:
        """How logs and plans call it: `ghcr.io/acme/app`, `oci:dist/image`. Holds no credential."""

    def resolve(self, reference: str) -> Descriptor | None:
        """What a tag or digest names now, or None when the answer is that it does not exist (404)."""

    def manifest(self, reference: str) -> Manifest:
        """The manifest under a tag or digest; its bytes were hashed and compared."""

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """A readable stream of the blob; reading to the end checks size and digest (`DigestMismatch`)."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob is here already."""

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        """Make the blob be here; returns whether bytes were sent (False: present or mounted).

        `reopen` gives a fresh stream for every attempt. `mount_from`: repository names of the same registry.
        """

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Store the raw bytes by digest (`tag=None`) or under a tag, and compare the digest that was stored."""

    def tags(self) -> tuple[str, ...]:
        """All tags, valid ones only, in no particular order; () for a repository that does not exist."""

    def check_push(self) -> None:
        """Raise `Denied` unless the credential may push here. Sends a write request; leaves nothing behind."""

    def delete_tag(self, tag: str) -> None:
        """Remove this tag and only this tag; raises `Invalid` where the registry cannot do that."""

    def delete_manifest(self, digest: str) -> None:
        """Remove a manifest and with it every tag on it."""


class Registries(Protocol):
    """Opens targets by name."""

    def open(self, target: str) -> Repository:
        """Open `ghcr.io/acme/app`, `localhost:5000/app` or `oci:dist/image`; `ConfigError` if it is none of them."""
