"""A repository in a registry over HTTP, as a `Repository`. Source: OCI distribution-spec v1.1.

Only 404 means that something does not exist. Every other answer (401, 403, time-outs, unexpected media types) raises,
so that an unknown tag is never taken for a free one.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING

from release.errors import NotFound
from release.oci import DOCKER_CONFIG, OCI_CONFIG, OCI_INDEX, Descriptor, Manifest
from release.oci.grammar import require_digest, require_tag
from release.oci.manifest import LARGEST_PULLED
from release.oci.reference import Reference
from release.oci.verify import verified
from release.registry.blob_presence import BlobPresence
from release.registry.calls import Calls
from release.registry.downloads import open_unchecked
from release.registry.growing_upload import GrowingUpload
from release.registry.hosts.host import Host
from release.registry.immutable import Immutable
from release.registry.manifests import Manifests
from release.registry.referrer_list import list_referrers
from release.registry.tag_list import list_tags
from release.registry.upload_sessions import Sessions
from release.registry.uploads import BlobUpload

if TYPE_CHECKING:
    from release.oci.deletion import Deletion

# Media types of layers and configs, which no registry stores as manifests.
_BLOB_TYPES = (
    "application/vnd.oci.image.config.",
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.container.image.",
    "application/vnd.docker.image.",
)
# Image configs up to this size (bytes) are kept for the rest of the run; usual configs have 1 to 10 KiB.
_LARGEST_KEPT = 256 * 1024
_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})


class RemoteRepository:
    """The repository of `reference`, whose tag or digest is ignored."""

    tells_progress = True  # uploads report the bytes that were sent, so readers need not report them again

    def __init__(self, reference: Reference, host: Host) -> None:
        self._reference = reference
        self._repository = reference.repository
        self._name = reference.name
        self._host = host
        self._calls = Calls(host, reference.name, reference.repository)
        self._manifests = Manifests(self._calls, self.has_blob)
        self._configs: Immutable[bytes] = Immutable(len)
        self._blobs = BlobPresence(host, self._repository, self._configs.has)
        self._deletion: Deletion | None = None  # without a lock: threads that choose at once choose the same

    @property
    def name(self) -> str:
        """`ghcr.io/acme/app`."""
        return self._name

    def connect(self) -> None:
        """Open connections for the requests that follow."""
        self._host.origin.connect()

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of a tag or digest, by HEAD; None for 404."""
        return self._manifests.resolve(reference)

    def resolve_many(self, references: Sequence[str]) -> dict[str, Descriptor]:
        """As `resolve`, many at a time; without those that must be resolved alone."""
        return self._manifests.resolve_many(references)

    def manifest(self, reference: str) -> Manifest:
        """Read the manifest under a tag or digest, and check its digest. Raises `NotFound`."""
        return self._manifests.read(reference)

    def read_many(self, digests: Sequence[str]) -> dict[str, Manifest]:
        """As `manifest`, many at a time; without those that must be read alone."""
        return self._manifests.read_many(digests)

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Send a manifest's raw bytes, under a tag or its digest. Raises `Invalid`, `DigestMismatch`."""
        self._manifests.put(manifest, tag=tag)

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob as a stream that resumes broken connections, and checks size and digest at its end.

        An image config of up to 256 KiB is read once in a run.
        """
        if descriptor.media_type in _CONFIGS and descriptor.size <= _LARGEST_KEPT:
            return io.BytesIO(self._configs.get(descriptor.digest, partial(self._read_blob, descriptor)))
        return self._open_verified(descriptor)

    def _read_blob(self, descriptor: Descriptor) -> bytes:
        with self._open_verified(descriptor) as stream:
            return stream.read()

    def _open_verified(self, descriptor: Descriptor) -> IO[bytes]:
        return verified(self.open_raw(descriptor), descriptor, source=f"`{self._host.registry}`")

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """As `open_blob`, unchecked: for receivers that compare the digest.

        Content that an index lists under a type of its own may be stored as a manifest, and then is read as one.
        """
        digest = require_digest(descriptor.digest)
        what = f"reading blob `{digest}`"
        try:
            return open_unchecked(self._host, self._calls.make("GET", f"blobs/{digest}", what), descriptor)
        except NotFound:
            if descriptor.media_type.startswith(_BLOB_TYPES) or descriptor.size > LARGEST_PULLED:
                raise
            call = self._calls.make(
                "GET", f"manifests/{digest}", what, headers={"Accept": descriptor.media_type}
            )
            return open_unchecked(self._host, call, descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether this repository has the whole blob. It is not asked for a config that was read in this run."""
        return self._blobs.has(descriptor)

    def expect_blob(self, descriptor: Descriptor) -> None:
        """Look for a blob, so that the next `has_blob` need not ask."""
        self._blobs.expect(descriptor)

    def ask_blob(self, descriptor: Descriptor) -> bool:
        """Whether this repository has the blob; False also after an error.

        The answer is remembered, so that the next `has_blob` or `put_blob` need not ask again.
        """
        return self._blobs.ask(descriptor)

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        """Find the blob in this repository, mount it from another one, or send it; returns whether bytes were sent.

        Raises `DamagedBlob` if the registry keeps a damaged blob although the whole one was sent.
        """
        what = f"storing blob `{descriptor.digest[:19]}…` in `{self._name}`"
        upload = BlobUpload(Sessions(self._host, self._repository, what), descriptor, reopen)
        sources = tuple(source for source in mount_from if source != self._repository)
        sent = upload.send(partial(self._blobs.is_there, descriptor), sources)
        if self._blobs.is_damaged(descriptor):
            # A blob that was mounted is the damaged one under another name, if the registry stores each blob once.
            sent = sent or upload.send(lambda: False)
            self._blobs.require_mended(descriptor)
        return sent

    def growing(self, source: IO[bytes]) -> GrowingUpload:
        """The upload of a file that grows; its `run` closes `source`."""
        return GrowingUpload(Sessions(self._host, self._repository, "storing a blob that grows"), source)

    def hides(self, digest: str) -> bool:
        """Whether the registry does not show an accepted manifest because no tag names it. See `Untagged.settle`."""
        return self._manifests.hides(digest)

    def tags(self) -> tuple[str, ...]:
        """All valid tags once, in the registry's order; () for a repository that does not exist."""
        what = f"listing the tags of `{self._name}`"
        return list_tags(self._host, lambda path: self._calls.make("GET", path, what))

    def referrers(self, digest: str) -> tuple[Descriptor, ...] | None:
        """Manifests with `digest` as their subject; None where the registry lacks that API."""
        what = f"listing what refers to `{digest}`"
        call = self._calls.make(
            "GET", f"referrers/{require_digest(digest)}", what, headers={"Accept": OCI_INDEX}
        )
        return list_referrers(self._host, call)

    def check_push(self) -> None:
        """Open an upload session and cancel it. Raises `Denied` where pushing is not allowed."""
        what = f"the question whether `{self._name}` may be pushed to"
        sessions = Sessions(self._host, self._repository, what)
        sessions.cancel(sessions.open(self._host.call))

    def delete_tag(self, tag: str) -> None:
        """Delete one tag, never its digest. Raises `Invalid` if the registry cannot delete a tag alone."""
        self.deletion().delete_tag(require_tag(tag))

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest, and with it every tag on it. Raises `DeletionDisabled` if the registry deletes nothing."""
        self.deletion().delete_manifest(require_digest(digest))
        self._manifests.forget(digest)

    def deletion(self) -> Deletion:
        """The way of deleting here. Chosen at its first use, when the registry's challenge is known."""
        if self._deletion is None:
            # Imported late: only prunes and deletions need the vendors' APIs.
            from release.registry.deletion.choose import deletion_of

            self._deletion = deletion_of(self._reference, self._host)
        return self._deletion
