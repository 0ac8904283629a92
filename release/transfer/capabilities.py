"""What some repositories can do besides the methods of `Repository`. A transfer asks for it with `isinstance`."""

from __future__ import annotations

from typing import IO, Protocol, runtime_checkable

from release.oci import Descriptor


@runtime_checkable
class Raw(Protocol):
    """A repository that can also read blobs without hashing them."""

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """Open the blob as a stream whose digest is not checked."""


@runtime_checkable
class Hides(Protocol):
    """A repository that may show a manifest only while a tag names it."""

    def hides(self, digest: str) -> bool:
        """Whether the repository accepted the digest, has its blobs, and does not show it."""


@runtime_checkable
class Asks(Protocol):
    """A repository that can check for a blob in advance, and remembers a missing blob for `put_blob`."""

    def ask_blob(self, descriptor: Descriptor) -> bool:
        """Whether the repository has the blob."""
