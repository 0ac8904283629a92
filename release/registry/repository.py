"""A repository in a registry over HTTP, as a `Repository`. Source: OCI distribution-spec v1.1.

Only 404 means that something does not exist. Every other answer (401, 403, time-outs, unexpected media types) raises,
so that an unknown tag is never taken for a free one.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING

from release.errors import DigestMismatch, Invalid, NotFound, RegistryError, Unreachable
from release.oci import ACCEPTED_TYPES, DOCKER_CONFIG, OCI_CONFIG, OCI_INDEX, Descriptor, Manifest
from release.oci.manifest import LARGEST_PULLED, LARGEST_PUSHED, describe
from release.oci.reference import Reference, is_digest, require_digest, require_tag
from release.oci.verify import verified
from release.registry.auth.challenge import scope
from release.registry.blob_presence import WITHOUT_HEAD, BlobPresence
from release.registry.downloads import open_unchecked
from release.registry.growing_upload import GrowingUpload
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.http.client import Answer
from release.registry.immutable import Immutable
from release.registry.manifest_answers import algorithm, described, manifest_in, named, printable
from release.registry.many_manifests import read_many, resolve_many
from release.registry.referrer_list import list_referrers
from release.registry.tag_list import list_tags
from release.registry.untagged import Untagged
from release.registry.upload_sessions import Sessions
from release.registry.uploads import BlobUpload

if TYPE_CHECKING:
    from release.oci.deletion import Deletion

_ACCEPT = {"Accept": ", ".join(ACCEPTED_TYPES)}
# Media types of layers and configs, which no registry stores as manifests.
_BLOB_TYPES = (
    "application/vnd.oci.image.config.",
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.container.image.",
    "application/vnd.docker.image.",
)
# Retries of a manifest that is refused with 400 DIGEST_INVALID, although its digest was computed from the sent bytes.
# The reference server distribution refuses a manifest while another writer stores one of its blobs or children again.
# Its 2.8.2 rewrites small files in place: 30 of 1,200 writes by four writers of the same images were refused.
_REFUSALS = 3
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
        # The digest under each tag or digest that was requested, None for 404.
        # If the reply to a PUT is lost and another digest than this is found, another writer has set the tag.
        self._held: dict[str, str | None] = {}
        self._untagged = Untagged(host, self._name, self.has_blob)
        self._manifests: Immutable[Manifest] = Immutable(lambda manifest: len(manifest.raw))
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
        return self._resolve(reference, self._host.call)

    def _resolve(self, reference: str, send: Callable[[Call], Answer]) -> Descriptor | None:
        _require_reference(reference)
        call = self._manifest_call("HEAD", reference, f"the question what `{self._name}:{reference}` is")
        with contextlib.closing(send(call)) as answer:
            if answer.status not in (200, 404, *WITHOUT_HEAD):
                raise self._host.fault(answer, call)
            found = described(answer.headers, self._name, reference) if answer.status == 200 else None
        if answer.status in WITHOUT_HEAD or (answer.status == 200 and found is None):
            return self._resolve_by_reading(reference)
        hidden = self._untagged.hidden(reference) if found is None else None
        self._held[reference] = found.digest if found else None
        return found if hidden is None else describe(hidden)

    def resolve_many(self, references: Sequence[str]) -> dict[str, Descriptor]:
        """As `resolve`, many at a time; without those that must be resolved alone."""
        for reference in references:
            _require_reference(reference)
        call = partial(self._manifest_call, "HEAD", what=f"resolving tags of `{self._name}`")
        found = resolve_many(self._host, self._name, references, call)
        self._held.update((reference, one.digest) for reference, one in found.items())
        return found

    def read_many(self, digests: Sequence[str]) -> dict[str, Manifest]:
        """As `manifest`, many at a time; without those that must be read alone."""
        unread = [require_digest(one) for one in digests if not self._manifests.has(one)]
        call = partial(self._manifest_call, "GET", what=f"reading manifests of `{self._name}`")
        found = read_many(self._host, self._name, unread, call)
        for digest, manifest in found.items():
            self._manifests.keep(digest, manifest)
        return found

    def manifest(self, reference: str) -> Manifest:
        """Read the manifest under a tag or digest, and check its digest. Raises `NotFound`.

        The manifest of a digest is read once in a run, or not at all after it was sent.
        """
        _require_reference(reference)
        if is_digest(reference):
            return self._manifests.get(reference, partial(self._read_manifest, reference))
        found = self._read_manifest(reference)
        self._manifests.keep(found.digest, found)
        return found

    def _read_manifest(self, reference: str) -> Manifest:
        call = self._manifest_call("GET", reference, f"reading {named(self._name, reference)}")
        try:
            answer, raw = self._host.fetch(call, 200, most=LARGEST_PULLED, name="manifest")
        except NotFound:
            if (hidden := self._untagged.hidden(reference)) is not None:
                return hidden
            raise
        return manifest_in(answer.headers, raw, self._name, reference)

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
            return open_unchecked(self._host, self._call("GET", f"blobs/{digest}", what), descriptor)
        except NotFound:
            if descriptor.media_type.startswith(_BLOB_TYPES) or descriptor.size > LARGEST_PULLED:
                raise
            call = self._call("GET", f"manifests/{digest}", what, headers={"Accept": descriptor.media_type})
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

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Send a manifest's raw bytes. After a lost reply, read back whether the registry stored them.

        Raises `Invalid` for more than 4 MiB, and `DigestMismatch` if the registry reports another digest.
        """
        if len(manifest.raw) > LARGEST_PUSHED:
            raise Invalid(
                f"manifest `{manifest.digest}` is larger than the {LARGEST_PUSHED} bytes that registries accept"
            )
        reference = require_digest(manifest.digest) if tag is None else require_tag(tag)
        call = self._call(
            "PUT",
            f"manifests/{reference}",
            f"storing manifest `{reference}` in `{self._name}`",
            actions=("pull", "push"),
            body=manifest.raw,
            headers={"Content-Type": manifest.media_type},
        )
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._require_stored(self._host.once(call), manifest, reference, call)
            except Unreachable as error:
                if self._settled(manifest, reference, error):
                    return None
                self._host.retrier.pause(error, attempt)
            except Invalid as error:
                if error.code != "DIGEST_INVALID" or attempt > _REFUSALS:
                    raise
                self._host.retrier.pause(_passing(error), attempt)

    def hides(self, digest: str) -> bool:
        """Whether the registry does not show an accepted manifest because no tag names it. See `Untagged.settle`."""
        return self._untagged.settle(digest)

    def tags(self) -> tuple[str, ...]:
        """All valid tags once, in the registry's order; () for a repository that does not exist."""
        what = f"listing the tags of `{self._name}`"
        return list_tags(self._host, lambda path: self._call("GET", path, what))

    def referrers(self, digest: str) -> tuple[Descriptor, ...] | None:
        """Manifests with `digest` as their subject; None where the registry lacks that API."""
        what = f"listing what refers to `{digest}`"
        call = self._call("GET", f"referrers/{require_digest(digest)}", what, headers={"Accept": OCI_INDEX})
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

    def _resolve_by_reading(self, reference: str) -> Descriptor | None:
        try:
            manifest = self.manifest(reference)
        except NotFound:
            self._held[reference] = None
            return None
        self._held[reference] = manifest.digest
        return describe(manifest)

    def _settled(self, manifest: Manifest, reference: str, error: Unreachable) -> bool:
        """Whether a PUT with an unknown outcome was applied. Raises if another client moved the tag meanwhile."""
        before, known_before = self._held.get(reference), reference in self._held
        try:
            now = self._resolve(reference, self._host.once)
        except Unreachable:
            return False
        if now is not None and now.digest == manifest.digest:
            return True
        if known_before and before != (now.digest if now else None):
            raise Unreachable(
                f"{error.message}; meanwhile `{reference}` became `{now.digest if now else 'nothing'}`",
                hint="somebody else writes this tag: run again",
            ) from error
        return False

    def _require_stored(self, answer: Answer, manifest: Manifest, reference: str, call: Call) -> None:
        if answer.status not in (200, 201, 202, 204):
            error = self._host.fault(answer, call)
            # The registry refuses to change an immutable tag, but the tag holds exactly this manifest already.
            if not is_digest(reference) and isinstance(error, Invalid) and self._holds(manifest, reference):
                return
            raise error
        stored = answer.headers.get("Docker-Content-Digest")
        answer.close()
        if stored and algorithm(stored) == algorithm(manifest.digest) and stored != manifest.digest:
            raise DigestMismatch(
                f"`{self._host.registry}` stored `{printable(stored)}` where `{manifest.digest}` was sent"
            )
        self._held[reference] = manifest.digest
        self._manifests.keep(manifest.digest, manifest)
        if is_digest(reference):
            self._untagged.accepted(manifest)

    def _holds(self, manifest: Manifest, reference: str) -> bool:
        try:
            held = self.resolve(reference)
        except RegistryError:
            return False
        return held is not None and held.digest == manifest.digest

    def _manifest_call(self, method: str, reference: str, what: str) -> Call:
        return self._call(method, f"manifests/{reference}", what, headers=_ACCEPT)

    def _call(
        self,
        method: str,
        path: str,
        what: str,
        *,
        actions: tuple[str, ...] = ("pull",),
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Call:
        return Call(
            method=method,
            path=f"/v2/{self._repository}/{path}",
            what=what,
            subject=self._repository,
            scopes=(scope(self._repository, *actions),),
            headers=headers or {},
            body=body,
        )


def _passing(error: Invalid) -> Unreachable:
    """The refusal as a transient error, so that the request is retried."""
    return Unreachable(error.message, hint=error.hint, status=error.status, code=error.code)


def _require_reference(reference: str) -> None:
    if not is_digest(reference):
        require_tag(reference)
