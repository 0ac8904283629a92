"""The blobs in the folder of an OCI image layout: each is written to a temporary file and renamed.

The layout may lie in a workspace that a stranger prepared: symlinks in the layout are not followed, and when writing
none below the workspace on the way to it.

Source: OCI image-spec v1.1, image-layout.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from release.errors import DigestMismatch, NotFound, Obstructed, RefusedError, RegistryError
from release.filesystem.files import write_hint
from release.filesystem.folders import OpenFolder
from release.layout.blob_writer import BLOB_MODE, BlobWriter
from release.layout.files import LayoutFiles, split_digest
from release.layout.reader import INCOMPLETE, LayoutReader
from release.oci import Descriptor
from release.oci.verify import pieces

_CHECK = "check the rights on the folder, and the disk that holds it"

#: Errors of a damaged layout. A symlink raises `RefusedError` instead: nobody makes one by accident.
BROKEN = (OSError, Obstructed)


class LayoutBlobs(LayoutReader):
    """The folder of a layout, and the blobs in it. The arguments are those of `Layout`."""

    def __init__(self, path: str, *, root: str | None = None, workspace: str | None = None) -> None:
        self.path = os.path.abspath(os.path.join(root or "", path))
        self._shown = path
        self._files = LayoutFiles(self.path, workspace)

    @property
    def name(self) -> str:
        """`oci:` and the path as the user gave it."""
        return f"oci:{self._shown}"

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob's file. The size is checked, the digest is not: the receiver of a transfer compares that.

        Raises `NotFound` if the file is missing, and `DigestMismatch` for another size.
        """
        algorithm, name = split_digest(descriptor.digest)
        try:
            with self._files.opened("blobs", algorithm) as folder:
                stream = folder.read(name)
        except FileNotFoundError as error:
            raise NotFound(
                f"blob `{descriptor.digest}` is missing in `{self.name}`", hint=INCOMPLETE
            ) from error
        except BROKEN as error:
            raise broken(f"blob `{descriptor.digest}` of `{self.name}`", error) from error
        except RefusedError as error:
            # Bazel's rules_oci makes layouts of symlinks into its cache.
            hint = f"copy the layout with what its links name, `cp -rL {self._shown} NEW`, and take the copy"
            raise RefusedError(error.message, hint=hint) from error
        size = os.fstat(stream.fileno()).st_size
        if size != descriptor.size:
            stream.close()
            raise DigestMismatch(
                f"blob `{descriptor.digest}` in `{self.name}` has {size} bytes of {descriptor.size}",
                hint=INCOMPLETE,
            )
        return stream

    def blob_path(self, digest: str) -> str:
        """The path of a blob's file, whether it exists or not."""
        return os.path.join(self.path, "blobs", *split_digest(digest))

    def folder(self, *names: str, make: bool = False) -> AbstractContextManager[OpenFolder]:
        """A folder in the layout for shipmark's own files. `make`: create the folder if it is missing.

        Raises `RefusedError` and `OSError`.
        """
        return self._files.opened(*names, make=make)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob exists with the right size."""
        algorithm, name = split_digest(descriptor.digest)
        try:
            with self._files.opened("blobs", algorithm) as folder:
                return folder.has_file(name, descriptor.size)
        except (OSError, Obstructed):
            return False

    def put_blob(
        self,
        descriptor: Descriptor,
        reopen: Callable[[], IO[bytes]],
        *,
        mount_from: tuple[str, ...] = (),  # noqa: ARG002 - a folder has nothing to mount from
    ) -> bool:
        """Store the blob unless it exists; returns whether it was stored.

        Raises `DigestMismatch`, and stores nothing, if size or digest are not those of `descriptor`.
        """
        if self.has_blob(descriptor):
            return False
        with reopen() as source, self.writer(descriptor.digest.partition(":")[0]) as partial:
            for piece in pieces(source):
                partial.write(piece)
                if partial.size > descriptor.size:
                    break
            # fsync each blob here, while other threads write further blobs, instead of all blobs at the end.
            partial.commit(descriptor, durable=True)
        return True

    def move_blob(self, descriptor: Descriptor, source: LayoutBlobs) -> None:
        """Move the blob here from `source`, a layout of this process on the same file system, unless it exists here.

        Raises `DigestMismatch`, and moves nothing, if size or digest are not those of `descriptor`.
        """
        if self.has_blob(descriptor):
            return
        with source.open_blob(descriptor) as stream:
            for _ in pieces(stream):
                pass
        algorithm, name = split_digest(descriptor.digest)
        try:
            with (
                self._making() as folder,
                folder.folder("blobs", make=True) as blobs,
                blobs.folder(algorithm, make=True) as into,
                source.folder("blobs", algorithm) as origin,
            ):
                with origin.read(name) as blob:
                    os.fchmod(blob.fileno(), BLOB_MODE)
                    os.fsync(blob.fileno())
                origin.rename(name, into, name)
        except BROKEN as error:
            raise broken(f"`{self.name}`", error) from error

    @contextlib.contextmanager
    def writer(self, algorithm: str = "sha256") -> Iterator[BlobWriter]:
        """A new blob. The temporary file is removed unless the body commits it."""
        try:
            with self._making() as folder, BlobWriter(folder, algorithm) as writer:
                yield writer
        except BROKEN as error:
            raise broken(f"`{self.name}`", error) from error

    @contextlib.contextmanager
    def _making(self) -> Iterator[OpenFolder]:
        """The layout's folder, created if necessary."""
        try:
            folder = self._files.made()
        except BROKEN as error:
            hint = f"check the rights of `{self.path}`"
            raise broken(f"`{self.name}` cannot be created", error, hint=hint) from error
        with folder:
            yield folder


def broken(what: str, error: OSError | Obstructed, *, hint: str = _CHECK) -> RegistryError:
    """The error for a damaged layout. `hint`: for errors of the operating system other than a full disk."""
    if isinstance(error, Obstructed):
        return RegistryError(f"{what}: {error.message}", hint=error.hint)
    return RegistryError(f"{what}: {error.strerror or error}", hint=write_hint(error, hint))
