"""Finds blobs that a repository lost although it has their manifests, and copies them from other repositories.

A registry checks a manifest's blobs only when the manifest is put. Garbage collection, a lost disk or a person may
delete a blob later, and nobody sees that before a pull fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from release.control import Cancel
from release.errors import DamagedBlob, DigestMismatch, NotFound, RegistryError
from release.events import Note, Sink
from release.oci import Descriptor, Repository
from release.oci.graph import blobs_of, read_manifests
from release.task_group import run_all
from release.transfer.copy import copy_image, opener

# Concurrent questions for blobs: HEAD requests, whose round trips take the time.
_QUESTIONS = 16


def missing_blobs(repository: Repository, digest: str, *, cancel: Cancel) -> tuple[Descriptor, ...]:
    """The blobs of an image that the repository lacks, without foreign layers (`urls`).

    Raises `NotFound` if the repository lacks one of the manifests.
    """
    blobs = blobs_of(read_manifests(repository, digest, cancel=cancel))
    blobs = tuple(blob for blob in blobs if not blob.urls)
    asked = [partial(repository.has_blob, blob) for blob in blobs]
    there = run_all(asked, jobs=_QUESTIONS, cancel=cancel) if asked else []
    return tuple(blob for blob, has in zip(blobs, there, strict=True) if not has)


def put_back(
    repository: Repository, digest: str, places: Sequence[Repository], *, sink: Sink, cancel: Cancel
) -> int:
    """Put missing manifests and blobs of an image back from the first places that have them; returns their number.

    Raises `NotFound` for a manifest or blob that no place has.
    """
    others = tuple(place for place in places if place.name != repository.name)
    restored = _put_manifests(repository, digest, others, sink=sink, cancel=cancel)
    missing = missing_blobs(repository, digest, cancel=cancel)
    for blob in missing:
        source = _send(repository, blob, others, sink)
        if source is None:
            raise NotFound(
                f"`{repository.name}` lost {len(missing)} blobs of {digest}, and no other place has"
                f" `{blob.digest}`",
                hint="copy the image from where it still is: `shipmark image copy SOURCE DESTINATION`",
            )
        text = f"`{repository.name}` had lost blob {blob.digest}: put back from `{source.name}`"
        sink.emit(Note(level="warning", text=text))
    return restored + len(missing)


def _send(
    repository: Repository, blob: Descriptor, places: Sequence[Repository], sink: Sink
) -> Repository | None:
    """Send a blob from the first place that has it whole; returns the place, or None. Raises `DamagedBlob`."""
    for place in places:
        if not _has(place, blob):
            continue
        try:
            repository.put_blob(blob, opener(place, repository, blob, sink))
        except DamagedBlob:
            raise
        except (DigestMismatch, NotFound) as error:
            sink.emit(Note(level="warning", text=f"blob {blob.digest} in `{place.name}`: {error.message}"))
            continue
        return place
    return None


def _put_manifests(
    repository: Repository, digest: str, places: Sequence[Repository], *, sink: Sink, cancel: Cancel
) -> int:
    """Copy missing manifests below `digest`, with their blobs, from the first place that has them whole.

    Raises the last place's error if none has.
    """
    try:
        read_manifests(repository, digest, cancel=cancel)
        return 0
    except NotFound as error:
        trouble: RegistryError = error
    for place in places:
        try:
            copied = copy_image(place, repository, digest, sink=sink, cancel=cancel)
        except DamagedBlob:
            raise
        except (DigestMismatch, NotFound) as error:
            trouble = error
            continue
        text = f"`{repository.name}` had lost {copied.manifests} manifests: put back from `{place.name}`"
        sink.emit(Note(level="warning", text=text))
        return copied.manifests
    raise trouble


def _has(place: Repository, blob: Descriptor) -> bool:
    try:
        return place.has_blob(blob)
    except RegistryError:
        return False
