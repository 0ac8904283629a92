"""The transport `oci-archive:FILE`: an OCI layout in a tar file as a read-only `Repository`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import IO, NoReturn

from release.errors import ConfigError, DigestMismatch, Invalid, NotFound
from release.image_names.archive_file import ArchiveFile
from release.layout.index import Entries, read_entries
from release.layout.reader import INCOMPLETE, LayoutReader
from release.limits import LAYOUT_INDEX_BYTES
from release.oci import Descriptor, Manifest
from release.oci.grammar import require_digest


class ReadOnly:
    """The writing methods of a `Repository`, which raise `ConfigError`, for repositories that are only read."""

    @property
    def name(self) -> str:
        """The repository's name in messages."""
        raise NotImplementedError

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        """Raise `ConfigError`: no blob can be written."""
        self._refuse(descriptor, reopen, mount_from)

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Raise `ConfigError`: no manifest can be written."""
        self._refuse(manifest, tag)

    def check_push(self) -> None:
        """Raise `ConfigError`: images cannot be pushed to it."""
        self._refuse()

    def delete_tag(self, tag: str) -> None:
        """Raise `ConfigError`: no tag can be deleted."""
        self._refuse(tag)

    def delete_manifest(self, digest: str) -> None:
        """Raise `ConfigError`: no manifest can be deleted."""
        self._refuse(digest)

    def _refuse(self, *_: object) -> NoReturn:
        raise ConfigError(f"`{self.name}` can be read only", hint="copy it to a layout folder, `oci:PATH`")


class OciArchive(ReadOnly, LayoutReader):
    """An OCI layout in a tar file.

    `path`: the file. `shown`: the archive's path in messages. Call `close` at the end.
    """

    def __init__(self, path: str, *, shown: str | None = None) -> None:
        self._shown = shown or path
        self._archive = ArchiveFile(path)
        if "oci-layout" not in self._archive or "index.json" not in self._archive:
            self._archive.close()
            hint = "the archive may be cut off: compare its size with the original's, or make it again"
            if "manifest.json" in self._archive:
                hint = f"the archive may be one of `docker save`: write `docker-archive:{self._shown}`"
            elif (folder := self._archive.folder_with("oci-layout")) is not None:
                hint = f"its layout lies in the folder `{folder}`: unpack it, and write `oci:PATH`"
            raise Invalid(f"`{self._shown}` holds no OCI layout", hint=hint)

    @property
    def name(self) -> str:
        """The transport `oci-archive:` and the path."""
        return f"oci-archive:{self._shown}"

    def entries(self) -> Entries:
        """The entries of the layout's `index.json`."""
        return read_entries(self._archive.read("index.json", most=LAYOUT_INDEX_BYTES), self.name)

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """A stream of the blob; its digest is not checked. Raises `NotFound`, and `DigestMismatch` for another size."""
        member = _member(descriptor.digest)
        size = self._archive.size(member)
        if size is None:
            raise NotFound(f"blob `{descriptor.digest}` is missing in `{self.name}`", hint=INCOMPLETE)
        if size != descriptor.size:
            raise DigestMismatch(
                f"blob `{descriptor.digest}` in `{self.name}` has {size} bytes of {descriptor.size}",
                hint=INCOMPLETE,
            )
        return self._archive.open(member)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob is in the archive with the right size."""
        return self._archive.size(_member(descriptor.digest)) == descriptor.size

    def close(self) -> None:
        """Close the file of the archive."""
        self._archive.close()


def _member(digest: str) -> str:
    return os.path.join("blobs", *require_digest(digest).split(":"))
