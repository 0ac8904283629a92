"""The Protocol of repositories (in registries, OCI layouts, archives), and the media types of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Protocol, runtime_checkable

import msgspec

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

# OCI's media types and the older ones of Docker, which many registries still serve.
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
# Layers that may stay where their `urls` point to, such as base layers of Windows. Sources: image-spec v1.1,
# "Non-Distributable Layers"; Docker's image manifest v2, schema 2.
_FOREIGN_LAYER = (
    "application/vnd.docker.image.rootfs.foreign.",
    "application/vnd.oci.image.layer.nondistributable.",
)
# Media types in the `Accept` header of every request for a manifest. With fewer types, a registry may answer 404 for an
# existing tag, or convert the manifest (to schema 1), which changes its digest.
ACCEPTED_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST)


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The type, digest and size (in bytes) of a blob or manifest. Source: OCI image-spec v1.1, descriptor."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | None = None
    artifact_type: str | None = None
    platform: dict[str, Any] | None = None
    urls: tuple[str, ...] = ()

    @property
    def is_manifest(self) -> bool:
        """Whether the content is a manifest or an index. Other children of an index are copied as blobs."""
        return self.media_type in INDEX_TYPES | MANIFEST_TYPES

    @property
    def is_foreign(self) -> bool:
        """Whether the content is a layer that repositories need not have, because its `urls` say where it is."""
        return bool(self.urls) and self.media_type.startswith(_FOREIGN_LAYER)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest or index. `raw`: the bytes as stored, never encoded again; `digest`: of these bytes."""

    media_type: str
    digest: str
    raw: bytes

    @property
    def is_index(self) -> bool:
        """Whether the document is an index, which lists manifests, not layers."""
        return self.media_type in INDEX_TYPES


class ImageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Labels and platforms of an image.

    `labels`: of the image config. For an index: of its first platform, or, if every platform was read, the labels that
    are equal in all configs. `disputed`: names of labels that differ, and `platform` if a config contradicts the index.
    """

    digest: str
    media_type: str
    labels: Mapping[str, str]
    platforms: tuple[str, ...]  # "linux/amd64", "linux/arm/v7"; attestations (unknown/unknown) left out
    disputed: tuple[str, ...] = ()


class Repository(Protocol):
    """A repository of images: in a registry, an OCI layout, an archive, a folder or a docker daemon. Thread-safe.

    Methods raise from the `RegistryError` branch: `NotFound` if something does not exist, `Denied`, `Unreachable` and
    `Invalid` if it is not known whether something exists. Methods raise `ConfigError` for an invalid tag or digest, and
    for what a kind of repository cannot do.
    """

    @property
    def name(self) -> str:
        """The repository's name in logs and plans: `ghcr.io/acme/app`, `oci:dist/image`. Has no credential."""

    def resolve(self, reference: str) -> Descriptor | None:
        """The current descriptor of a tag or digest; None if the tag or digest does not exist (404)."""

    def manifest(self, reference: str) -> Manifest:
        """The manifest of a tag or digest. A requested digest is compared with the bytes."""

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """A stream of the blob. Reading the stream to its end checks size and digest (`DigestMismatch`)."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the repository has the blob."""

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        """Store the blob; returns whether bytes were sent (False: the blob existed or was mounted).

        `reopen`: opens the blob's bytes, once for each attempt. `mount_from`: names of repositories in the same
        registry.
        """

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Store the manifest's bytes, by digest (`tag=None`) or under a tag, and check the stored digest."""

    def tags(self) -> tuple[str, ...]:
        """All valid tags, in any order; () for a repository that does not exist."""

    def check_push(self) -> None:
        """Raise from the `RegistryError` branch unless images may be pushed: `Denied` if a registry refuses.

        A registry gets the request that starts an upload, which is then cancelled; a layout is not changed.
        """

    def delete_tag(self, tag: str) -> None:
        """Delete only the tag, not its manifest. Raises `Invalid` if the registry cannot do that."""

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest, and with it every tag that names the manifest."""


@runtime_checkable
class OnDisk(Protocol):
    """A repository in a folder, where a file or symlink may be in the way."""

    def require_clear(self) -> None:
        """Raise `RefusedError` or `RegistryError` if something is in the way; rights are not asked about."""


@runtime_checkable
class Connects(Protocol):
    """A repository that is reached over the network, and can be connected to before it is needed."""

    def connect(self) -> None:
        """Open connections for the requests that follow. Errors are ignored: those requests report them."""


@runtime_checkable
class Expects(Protocol):
    """A repository that can look for a blob before it is asked for it."""

    def expect_blob(self, descriptor: Descriptor) -> None:
        """Look for a blob that `has_blob` will soon be asked for. Errors are ignored: `has_blob` meets them again."""


@runtime_checkable
class AnswersMany(Protocol):
    """A repository that answers for many manifests at once with less work. It gives only what it can answer so."""

    def resolve_many(self, references: Sequence[str]) -> Mapping[str, Descriptor]:
        """As `resolve`, for many tags or digests; without those that must be resolved alone."""

    def read_many(self, digests: Sequence[str]) -> Mapping[str, Manifest]:
        """As `manifest`, for many digests; without those that must be read alone."""


class Registries(Protocol):
    """Opens repositories by name."""

    def open(self, target: str) -> Repository:
        """The repository of a name such as `ghcr.io/acme/app` or `oci:dist/image`. Raises `ConfigError`."""
