"""Writing a blob into a layout folder: temporary file, hash, rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import IO

from release.errors import DigestMismatch
from release.registry import Descriptor


class BlobWriter:
    """A file that becomes a blob when its content is what was promised. `folder`: the layout."""

    def __init__(self, folder: str, algorithm: str) -> None:
        self._folder = folder
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        import tempfile  # late: it brings shutil and the compression libraries, and readers need none of it

        descriptor, self._partial = tempfile.mkstemp(prefix=".partial-", dir=folder)
        self._stream: IO[bytes] = os.fdopen(descriptor, "wb")
        self._placed = False
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append to the blob."""
        self._hash.update(data)
        self._stream.write(data)
        self.size += len(data)

    @property
    def digest(self) -> str:
        """Of what was written so far."""
        return f"{self._algorithm}:{self._hash.hexdigest()}"

    def commit(self, expected: Descriptor | None = None, *, durable: bool = False) -> str:
        """Give the blob its name and return its digest. Raises `DigestMismatch` when it is not `expected`.

        `durable`: only once its content is on the disk.
        """
        if expected is not None and (self.size, self.digest) != (expected.size, expected.digest):
            raise DigestMismatch(
                f"content for blob `{expected.digest}` ({expected.size} bytes) has {self.size} bytes "
                f"and digest `{self.digest}`"
            )
        path = os.path.join(self._folder, "blobs", *self.digest.split(":"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.fchmod(self._stream.fileno(), 0o644)
        if durable:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        self._stream.close()
        os.replace(self._partial, path)
        self._placed = True
        return self.digest

    def discard(self) -> None:
        """Remove what was not committed."""
        # On a full disk closing fails as well: what was buffered cannot be written.
        with contextlib.suppress(OSError):
            self._stream.close()
        if not self._placed:
            self._placed = True
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._partial)
