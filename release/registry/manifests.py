"""The manifests of one repository in a registry: resolved, read, and stored with lost replies settled."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from release.errors import DigestMismatch, Invalid, NotFound, RegistryError, Unreachable
from release.oci import ACCEPTED_TYPES, Descriptor, Manifest
from release.oci.grammar import is_digest, require_digest, require_tag
from release.oci.manifest import LARGEST_PULLED, LARGEST_PUSHED, describe
from release.registry.blob_presence import WITHOUT_HEAD
from release.registry.calls import Calls
from release.registry.hosts.call import Call
from release.registry.hosts.refusal_hints import PROXY
from release.registry.http.answer import Answer
from release.registry.immutable import Immutable
from release.registry.manifest_answers import algorithm, described, manifest_in, named, printable
from release.registry.many_manifests import read_many, resolve_many
from release.registry.untagged import Untagged

_ACCEPT = {"Accept": ", ".join(ACCEPTED_TYPES)}
# Retries of a manifest that is refused with 400 DIGEST_INVALID, although its digest was computed from the sent bytes.
# The reference server distribution refuses a manifest while another writer stores one of its blobs or children again.
# Its 2.8.2 rewrites small files in place: 30 of 1,200 writes by four writers of the same images were refused.
_REFUSALS = 3
# Seconds between attempts to read a tag back, for registries that keep content on several servers.
_LAGS = (0.2, 0.5, 1.0, 2.0)


class Manifests:
    """The manifests of the repository that `calls` leads to. `has_blob`: whether the repository has a blob."""

    def __init__(self, calls: Calls, has_blob: Callable[[Descriptor], bool]) -> None:
        self._calls = calls
        self._host = calls.host
        self._name = calls.name
        # The digest under each tag or digest that was requested, None for 404.
        # If the reply to a PUT is lost and another digest than this is found, another writer has set the tag.
        self._held: dict[str, str | None] = {}
        self._untagged = Untagged(calls.host, calls.name, has_blob)
        self._known: Immutable[Manifest] = Immutable(lambda manifest: len(manifest.raw))

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of a tag or digest, by HEAD; None for 404."""
        return self._resolve(reference, self._host.call)

    def _resolve(self, reference: str, send: Callable[[Call], Answer]) -> Descriptor | None:
        _require_reference(reference)
        call = self._call("HEAD", reference, f"the question what `{self._name}:{reference}` is")
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
        call = partial(self._call, "HEAD", what=f"resolving tags of `{self._name}`")
        found = resolve_many(self._host, self._name, references, call)
        self._held.update((reference, one.digest) for reference, one in found.items())
        return found

    def read_many(self, digests: Sequence[str]) -> dict[str, Manifest]:
        """As `read`, many at a time; without those that must be read alone."""
        unread = [require_digest(one) for one in digests if not self._known.has(one)]
        call = partial(self._call, "GET", what=f"reading manifests of `{self._name}`")
        found = read_many(self._host, self._name, unread, call)
        for digest, manifest in found.items():
            self._known.keep(digest, manifest)
        return found

    def read(self, reference: str) -> Manifest:
        """Read the manifest under a tag or digest, and check its digest. Raises `NotFound`.

        The manifest of a digest is read once in a run, or not at all after it was sent.
        """
        _require_reference(reference)
        if is_digest(reference):
            return self._known.get(reference, partial(self._read, reference))
        found = self._read(reference)
        self._known.keep(found.digest, found)
        return found

    def _read(self, reference: str) -> Manifest:
        call = self._call("GET", reference, f"reading {named(self._name, reference)}")
        try:
            answer, raw = self._host.fetch(call, 200, most=LARGEST_PULLED, name="manifest")
        except NotFound:
            if (hidden := self._untagged.hidden(reference)) is not None:
                return hidden
            raise
        return manifest_in(answer.headers, raw, self._name, reference)

    def put(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Send a manifest's raw bytes. After a lost reply, read back whether the registry stored them.

        Raises `Invalid` for more than 4 MiB, and `DigestMismatch` if the registry reports another digest.
        """
        if len(manifest.raw) > LARGEST_PUSHED:
            raise Invalid(
                f"manifest `{manifest.digest}` is larger than the {LARGEST_PUSHED} bytes that registries accept",
                hint="list fewer images in the index, or shorten its annotations",
            )
        reference = require_digest(manifest.digest) if tag is None else require_tag(tag)
        call = self._calls.make(
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

    def forget(self, digest: str) -> None:
        """Read the manifest of a digest anew the next time, as after its deletion."""
        self._known.forget(digest)

    def _resolve_by_reading(self, reference: str) -> Descriptor | None:
        try:
            manifest = self.read(reference)
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
        if not stored and not is_digest(reference):
            self._require_tagged(manifest, reference)
        self._held[reference] = manifest.digest
        self._known.keep(manifest.digest, manifest)
        if is_digest(reference):
            self._untagged.accepted(manifest)

    def _require_tagged(self, manifest: Manifest, tag: str) -> None:
        """Raise `Invalid` unless the tag holds the manifest within a few seconds.

        For a registry whose answer does not name the digest that it stored: a proxy may have answered in its place.
        """
        for pause in (*_LAGS, None):
            held = self.resolve(tag)
            if held is not None and held.digest == manifest.digest:
                return
            if pause is not None:
                self._host.ports.cancel.wait(pause)
        raise Invalid(
            f"`{self._host.registry}` accepted the tag `{tag}` of `{self._name}`, which then held "
            f"{f'`{held.digest}`' if held else 'nothing'} and not `{manifest.digest}`",
            hint=PROXY if held is None else "somebody else writes this tag: run again",
        )

    def _holds(self, manifest: Manifest, reference: str) -> bool:
        try:
            held = self.resolve(reference)
        except RegistryError:
            return False
        return held is not None and held.digest == manifest.digest

    def _call(self, method: str, reference: str, what: str) -> Call:
        return self._calls.make(method, f"manifests/{reference}", what, headers=_ACCEPT)


def _passing(error: Invalid) -> Unreachable:
    """The refusal as a transient error, so that the request is retried."""
    return Unreachable(error.message, hint=error.hint, status=error.status, code=error.code)


def _require_reference(reference: str) -> None:
    if not is_digest(reference):
        require_tag(reference)
