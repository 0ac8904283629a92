"""Referrers of an image: signatures, attestations, SBOMs. Listed, created and copied.

Source: OCI distribution-spec v1.1, "Listing Referrers" and "Pushing Manifests with Subject"; image-spec v1.1,
"Guidelines for Artifact Usage". In registries without the API, clients keep an index under the tag `sha256-HEX`.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol, runtime_checkable

import msgspec

from release.control import Cancel
from release.errors import Invalid, NotFound, Unreachable
from release.events import Note, Sink
from release.oci import OCI_MANIFEST, Descriptor, Manifest, Repository
from release.oci.attached import COSIGN, lists, referrers_tag, with_referrer, without_referrer
from release.oci.manifest import EMPTY, EMPTY_CONTENT, children, digest_bytes, encode_manifest, subject
from release.transfer.copy import BLOBS, copy_image

# Levels of referrers of referrers that are copied, below the referrers of the image.
# Deeper ones are left out: whoever can push to the source could nest them without end.
_DEEPEST = 4
# Referrers and tags of cosign that one call copies. Whoever can push to the source can attach any number; one more
# raises `Invalid`.
_MOST = 1000
# Times that the list under a tag is written and read back, or the API is read until it shows a new referrer.
# If other writers have overwritten the list each time, `Unreachable` is raised.
# The pauses come to 3.15 s at most.
_MOST_RACES = 6
# Seconds before the second attempt, doubled for each further one, times a jitter of 0 to 1 that spreads the writers.
_PAUSE = 0.05


@runtime_checkable
class Answering(Protocol):
    """A repository with the referrers API."""

    def referrers(self, digest: str) -> tuple[Descriptor, ...] | None:
        """The referrers of a manifest; None if the registry lacks the API."""


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """Attachments of an image. `referrers`: manifests with the image as their subject. `tags`: tags of cosign."""

    referrers: tuple[Descriptor, ...] = ()
    tags: tuple[str, ...] = ()


def find_referrers(repository: Repository, digest: str) -> tuple[Descriptor, ...]:
    """Every manifest that has `digest` as its subject, each once."""
    answered = repository.referrers(digest) if isinstance(repository, Answering) else None
    found = answered if answered is not None else _listed(repository, digest)
    return tuple({item.digest: item for item in found}.values())


def find_attached(repository: Repository, digest: str) -> Attached:
    """Referrers and cosign's tags of an image."""
    tags = tuple(
        tag
        for tag in (f"{referrers_tag(digest)}{ending}" for ending in COSIGN)
        if repository.resolve(tag) is not None
    )
    return Attached(referrers=find_referrers(repository, digest), tags=tags)


def copy_attached(
    source: Repository,
    destination: Repository,
    digests: Iterable[str],
    *,
    jobs: int = BLOBS,
    sink: Sink,
    cancel: Cancel,
    mount_from: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Copy the attachments of `digests` (an index and its children), and their own attachments, up to a depth.

    Returns the copied digests. Raises `Invalid` for more than 1000.

    A tag of cosign with other content at the destination is replaced only if the source's content includes all of it.
    A tag that is not replaced is warned of if the destination lacks something.
    """
    copied: dict[str, None] = {}

    def take(digest: str) -> None:
        if digest not in copied and len(copied) >= _MOST:
            raise Invalid(f"more than {_MOST} manifests refer to what is copied")
        copy_image(source, destination, digest, jobs=jobs, sink=sink, cancel=cancel, mount_from=mount_from)
        copied[digest] = None

    waiting = [(digest, 0) for digest in digests]
    while waiting:
        cancel.check()
        digest, depth = waiting.pop()
        attached = find_attached(source, digest)
        for tag in attached.tags:
            manifest = source.manifest(tag)
            if _may_take(destination, tag, manifest, sink):
                take(manifest.digest)
                destination.put_manifest(manifest, tag=tag)
        for descriptor in attached.referrers:
            if descriptor.digest not in copied:
                take(descriptor.digest)
                attach(destination, destination.manifest(descriptor.digest), cancel=cancel)
                if depth < _DEEPEST:
                    waiting.append((descriptor.digest, depth + 1))
    return tuple(copied)


def _may_take(destination: Repository, tag: str, manifest: Manifest, sink: Sink) -> bool:
    """Whether a tag of cosign may be set to the source's manifest: nothing is lost, and something is gained."""
    held = destination.resolve(tag)
    if held is None:
        return True
    ours, theirs = _layers(destination.manifest(held.digest)), _layers(manifest)
    if held.digest == manifest.digest or theirs < ours:
        return False
    if ours <= theirs:
        return True
    sink.emit(
        Note(
            level="warning",
            text=f"`{destination.name}:{tag}` holds other content than the source's, and was left as it is: "
            f"{len(theirs - ours)} of the source's {len(theirs)} entries are missing there",
        )
    )
    return False


def _layers(manifest: Manifest) -> frozenset[tuple[str, frozenset[tuple[str, str]]]]:
    """The signatures or attestations in a manifest of cosign, by digest and annotations.

    The digest alone does not tell them apart: two keys may sign the same payload, and the signature is an annotation.
    """
    below = children(manifest)
    return frozenset(
        (child.digest, frozenset((child.annotations or {}).items()))
        for child in (below if manifest.is_index else below[1:])
    )


def attach(
    repository: Repository,
    manifest: Manifest,
    *,
    cancel: Cancel | None = None,
    jitter: Callable[[], float] = random.random,
) -> None:
    """List a manifest that is in the repository as a referrer of its subject.

    Without the referrers API the list is an index under a tag. Tags have no compare-and-swap, so two writers may
    overwrite each other's entry: the list is read back, and written again until it has this entry. Raises `Unreachable`
    if others have overwritten the list six times. With the API, the registry lists the manifest itself; no error is
    raised if that takes longer than about 3 s. A manifest without a subject is ignored.
    """
    about = subject(manifest)
    if about is None:
        return
    cancel = cancel or Cancel()
    for attempt in range(_MOST_RACES):
        # Only a request tells whether a registry has the API: ECR sends the header OCI-Subject and answers 404.
        answered = repository.referrers(about.digest) if isinstance(repository, Answering) else None
        if _is_listed(repository, manifest, about.digest, answered):
            return
        cancel.wait(_PAUSE * 2**attempt * jitter())
    if answered is None:
        raise Unreachable(
            f"`{repository.name}:{referrers_tag(about.digest)}` is overwritten by others all the time",
            hint="run it again",
        )


def detach(repository: Repository, manifest: Manifest) -> None:
    """Take a deleted manifest off the list of its subject's referrers, where that list is an index under a tag."""
    about = subject(manifest)
    if about is None or (
        isinstance(repository, Answering) and repository.referrers(about.digest) is not None
    ):
        return
    index = _index(repository, about.digest)
    if index is None or not lists(index, manifest.digest):
        return
    rest = without_referrer(index, manifest.digest)
    if rest is not None:
        repository.put_manifest(rest, tag=referrers_tag(about.digest))
    else:
        repository.delete_manifest(index.digest)


def _is_listed(
    repository: Repository, manifest: Manifest, about: str, answered: tuple[Descriptor, ...] | None
) -> bool:
    """Whether the registry's API lists the manifest or, without an API (`answered`: None), the fallback tag does.

    A manifest that the index under the fallback tag lacks is added to the index first, and the tag is read back.
    """
    if answered is not None:
        return any(item.digest == manifest.digest for item in answered)
    index = _index(repository, about)
    if not lists(index, manifest.digest):
        repository.put_manifest(with_referrer(index, manifest), tag=referrers_tag(about))
        index = _index(repository, about)
    return lists(index, manifest.digest)


def _listed(repository: Repository, digest: str) -> tuple[Descriptor, ...]:
    index = _index(repository, digest)
    return children(index) if index is not None else ()


def _index(repository: Repository, digest: str) -> Manifest | None:
    try:
        index = repository.manifest(referrers_tag(digest))
    except NotFound:
        return None
    if not index.is_index:
        raise Invalid(
            f"`{repository.name}:{referrers_tag(digest)}` should list referrers and is not an index"
        )
    return index


IN_TOTO = "application/vnd.in-toto+json"
PREDICATE_TYPE = "in-toto.io/predicate-type"  # the annotation that BuildKit uses for attestations


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest with `subject`, an empty config, and `payload` as its only layer."""

    manifest: Manifest
    layer: Descriptor
    payload: bytes


def make_statement(
    payload: bytes, subject: Descriptor, *, predicate_type: str, annotations: Mapping[str, str]
) -> Artifact:
    """An artifact that attaches an in-toto statement to `subject`. Equal arguments give equal bytes."""
    layer = Descriptor(
        media_type=IN_TOTO,
        digest=digest_bytes(payload),
        size=len(payload),
        annotations={PREDICATE_TYPE: predicate_type},
    )
    about = Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size)
    manifest = encode_manifest(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": IN_TOTO,
            "config": EMPTY,
            "layers": [layer],
            "subject": about,
            "annotations": {**annotations, PREDICATE_TYPE: predicate_type},
        },
        OCI_MANIFEST,
    )
    return Artifact(manifest=manifest, layer=layer, payload=payload)


def push_artifact(repository: Repository, artifact: Artifact, *, cancel: Cancel) -> None:
    """Push the artifact by digest and list it as a referrer of its subject. Repeating this changes nothing."""
    repository.put_blob(EMPTY, partial(io.BytesIO, EMPTY_CONTENT))
    repository.put_blob(artifact.layer, partial(io.BytesIO, artifact.payload))
    repository.put_manifest(artifact.manifest)
    attach(repository, artifact.manifest, cancel=cancel)
