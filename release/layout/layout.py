"""An OCI image layout folder as a `Repository`, with the same meaning as a registry.

Blobs arrive by temporary file and rename, `index.json` is replaced atomically under a lock on `oci-layout`
(which is written once and never replaced). A manifest put by digest alone gets an index entry without a name,
so that it stays reachable; the entry goes when an index that lists it arrives, or becomes the named one. What
`index.json` names is on the disk before it does: a power cut leaves no image with holes.
A layout may come with the workspace: inside it no symlink is followed, and none on the way to it when it is written.
Source: OCI image-spec v1.1, image-layout.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from release.errors import DigestMismatch, NotFound, Obstructed, RegistryError
from release.filesystem.files import read_limited
from release.filesystem.folders import OpenFolder
from release.layout.blob_writer import BlobWriter
from release.layout.files import EMPTY_INDEX, LayoutFiles, split_digest
from release.layout.index import Entries, read_entries
from release.layout.reader import LayoutReader
from release.limits import LAYOUT_INDEX_BYTES
from release.oci import Descriptor, Manifest
from release.oci.manifest import children, describe
from release.oci.reference import require_digest, require_tag
from release.oci.verify import pieces

#: What a damaged layout raises. A symlink in it is refused instead: nobody makes one by accident.
_BROKEN = (OSError, Obstructed)


class Layout(LayoutReader):
    """A layout folder. `path` may not exist yet: reading finds nothing, the first write makes it.

    `root`: what a relative path is relative to; the current folder when None. `workspace`: below it no symlink on the
    way to the layout is followed for writing; None allows symlinks on the way.
    """

    def __init__(self, path: str, *, root: str | None = None, workspace: str | None = None) -> None:
        self.path = os.path.abspath(os.path.join(root or "", path))
        self._shown = path
        self._files = LayoutFiles(self.path, workspace)

    @classmethod
    def create(cls, path: str) -> Layout:
        """A layout at `path`, made if it is missing. Raises `RegistryError` when it cannot be."""
        layout = cls(path)
        with layout._making():
            pass
        return layout

    @property
    def name(self) -> str:
        """`oci:` and the path as it was given."""
        return f"oci:{self._shown}"

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob's file, unchecked: for senders whose receiver compares the digest."""
        algorithm, name = split_digest(descriptor.digest)
        try:
            with self._files.opened("blobs", algorithm) as folder:
                stream = folder.read(name)
        except FileNotFoundError as error:
            raise NotFound(f"blob `{descriptor.digest}` is missing in `{self.name}`") from error
        except _BROKEN as error:
            raise _broken(f"blob `{descriptor.digest}` of `{self.name}`", error) from error
        size = os.fstat(stream.fileno()).st_size
        if size != descriptor.size:
            stream.close()
            raise DigestMismatch(
                f"blob `{descriptor.digest}` in `{self.name}` has {size} bytes of {descriptor.size}"
            )
        return stream

    def blob_path(self, digest: str) -> str:
        """Where a blob is or would be."""
        return os.path.join(self.path, "blobs", *split_digest(digest))

    def folder(self, *names: str, make: bool = False) -> AbstractContextManager[OpenFolder]:
        """A folder of ours beside the blobs. `make`: create it. Raises `RefusedError` and `OSError`."""
        return self._files.opened(*names, make=make)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob is here with the right size."""
        algorithm, name = split_digest(descriptor.digest)
        try:
            with self._files.opened("blobs", algorithm) as folder:
                found = folder.status(name)
        except (OSError, Obstructed):
            return False
        return found is not None and stat.S_ISREG(found.st_mode) and found.st_size == descriptor.size

    def put_blob(
        self,
        descriptor: Descriptor,
        reopen: Callable[[], IO[bytes]],
        *,
        mount_from: tuple[str, ...] = (),  # noqa: ARG002 - a folder has nothing to mount from
    ) -> bool:
        """Store the blob unless it is here; its size and digest are compared before it gets its name."""
        if self.has_blob(descriptor):
            return False
        with reopen() as source, self.writer(descriptor.digest.partition(":")[0]) as partial:
            for piece in pieces(source):
                partial.write(piece)
                if partial.size > descriptor.size:
                    break
            # Here, beside the blobs that still arrive, and not all at once at the end.
            partial.commit(descriptor, durable=True)
        return True

    @contextlib.contextmanager
    def writer(self, algorithm: str = "sha256") -> Iterator[BlobWriter]:
        """A blob in the making; what is not committed when the body ends is removed."""
        try:
            with self._making() as folder, BlobWriter(folder, algorithm) as writer:
                yield writer
        except _BROKEN as error:
            raise _broken(f"`{self.name}`", error) from error

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Store the raw bytes; everything that the manifest points to must be here already."""
        if tag is not None:
            require_tag(tag)
        for child in children(manifest):
            if not child.urls and not self.has_blob(child):
                raise NotFound(f"`{self.name}` has no `{child.digest}`, which `{manifest.digest}` needs")
        with self.writer(manifest.digest.partition(":")[0]) as partial:
            partial.write(manifest.raw)
            partial.commit(describe(manifest), durable=True)
        self._keep(child.digest for child in children(manifest) if not child.urls)
        with self._changing() as entries:
            entries.add(describe(manifest), tag)
            if manifest.is_index:
                entries.absorb(child.digest for child in children(manifest))

    def _keep(self, digests: Iterable[str]) -> None:
        """Have blobs survive a power cut, also those that somebody wrote in a hurry: the builders, a cache."""
        by_algorithm: dict[str, list[str]] = defaultdict(list)
        for algorithm, name in map(split_digest, digests):
            by_algorithm[algorithm].append(name)
        try:
            with self._files.opened("blobs", writing=True) as blobs:
                for algorithm in blobs.names():
                    with blobs.folder(algorithm) as folder:
                        for name in by_algorithm[algorithm]:
                            with folder.read(name) as blob:
                                os.fsync(blob.fileno())
                        folder.sync()
        except _BROKEN as error:
            raise _broken(f"`{self.name}`", error) from error

    def check_push(self) -> None:
        """Raise `RegistryError` unless the folder can be written."""
        try:
            refused = self._files.unwritable()
        except _BROKEN as error:
            raise _broken(f"`{self.name}` cannot be written", error) from error
        if refused is not None:
            raise RegistryError(f"`{self.name}` cannot be written", hint=f"check the rights of `{refused}`")

    def delete_tag(self, tag: str) -> None:
        """Remove this tag; the manifest stays reachable by its digest."""
        require_tag(tag)
        if self.resolve(tag) is None:
            raise NotFound(f"`{self.name}` has no tag `{tag}`", hint=self._tag_hint())
        with self._changing() as entries:
            entries.untag(tag)

    def delete_manifest(self, digest: str) -> None:
        """Remove the manifest with all its tags. Blobs that it used stay."""
        if self.resolve(require_digest(digest)) is None:
            raise NotFound(f"`{self.name}` has no `{digest}`")
        try:
            self._files.require_blob_file(digest)
            with self._changing() as entries:
                entries.remove(digest)
            self._files.remove_blob(digest)
        except _BROKEN as error:
            raise _broken(f"`{digest}` of `{self.name}` cannot be removed", error) from error

    def entries(self) -> Entries:
        """What `index.json` holds now; nothing where there is no folder."""
        try:
            with self._files.opened() as folder, folder.read("index.json") as stream:
                raw = read_limited(stream, os.path.join(self.path, "index.json"), LAYOUT_INDEX_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return Entries({**EMPTY_INDEX, "manifests": []})
        except _BROKEN as error:
            raise _broken(f"`{self.name}` cannot be read", error) from error
        return read_entries(raw, self.name)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Entries]:
        """The index entries, to change; written when the body ends well. Held against other processes."""
        with self._making() as folder:
            try:
                with folder.read("oci-layout") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    entries = self.entries()
                    yield entries
                    self._files.replace_index(folder, entries.encode())
            except _BROKEN as error:
                raise _broken(f"`{self.name}` cannot be written", error) from error

    @contextlib.contextmanager
    def _making(self) -> Iterator[OpenFolder]:
        """The layout's folder with all that a layout needs."""
        try:
            folder = self._files.made()
        except _BROKEN as error:
            hint = f"check the rights of `{self.path}`"
            raise _broken(f"`{self.name}` cannot be made", error, hint=hint) from error
        with folder:
            yield folder


def _broken(what: str, error: OSError | Obstructed, *, hint: str | None = None) -> RegistryError:
    """The error for a damaged layout. `hint`: for what the operating system refused."""
    if isinstance(error, Obstructed):
        return RegistryError(f"{what}: {error.message}", hint=error.hint)
    return RegistryError(f"{what}: {error.strerror or error}", hint=hint)
