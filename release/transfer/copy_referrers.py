"""Copies what refers to an image: signatures, attestations, SBOMs, and what refers to those."""

from __future__ import annotations

from collections.abc import Iterable

from release.control import Cancel
from release.errors import Invalid, NotFound
from release.events import Note, Sink
from release.oci import Manifest, Repository
from release.oci.manifest import children
from release.transfer.copy import BLOBS, copy_image
from release.transfer.referrers import WITHOUT, attach, find_attached, refers_to

# Levels of referrers of referrers that are copied, below the referrers of the image.
# Deeper ones are left out: whoever can push to the source could nest them without end.
_DEEPEST = 4
# Referrers and tags of cosign that one call copies. Whoever can push to the source can attach any number; one more
# raises `Invalid`.
_MOST = 1000


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

    def take(manifest: Manifest) -> None:
        if manifest.digest not in copied and len(copied) >= _MOST:
            raise Invalid(
                f"more than {_MOST} manifests refer to what is copied",
                hint=WITHOUT,
            )
        copy_image(
            source,
            destination,
            manifest.digest,
            top=manifest,
            jobs=jobs,
            sink=sink,
            cancel=cancel,
            mount_from=mount_from,
        )
        copied[manifest.digest] = None

    waiting = [(digest, 0) for digest in digests]
    while waiting:
        cancel.check()
        digest, depth = waiting.pop()
        attached = find_attached(source, digest)
        for tag in attached.tags:
            manifest = source.manifest(tag)
            if _may_take(destination, tag, manifest, sink):
                take(manifest)
                destination.put_manifest(manifest, tag=tag)
        for descriptor in (one for one in attached.referrers if one.digest not in copied):
            try:
                manifest = source.manifest(descriptor.digest)
                if _is_stray(source, manifest, digest, sink):
                    continue
                take(manifest)
            except NotFound as error:
                text = f"{error.message}, a part of what refers to `{digest}`"
                raise NotFound(text, hint=WITHOUT, status=error.status, code=error.code) from error
            attach(destination, manifest, cancel=cancel)
            if depth < _DEEPEST:
                waiting.append((descriptor.digest, depth + 1))
    return tuple(copied)


def _is_stray(source: Repository, manifest: Manifest, digest: str, sink: Sink) -> bool:
    """Whether the source lists a manifest as a referrer of `digest` that names another subject; warns of it."""
    if refers_to(manifest, digest):
        return False
    text = (
        f"`{source.name}` lists `{manifest.digest}` among what refers to `{digest}`, but its subject is another or"
        " none: it is not copied"
    )
    sink.emit(Note(level="warning", text=text))
    return True


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
