"""Copies an image between repositories: the blobs and manifests below a digest that the destination lacks.

Blobs are sent first and in parallel, then manifests, children before parents, as registries require. Everything is
copied by digest, byte for byte, and no tag changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import IO

import msgspec

from release.control import Cancel
from release.errors import DigestMismatch, RegistryError
from release.events import Note, NullSink, Sink
from release.oci import Descriptor, Manifest, Repository
from release.oci.graph import QUESTIONS, blobs_of, read_manifests, require_as_listed
from release.oci.verify import told
from release.task_group import run_all
from release.transfer.capabilities import Asks, Hides, Raw
from release.transfer.upload_slots import UploadSlots, in_upload_slot

_MISSING = frozenset({"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})
#: Seconds between attempts, for registries that store content on several servers and do not serve it everywhere at
#: once.
# After 7.7 s in all, the error of the last attempt is raised: then something else is wrong.
LAGS = (0.2, 0.5, 1.0, 2.0, 4.0)
#: Blobs that are sent at a time, as with skopeo. With four, a fifth blob of a large image waited behind a link that
#: limits each connection, and the image took a tenth longer.
BLOBS = 6
# Threads beyond those that send.
# These threads check the next blobs with HEAD and open upload sessions, so that a free slot is used at once.
# Bounds the number of sessions that are open and idle.
_AHEAD = 4

_NOBODY = NullSink()


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a copy. `sent`: blobs whose bytes were transferred; `present`: existing and mounted ones.

    `read_back`: the image as the destination has it, if it was read back.
    """

    manifests: int = 0
    sent: int = 0
    present: int = 0
    read_back: Descriptor | None = None


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """The manifests of the image `digest` to copy to a destination. `missing`: children before parents.

    `missing` has the manifests that the destination lacks, or all if the destination needs the foreign layers, too.
    """

    digest: str
    missing: tuple[Manifest, ...] = ()


def copy_image(
    source: Repository,
    destination: Repository,
    digest: str,
    *,
    jobs: int = BLOBS,
    sink: Sink,
    cancel: Cancel,
    mount_from: tuple[str, ...] = (),
    lacking: str | None = None,
    top: Manifest | None = None,
) -> Copied:
    """Copy `digest` and everything below it to `destination`; if a manifest was missing there, read `digest` back.

    `jobs`: blobs at a time. `mount_from`: repositories of the destination's registry that may have the blobs.
    `lacking`: a digest that the destination has just said it lacks. `top`: the manifest of `digest`, if read before.
    Raises the repositories' errors, and `DigestMismatch` if something else is read back.
    """
    surveyed = survey(source, destination, digest, top=top, lacking=lacking, cancel=cancel)
    copied = carry(source, destination, surveyed, jobs=jobs, sink=sink, cancel=cancel, mount_from=mount_from)
    if not copied.manifests:
        return copied
    return msgspec.structs.replace(copied, read_back=read_back(destination, digest, cancel))


def survey(
    source: Repository,
    destination: Repository,
    digest: str,
    *,
    top: Manifest | None = None,
    lacking: str | None = None,
    cancel: Cancel,
) -> Survey:
    """Find the manifests below `digest` that `destination` lacks. `top`: the manifest of `digest`, if read before.

    `lacking`: a digest that it lacks for certain, so that it is not asked for it again.
    """
    manifests = read_manifests(source, digest, top=top, cancel=cancel)
    require_as_listed(manifests, f"`{source.name}`")
    # Check each manifest: a registry accepts an index only when it has its children, but may have deleted them since.
    asked: list[Callable[[], object]] = [
        (lambda: None) if item.digest == lacking else partial(destination.resolve, item.digest)
        for item in manifests
    ]
    if len(manifests) == 1 and isinstance(destination, Asks):
        # A single manifest is mostly missing, and then its blobs are checked next: in parallel this saves a round trip.
        asked += [partial(destination.ask_blob, blob) for blob in blobs_of(manifests)]
    held = run_all(asked, jobs=2 * QUESTIONS, cancel=cancel)
    missing = tuple(item for item, found in zip(manifests, held, strict=False) if found is None)
    if getattr(destination, "needs_foreign_layers", False):
        missing = manifests  # its store may have the manifest from a copy that left the foreign layers out
    return Survey(digest=digest, missing=missing)


def carry(
    source: Repository,
    destination: Repository,
    surveyed: Survey,
    *,
    jobs: int = BLOBS,
    sink: Sink,
    cancel: Cancel,
    mount_from: tuple[str, ...] = (),
    elsewhere: Callable[[Descriptor], IO[bytes]] | None = None,
) -> Copied:
    """Copy the missing manifests of a survey and their blobs, the top manifest last; nothing is read back.

    `elsewhere`: opens a layer at its `urls`, for a destination that needs what the source lacks.
    """
    missing = surveyed.missing
    if not missing:
        return Copied()
    needs_all = getattr(destination, "needs_foreign_layers", False)
    blobs = blobs_of(missing, foreign=needs_all)
    # skopeo leaves every layer with `urls` out, whatever its type. The destination reports a missing blob that it needs
    # all the same.
    lacking = tuple(one for one in blobs if one.urls and not source.has_blob(one))
    blobs = tuple(one for one in blobs if one not in lacking)
    if needs_all and elsewhere is not None:
        for layer in lacking:
            _put_layer(destination, layer, elsewhere, sink)
    sent = sum(_put_blobs(source, destination, blobs, mount_from, jobs=jobs, sink=sink, cancel=cancel))
    put = partial(_put_manifest, source, destination, cancel)
    run_all([partial(put, item) for item in missing if not item.is_index], jobs=jobs, cancel=cancel)
    for index in (item for item in missing if item.is_index):
        cancel.check()
        put(index)
    text = f"`{destination.name}`: {sent} of {len(blobs)} blobs of `{surveyed.digest[:19]}…` sent"
    sink.emit(Note(level="debug", text=text))
    return Copied(manifests=len(missing), sent=sent, present=len(blobs) - sent)


def read_back(destination: Repository, digest: str, cancel: Cancel) -> Descriptor:
    """The image as `destination` has it. Raises `DigestMismatch` unless it is served within a few seconds."""
    for pause in (*LAGS, None):
        stored = destination.resolve(digest)
        if stored is not None and stored.digest == digest:
            return stored
        if pause is None or stored is not None:
            break
        cancel.wait(pause)
    if stored is None and isinstance(destination, Hides) and destination.hides(digest):
        stored = destination.resolve(digest)
        if stored is not None:
            return stored
    raise DigestMismatch(
        f"`{destination.name}` accepted `{digest}`, but then had {f'`{stored.digest}`' if stored else 'nothing'} there",
        hint="somebody else pushed or deleted there meanwhile, or the registry loses what it takes: run again",
    )


def opener(
    source: Repository, destination: Repository, blob: Descriptor, sink: Sink = _NOBODY
) -> Callable[[], IO[bytes]]:
    """Return a function that opens a blob of `source` for sending it to `destination`.

    The bytes are not hashed while they are read, if the source allows that: the destination compares the digest, and
    the kernel can send the bytes of a file without copying them into this process.
    """
    reopen = partial(source.open_raw if isinstance(source, Raw) else source.open_blob, blob)
    if getattr(destination, "tells_progress", False):
        return reopen
    return partial(told, reopen, blob, sink)


def _put_blobs(
    source: Repository,
    destination: Repository,
    blobs: Sequence[Descriptor],
    mount_from: tuple[str, ...],
    *,
    jobs: int,
    sink: Sink,
    cancel: Cancel,
) -> list[bool]:
    """Put all blobs into `destination`; returns for each whether its bytes were sent."""
    lanes = UploadSlots(jobs, cancel)

    def put(position: int, blob: Descriptor) -> bool:
        reopen = in_upload_slot(lanes, position, opener(source, destination, blob, sink))
        try:
            return destination.put_blob(blob, reopen, mount_from=mount_from)
        finally:
            lanes.leave(position)

    tasks = [partial(put, position, blob) for position, blob in enumerate(blobs)]
    return run_all(tasks, jobs=jobs + _AHEAD, cancel=cancel)


def _put_layer(
    destination: Repository, layer: Descriptor, elsewhere: Callable[[Descriptor], IO[bytes]], sink: Sink
) -> None:
    """Put a layer from its `urls`. A failure is only warned of: the destination says whether it can do without."""
    try:
        if destination.put_blob(layer, partial(elsewhere, layer)):
            sink.emit(Note(level="info", text=f"layer `{layer.digest}` was read from its `urls`"))
    except RegistryError as error:
        text = f"layer `{layer.digest}` cannot be read from its `urls`: {error.message}"
        sink.emit(Note(level="warning", text=text))


def _put_manifest(source: Repository, destination: Repository, cancel: Cancel, manifest: Manifest) -> None:
    for pause in (*LAGS, None):
        try:
            return destination.put_manifest(manifest)
        except RegistryError as error:
            if error.code not in _MISSING or pause is None:
                raise
        # A mount was granted and the blob is missing, or the registry does not see yet what it has just stored.
        cancel.wait(pause)
        for blob in blobs_of((manifest,)):
            destination.put_blob(blob, opener(source, destination, blob))
    return None
