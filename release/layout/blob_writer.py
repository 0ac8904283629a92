"""Writes a blob into a layout folder: to a temporary file, hashed meanwhile, then renamed."""

from __future__ import annotations

import hashlib
from types import TracebackType
from typing import Self

from release.errors import DigestMismatch
from release.filesystem.folders import OpenFolder
from release.filesystem.new_files import NewFile
from release.oci import Descriptor

#: Mode of blobs: everybody may read them, for a web server that serves the layout and for tools of other users.
BLOB_MODE = 0o644


class BlobWriter:
    """A blob in a temporary file, which `commit` renames to its digest, or `__exit__` removes. `folder`: the layout."""

    def __init__(self, folder: OpenFolder, algorithm: str) -> None:
        self._folder = folder
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._new = NewFile(folder)
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
