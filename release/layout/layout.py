"""An OCI image layout folder as a `Repository` that behaves like a registry.

- Blobs are written to temporary files and renamed. `index.json` is replaced atomically under a lock on `oci-layout`,
  which is written once and never replaced.
- A manifest that is put by digest gets an entry without a name in `index.json`, so that it stays reachable. This entry
  is removed when an index that lists the manifest is put, and gets a name when the manifest is tagged.
- A manifest with a subject is also listed in the index of the subject's fallback tag, where regctl looks for referrers.
- Blobs are synced before the `index.json` that references them is written: a power cut leaves no incomplete image.
- The layout may lie in a workspace that a stranger prepared: symlinks in the layout are not followed, and when writing
  none below the workspace on the way to it.

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

from release.errors import DigestMismatch, NotFound, Obstructed, RefusedError, RegistryError
from release.filesystem.files import read_limited, write_hint
from release.filesystem.folders import OpenFolder
from release.layout.blob_writer import BLOB_MODE, BlobWriter
from release.layout.files import EMPTY_INDEX, LayoutFiles, split_digest
from release.layout.index import Entries, read_entries
from release.layout.reader import INCOMPLETE, LayoutReader
from release.limits import LAYOUT_INDEX_BYTES
from release.oci import Descriptor, Manifest
from release.oci.attached import lists, referrers_tag, with_referrer, without_referrer
from release.oci.manifest import children, describe, subject
from release.oci.reference import require_digest, require_tag
from release.oci.verify import pieces

#: Errors of a damaged layout. A symlink raises `RefusedError` instead: nobody makes one by accident.
_BROKEN = (OSError, Obstructed)


class Layout(LayoutReader):
    """A layout folder. If `path` does not exist, it reads as empty, and the first write creates it.

    `root`: the base of a relative path; None: the current folder. `workspace`: below it no symlink on the way to the
    layout is followed for writing; None: symlinks on the way are allowed.
    """

    def __init__(self, path: str, *, root: str | None = None, workspace: str | None = None) -> None:
        self.path = os.path.abspath(os.path.join(root or "", path))
        self._shown = path
        self._files = LayoutFiles(self.path, workspace)

    @classmethod
    def create(cls, path: str) -> Layout:
        """The layout at `path`, created if it is missing. Raises `RegistryError` if that fails."""
        layout = cls(path)
        with layout._making():
            pass
        return layout

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
        except _BROKEN as error:
            raise _broken(f"blob `{descriptor.digest}` of `{self.name}`", error) from error
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

    def move_blob(self, descriptor: Descriptor, source: Layout) -> None:
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
        except _BROKEN as error:
            raise _broken(f"`{self.name}`", error) from error

    @contextlib.contextmanager
    def writer(self, algorithm: str = "sha256") -> Iterator[BlobWriter]:
        """A new blob. The temporary file is removed unless the body commits it."""
        try:
            with self._making() as folder, BlobWriter(folder, algorithm) as writer:
                yield writer
        except _BROKEN as error:
            raise _broken(f"`{self.name}`", error) from error

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Store the manifest's bytes, and add it to `index.json` under `tag`, or without a name.

        Raises `NotFound` if a blob or manifest that it references does not exist; descriptors with `urls` need not.
        """
        if tag is not None:
            require_tag(tag)
        for child in children(manifest):
            if not child.urls and not self.has_blob(child):
                raise NotFound(f"`{self.name}` has no `{child.digest}`, which `{manifest.digest}` needs")
        self._write(manifest)
        self._keep(child.digest for child in children(manifest) if not child.urls or self.has_blob(child))
        about = subject(manifest)
        with self._changing() as entries:
            entries.add(describe(manifest), tag)
            if manifest.is_index:
                entries.absorb(child.digest for child in children(manifest))
            if about is not None:
                self._list_referrer(entries, about.digest, manifest)

    def _write(self, manifest: Manifest) -> None:
        with self.writer(manifest.digest.partition(":")[0]) as partial:
            partial.write(manifest.raw)
            partial.commit(describe(manifest), durable=True)

    def _list_referrer(self, entries: Entries, digest: str, manifest: Manifest) -> None:
        """Add `manifest` to the index of the fallback tag of `digest`. Needs no retries: `index.json` is locked."""
        index = self.fallback(entries, digest)
        if not lists(index, manifest.digest):
            self._replace_fallback(entries, digest, index, with_referrer(index, manifest))

    def _replace_fallback(
        self, entries: Entries, digest: str, old: Manifest | None, new: Manifest | None
    ) -> None:
        if old is not None:
            entries.remove(old.digest)
        if new is not None:
            self._write(new)
            self._keep(())
            entries.add(describe(new), referrers_tag(digest))

    def _keep(self, digests: Iterable[str]) -> None:
        """fsync the blobs, before `index.json` references them: builders and caches write blobs without fsync."""
        by_algorithm: dict[str, list[str]] = defaultdict(list)
        for algorithm, name in map(split_digest, digests):
            by_algorithm[algorithm].append(name)
        try:
            with self._files.opened("blobs", writing=True) as blobs:
                # The folders' names of new files are synced even where `digests` names none of the files.
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
        """Remove the tag. The manifest stays reachable by its digest. Raises `NotFound` if there is no such tag."""
        require_tag(tag)
        if self.resolve(tag) is None:
            raise NotFound(f"`{self.name}` has no tag `{tag}`", hint=self._tag_hint())
        with self._changing() as entries:
            entries.untag(tag)

    def delete_manifest(self, digest: str) -> None:
        """Remove the manifest and all its tags; its blobs stay. Raises `NotFound` if there is no such manifest."""
        if self.resolve(require_digest(digest)) is None:
            raise NotFound(f"`{self.name}` has no `{digest}`")
        try:
            self._files.require_blob_file(digest)
            about = self._subject_of(digest)
            with self._changing() as entries:
                entries.remove(digest)
                listed = self.fallback(entries, about) if about is not None else None
                if about is not None and listed is not None and lists(listed, digest):
                    self._replace_fallback(entries, about, listed, without_referrer(listed, digest))
            self._files.remove_blob(digest)
        except _BROKEN as error:
            raise _broken(f"`{digest}` of `{self.name}` cannot be removed", error) from error

    def _subject_of(self, digest: str) -> str | None:
        found = self.resolve(digest)
        manifest = self._readable(found) if found is not None else None
        about = subject(manifest) if manifest is not None else None
        return about.digest if about is not None else None

    def entries(self) -> Entries:
        """The current entries of `index.json`; none if the layout does not exist."""
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
        """Lock the layout and yield the entries of `index.json`; write them when the body ends without an error."""
        with self._making() as folder:
            try:
                with folder.read("oci-layout") as lock:
                    # Two processes that read, change and replace `index.json` at once would lose one of the changes.
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    entries = self.entries()
                    yield entries
                    self._files.replace_index(folder, entries.encode())
            except _BROKEN as error:
                raise _broken(f"`{self.name}` cannot be written", error) from error

    @contextlib.contextmanager
    def _making(self) -> Iterator[OpenFolder]:
        """The layout's folder, created if necessary."""
        try:
            folder = self._files.made()
        except _BROKEN as error:
            hint = f"check the rights of `{self.path}`"
            raise _broken(f"`{self.name}` cannot be created", error, hint=hint) from error
        with folder:
            yield folder


def _broken(what: str, error: OSError | Obstructed, *, hint: str | None = None) -> RegistryError:
    """The error for a damaged layout. `hint`: for errors of the operating system other than a full disk."""
    if isinstance(error, Obstructed):
        return RegistryError(f"{what}: {error.message}", hint=error.hint)
    return RegistryError(f"{what}: {error.strerror or error}", hint=write_hint(error, hint))
