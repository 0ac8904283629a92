"""Copies an image between repositories: the graph below a digest, blobs side by side, manifests children first.

Everything goes by digest and nothing is converted or written anew: what arrives is, byte for byte, what left. No
tag is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import IO, Protocol, runtime_checkable

import msgspec

from release.control import Cancel
from release.errors import DigestMismatch, Invalid, RegistryError
from release.registry import Descriptor, Manifest, Repository
from release.registry.documents import children
from release.registry.streams import told
from release.registry.workers import run_all
from release.world import Note, NullSink, Sink

_DEEPEST = 8
_MOST_MANIFESTS = 2000
_QUESTIONS = 8  # asked at a time: they are small
_MISSING = frozenset({"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})
_LAGS = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds between looks at a registry that is slow to see its own content


_NOBODY = NullSink()


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy did. `sent`: blobs whose bytes went over; `present`: those that were there or were mounted."""

    manifests: int = 0
    sent: int = 0
    present: int = 0


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
    manifests = read_manifests(source, digest, cancel=cancel)
    # A registry takes a manifest only after what it points to; but a child may have been deleted since.
    held = run_all(
        [partial(destination.resolve, item.digest) for item in manifests], jobs=_QUESTIONS, cancel=cancel
    )
    missing = [item for item, found in zip(manifests, held, strict=True) if found is None]
    if not missing:
        return Copied()
    blobs = blobs_of(missing)
    tasks = [partial(_put_blob, source, destination, blob, mount_from, sink) for blob in blobs]
    sent = sum(run_all(tasks, jobs=jobs, cancel=cancel))
    put = partial(_put_manifest, source, destination, cancel)
    run_all([partial(put, item) for item in missing if not item.is_index], jobs=jobs, cancel=cancel)
    for index in (item for item in missing if item.is_index):
        cancel.check()
        put(index)
    _read_back(destination, digest, cancel)
    sink.emit(
        Note(
            level="debug", text=f"`{destination.name}`: {sent} of {len(blobs)} blobs of `{digest[:19]}…` sent"
        )
    )
    return Copied(manifests=len(missing), sent=sent, present=len(blobs) - sent)


def read_manifests(source: Repository, digest: str, *, cancel: Cancel | None = None) -> tuple[Manifest, ...]:
    """The manifest of `digest` and all below it, each once, children before parents; read side by side."""
    found: dict[str, Manifest] = {}
    waiting = [digest]
    for _ in range(_DEEPEST):
        tasks = [partial(source.manifest, name) for name in waiting]
        level = run_all(tasks, jobs=_QUESTIONS, cancel=cancel or Cancel()) if tasks else []
        found.update(zip(waiting, level, strict=True))
        below = (child.digest for manifest in level if manifest.is_index for child in children(manifest))
        waiting = [name for name in dict.fromkeys(below) if name not in found]
        if not waiting:
            return _ordered(digest, found)
        if len(found) + len(waiting) > _MOST_MANIFESTS:
            break
    raise Invalid(f"the index `{digest}` in `{source.name}` is nested too deep or lists too many manifests")


def blobs_of(manifests: Iterable[Manifest]) -> tuple[Descriptor, ...]:
    """The blobs that manifests need, each once, largest first; layers that live elsewhere (`urls`) are left out."""
    blobs = {
        child.digest: child
        for manifest in manifests
        if not manifest.is_index
        for child in children(manifest)
        if not child.urls
    }
    return tuple(sorted(blobs.values(), key=lambda blob: blob.size, reverse=True))


@runtime_checkable
class Raw(Protocol):
    """A repository that gives blobs unchecked as well."""

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob's bytes as they come."""


def opener(source: Repository, blob: Descriptor) -> Callable[[], IO[bytes]]:
    """How to open a blob for a destination, which compares its digest before the blob gets its name.

    Not hashed here as well: that would double the work, and keep the kernel from sending files by itself.
    """
    if isinstance(source, Raw):
        return partial(source.open_raw, blob)
    return partial(source.open_blob, blob)


def _ordered(digest: str, found: dict[str, Manifest]) -> tuple[Manifest, ...]:
    """Children before parents. An index cannot hold itself: its digest would have to be known before it is."""
    ordered: dict[str, Manifest] = {}

    def place(name: str) -> None:
        if name not in ordered:
            if found[name].is_index:
                for child in children(found[name]):
                    place(child.digest)
            ordered[name] = found[name]

    place(digest)
    return tuple(ordered.values())


def _put_blob(
    source: Repository,
    destination: Repository,
    blob: Descriptor,
    mount_from: tuple[str, ...],
    sink: Sink = _NOBODY,
) -> bool:
    reopen = opener(source, blob)
    if not getattr(destination, "tells_progress", False):
        reopen = partial(told, reopen, blob, sink)
    return destination.put_blob(blob, reopen, mount_from=mount_from)


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
                _put_blob(source, destination, blob, ())
    return None


def _read_back(destination: Repository, digest: str, cancel: Cancel) -> None:
    """What was stored must be served; some registries need a moment for that."""
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
