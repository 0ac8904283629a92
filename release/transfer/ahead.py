"""Sends large layers to a registry while they are compressed, so that the push finds them there.

A layer that is sent ahead belongs to no image yet, so nobody sees it. Errors are ignored: the push sends what is
missing.
"""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import IO, Protocol, Self, runtime_checkable

from release.compression import Follower, NewBlob
from release.control import Cancel
from release.errors import RegistryError
from release.oci import Descriptor
from release.task_group import TaskGroup

# Bytes of a compressed layer from which on it is sent ahead.
# A smaller layer takes a fraction of a second to push, and the registry often has it already.
_FROM = 16 * 1024 * 1024
# Layers that are sent at the same time: one that grows, and one that was compressed before and is not through yet.
_AT_ONCE = 2


class OpenUpload(Protocol):
    """An upload of a blob that grows."""

    @property
    def unsent(self) -> int:
        """Bytes that are written and not sent."""

    def grown(self, size: int) -> None:
        """Send the blob up to `size` bytes."""

    def finish(self, size: int, digest: str) -> None:
        """Send the rest up to `size` bytes, and close the upload with `digest`."""

    def drop(self) -> None:
        """Send nothing more."""

    def run(self) -> bool:
        """Send; returns whether the registry has stored the blob."""


@runtime_checkable
class TakesGrowing(Protocol):
    """A repository that can take a blob while it is being written."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the repository has the blob."""

    def growing(self, source: IO[bytes]) -> OpenUpload:
        """The upload of a file that grows; its `run` closes `source`."""


class SendAhead:
    """Sends the layers of one build to `destination`. `__exit__` waits for them; after an error it drops them."""

    def __init__(self, destination: TakesGrowing, cancel: Cancel) -> None:
        self._destination = destination
        self._group = TaskGroup(jobs=_AT_ONCE, name="ahead", cancel=cancel)
        self._begun: list[OpenUpload] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for upload in self._begun:
                upload.drop()
        self._group.wait()

    def watch(self, blob: NewBlob) -> Follower:
        """Follow a layer that is being compressed."""
        return _Layer(self, blob)

    def begin(self, blob: NewBlob) -> OpenUpload:
        """Start to send a layer."""
        upload = self._destination.growing(blob.opened())
        self._begun.append(upload)
        self._group.start(upload.run)
        return upload

    def has(self, layer: Descriptor) -> bool:
        """Whether the destination has the layer already; False if that is not known."""
        with contextlib.suppress(RegistryError):
            return self._destination.has_blob(layer)
        return False


class _Layer:
    """One layer; sent as soon as it has `_FROM` bytes."""

    def __init__(self, ahead: SendAhead, blob: NewBlob) -> None:
        self._ahead = ahead
        self._blob = blob
        self._upload: OpenUpload | None = None

    def grown(self) -> None:
        if self._upload is None and self._blob.size >= _FROM:
            self._upload = self._ahead.begin(self._blob)
        if self._upload is not None:
            self._blob.flush()
            self._upload.grown(self._blob.size)

    def ended(self, layer: Descriptor | None) -> None:
        upload = self._upload
        if upload is None:
            return
        # The destination is asked only now, since the digest is not known before the end. Over a slow link most of
        # the layer is still to be sent at that time.
        if layer is None or (upload.unsent and self._ahead.has(layer)):
            upload.drop()
        else:
            upload.finish(layer.size, layer.digest)
