"""Writes a blob into a layout folder: to a temporary file, hashed meanwhile, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from types import TracebackType
from typing import IO, Self

from release.errors import DigestMismatch
from release.filesystem.folders import OpenFolder
from release.filesystem.new_files import NewFile
from release.oci import Descriptor

#: Mode of blobs: everybody may read them, for a web server that serves the layout and for tools of other users.
BLOB_MODE = 0o644
# Bytes after which the kernel is told to begin writing them to the disk.
# Smaller steps cost more system calls; larger ones leave more to write when the blob is complete.
_STEP = 8 * 1024 * 1024


class BlobWriter:
    """A blob in a temporary file, which `commit` renames to its digest, or `__exit__` removes. `folder`: the layout."""

    def __init__(self, folder: OpenFolder, algorithm: str) -> None:
        self._folder = folder
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._new = NewFile(folder)
        self._begun = 0  # bytes that the kernel was told to write
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._new.discard()

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes to the blob."""
        self._hash.update(data)
        self._new.stream.write(data)
        self.size += len(data)
        if self.size - self._begun >= _STEP:
            self._begin_writing()

    def flush(self) -> None:
        """Make all bytes visible to readers of `opened`."""
        self._new.stream.flush()

    def opened(self) -> IO[bytes]:
        """The blob's file, for reading what is written so far. The caller closes it."""
        return self._folder.read(self._new.name)

    def _begin_writing(self) -> None:
        """Have the kernel write to the disk meanwhile: fsync at the end of a large blob waits for little then.

        On Linux, POSIX_FADV_DONTNEED starts to write bytes that are not on the disk yet; the call does not wait, and
        these bytes stay in the page cache. Other systems may do nothing.
        """
        self._new.stream.flush()
        if hasattr(os, "posix_fadvise"):
            length = self.size - self._begun
            with contextlib.suppress(OSError):
                os.posix_fadvise(self._new.stream.fileno(), self._begun, length, os.POSIX_FADV_DONTNEED)
        self._begun = self.size

    @property
    def digest(self) -> str:
        """The digest of the bytes written so far."""
        return f"{self._algorithm}:{self._hash.hexdigest()}"

    def commit(self, expected: Descriptor | None = None, *, durable: bool = False) -> str:
        """Give the blob its name and return its digest. Raises `DigestMismatch` if size or digest are not `expected`.

        `durable`: fsync the content first.
        """
        if expected is not None and (self.size, self.digest) != (expected.size, expected.digest):
            raise DigestMismatch(
                f"content for blob `{expected.digest}` ({expected.size} bytes) has {self.size} bytes "
                f"and digest `{self.digest}`"
            )
        algorithm, name = self.digest.split(":")
        with self._folder.folder("blobs", make=True) as blobs, blobs.folder(algorithm, make=True) as into:
            self._new.place(name, into=into, mode=BLOB_MODE, durable=durable)
        return self.digest
