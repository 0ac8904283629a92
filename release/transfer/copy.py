"""Copies an image between repositories: the graph below a digest, blobs side by side, manifests children first.

Everything goes by digest and nothing is converted or written anew: what arrives is, byte for byte, what left. No
tag is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, Protocol, runtime_checkable

import msgspec

from release.control import Cancel
from release.errors import DigestMismatch, RegistryError
from release.events import Note, NullSink, Sink
from release.oci import Descriptor, Manifest, Repository
from release.oci.graph import QUESTIONS, blobs_of, read_manifests
from release.oci.verify import told
from release.task_group import run_all
from release.transfer.upload_slots import UploadSlots, in_upload_slot

_MISSING = frozenset({"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})
_LAGS = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds between looks at a registry that is slow to see its own content
_AHEAD = 4  # blobs that are asked for, and get their upload session, while others are sent


_NOBODY = NullSink()


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy did. `sent`: blobs whose bytes went over; `present`: those that were there or were mounted."""

    manifests: int = 0
    sent: int = 0
    present: int = 0


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy would have to bring. `missing`: manifests, children before parents."""

    digest: str
    missing: tuple[Manifest, ...] = ()


def copy_image(
    source: Repository,
    destination: Repository,
    digest: str,
    *,
    jobs: int = 4,
    sink: Sink,
    cancel: Cancel,
    mount_from: tuple[str, ...] = (),
) -> Copied:
    """Make `digest` and everything below it be in `destination`, and read it back.

    `jobs`: blobs at a time. `mount_from`: repositories of the destination's registry that may have the blobs. Raises
    what the repositories raise, and `DigestMismatch` when the read-back is not what was sent.
    """
    surveyed = survey(source, destination, digest, cancel=cancel)
    copied = carry(source, destination, surveyed, jobs=jobs, sink=sink, cancel=cancel, mount_from=mount_from)
    if copied.manifests:
        read_back(destination, digest, cancel)
    return copied


def survey(
    source: Repository, destination: Repository, digest: str, *, top: Manifest | None = None, cancel: Cancel
) -> Survey:
    """Find out what `destination` lacks, with questions only. `top`: the manifest of `digest`, where it is known."""
    manifests = read_manifests(source, digest, top=top, cancel=cancel)
    # A registry takes a manifest only after what it points to; but a child may have been deleted since.
    asked: list[Callable[[], object]] = [partial(destination.resolve, item.digest) for item in manifests]
    if len(manifests) == 1 and isinstance(destination, Asks):
        # Most often it is missing, and then its blobs are asked about next: in one go that is a trip less.
        asked += [partial(destination.ask_blob, blob) for blob in blobs_of(manifests)]
    held = run_all(asked, jobs=2 * QUESTIONS, cancel=cancel)
    missing = tuple(item for item, found in zip(manifests, held, strict=False) if found is None)
    return Survey(digest=digest, missing=missing)


def carry(
    source: Repository,
    destination: Repository,
    surveyed: Survey,
    *,
    jobs: int = 4,
    sink: Sink,
    cancel: Cancel,
    mount_from: tuple[str, ...] = (),
) -> Copied:
    """Bring what is missing, blobs first and the top manifest last. See `copy_image`; nothing is read back."""
    missing = surveyed.missing
    if not missing:
        return Copied()
    blobs = blobs_of(missing)
    sent = sum(_put_blobs(source, destination, blobs, mount_from, jobs=jobs, sink=sink, cancel=cancel))
    put = partial(_put_manifest, source, destination, cancel)
    run_all([partial(put, item) for item in missing if not item.is_index], jobs=jobs, cancel=cancel)
    for index in (item for item in missing if item.is_index):
        cancel.check()
        put(index)
    text = f"`{destination.name}`: {sent} of {len(blobs)} blobs of `{surveyed.digest[:19]}…` sent"
    sink.emit(Note(level="debug", text=text))
    return Copied(manifests=len(missing), sent=sent, present=len(blobs) - sent)


def read_back(destination: Repository, digest: str, cancel: Cancel) -> None:
    """Raise `DigestMismatch` unless what was stored is served; some registries need a moment for that."""
    for pause in (*_LAGS, None):
        stored = destination.resolve(digest)
        if stored is not None and stored.digest == digest:
            return
        if pause is None or stored is not None:
            break
        cancel.wait(pause)
    raise DigestMismatch(
        f"`{destination.name}` took `{digest}` and now has {f'`{stored.digest}`' if stored else 'nothing'} there"
    )


@runtime_checkable
class Raw(Protocol):
    """A repository that gives blobs unchecked as well."""

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob's bytes as they come."""


@runtime_checkable
class Asks(Protocol):
    """A repository that remembers what it was asked about a blob until that blob is put."""

    def ask_blob(self, descriptor: Descriptor) -> bool:
        """Whether it has the blob."""


def opener(
    source: Repository, destination: Repository, blob: Descriptor, sink: Sink = _NOBODY
) -> Callable[[], IO[bytes]]:
    """How to open a blob for a destination, which compares its digest before the blob gets its name.

    Not hashed here as well: that would double the work, and keep the kernel from sending files by itself.
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
    """Whether bytes were sent, for each blob."""
    lanes = UploadSlots(jobs, cancel)

    def put(position: int, blob: Descriptor) -> bool:
        reopen = in_upload_slot(lanes, position, opener(source, destination, blob, sink))
        try:
            return destination.put_blob(blob, reopen, mount_from=mount_from)
        finally:
            lanes.leave(position)

    tasks = [partial(put, position, blob) for position, blob in enumerate(blobs)]
    return run_all(tasks, jobs=jobs + _AHEAD, cancel=cancel)


def _put_manifest(source: Repository, destination: Repository, cancel: Cancel, manifest: Manifest) -> None:
    for pause in (*_LAGS, None):
        try:
            return destination.put_manifest(manifest)
        except RegistryError as error:
            if error.code not in _MISSING or pause is None:
                raise
        # A mount that was granted and is not there, or a registry that does not see yet what it was just given.
        cancel.wait(pause)
        if not manifest.is_index:
            for blob in blobs_of((manifest,)):
                destination.put_blob(blob, opener(source, destination, blob))
    return None
