"""Codecs, and layers compressed and decompressed as streams."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO, Protocol

from release.filesystem.folders import OpenFolder
from release.oci import Descriptor


class NewBlob(Protocol):
    """A blob that is being written. The blob is removed unless `commit` is called."""

    size: int

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes to the blob."""

    def flush(self) -> None:
        """Make all bytes visible to readers of `opened`."""

    def opened(self) -> IO[bytes]:
        """The blob's file, for reading what is written so far. The caller closes it."""

    def commit(self) -> str:
        """Store the blob under its digest, and return the digest."""


class Follower(Protocol):
    """Follows a blob that is being written."""

    def grown(self) -> None:
        """Called after each write."""

    def ended(self, layer: Descriptor | None) -> None:
        """Called once, when the blob is stored as `layer`, or with None when it will not be stored."""


#: Starts to follow a blob.
Watch = Callable[[NewBlob], Follower]


class LayerStore(Protocol):
    """A store for compressed layers. `release.layout.layout.Layout` is one."""

    def writer(self) -> AbstractContextManager[NewBlob]:
        """Start a blob."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether a blob of this digest and size is stored."""

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """Open a blob for reading; reading to the end checks size and digest."""

    def folder(self, *names: str, make: bool = False) -> AbstractContextManager[OpenFolder]:
        """Open a folder beside the blobs. `make`: create the folder if it is missing."""
