"""An OCI image layout folder as a `Repository`, with the same meaning as a registry.

Blobs arrive by temporary file and rename, `index.json` is replaced atomically under a lock on `oci-layout`
(which is written once and never replaced). A manifest put by digest alone gets an index entry without a name,
so that it stays reachable; the entry goes when an index that lists it arrives, or becomes the named one. What
`index.json` names is on the disk before it does: a power cut leaves no image with holes.
Source: OCI image-spec v1.1, image-layout.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, cast

from release.errors import DigestMismatch, NotFound, RegistryError
from release.files import open_file, read_file
from release.limits import LAYOUT_INDEX_BYTES
from release.registry import Descriptor, Manifest
from release.registry.blob_writer import BlobWriter
from release.registry.documents import children, describe
from release.registry.durable import keep_files, keep_names
from release.registry.layout_index import Entries, read_entries
from release.registry.layout_reader import LayoutReader
from release.registry.reference import require_digest, require_tag
from release.registry.streams import pieces

_ABANDONED = 24 * 3600.0  # seconds without a byte
_MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_EMPTY_INDEX = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}


class Layout(LayoutReader):
    """A layout folder. `path` may not exist yet: reading finds nothing, the first write makes it.

    `root`: what a relative path is relative to; the current folder when None.
    """

    def __init__(self, path: str, *, root: str | None = None) -> None:
        self.path = os.path.abspath(os.path.join(root or "", path))
        self._shown = path
        self._swept = False

    @classmethod
    def create(cls, path: str) -> Layout:
        """A layout at `path`, made if it is missing. Raises `RegistryError` when it cannot be."""
        layout = cls(path)
        layout._ensure()
        return layout

    @property
    def name(self) -> str:
        """`oci:` and the path as it was given."""
        return f"oci:{self._shown}"

    def open_raw(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob's file, unchecked: for senders whose receiver compares the digest."""
        path = self.blob_path(descriptor.digest)
        try:
            stream = open_file(path)
        except FileNotFoundError as error:
            raise NotFound(f"blob `{descriptor.digest}` is missing in `{self.name}`") from error
        except OSError as error:
            raise RegistryError(f"blob `{descriptor.digest}` of `{self.name}`: {error.strerror}") from error
        size = os.fstat(stream.fileno()).st_size
        if size != descriptor.size:
            stream.close()
            raise DigestMismatch(
                f"blob `{descriptor.digest}` in `{self.name}` has {size} bytes of {descriptor.size}"
            )
        return cast(IO[bytes], stream)

    def blob_path(self, digest: str) -> str:
        """Where a blob is or would be."""
        algorithm, _, value = require_digest(digest).partition(":")
        return os.path.join(self.path, "blobs", algorithm, value)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob is here with the right size."""
        try:
            return os.stat(self.blob_path(descriptor.digest)).st_size == descriptor.size
        except OSError:
            return False

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
        self._ensure()
        writer = BlobWriter(self.path, algorithm)
        try:
            yield writer
        except OSError as error:
            raise RegistryError(f"`{self.name}`: {error.strerror or error}") from error
        finally:
            writer.discard()

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
        try:
            keep_files([self.blob_path(digest) for digest in digests])
            with os.scandir(os.path.join(self.path, "blobs")) as algorithms:
                keep_names([entry.path for entry in algorithms])
        except OSError as error:
            raise RegistryError(f"`{self.name}`: {error.strerror or error}") from error

    def check_push(self) -> None:
        """Raise `RegistryError` unless the folder can be written."""
        existing = self.path
        while not os.path.exists(existing):
            existing = os.path.dirname(existing)
        if not os.path.isdir(existing) or not os.access(existing, os.W_OK | os.X_OK):
            raise RegistryError(f"`{self.name}` cannot be written", hint=f"check the rights of `{existing}`")

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
        with self._changing() as entries:
            entries.remove(digest)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.blob_path(digest))

    def entries(self) -> Entries:
        """What `index.json` holds now; nothing where there is no folder."""
        try:
            raw = read_file(os.path.join(self.path, "index.json"), limit=LAYOUT_INDEX_BYTES)
        except OSError as error:
            raise RegistryError(f"`{self.name}` cannot be read: {error.strerror}") from error
        if raw is None:
            return Entries({**_EMPTY_INDEX, "manifests": []})
        return read_entries(raw, self.name)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Entries]:
        """The index entries, to change; written when the body ends well. Held against other processes."""
        self._ensure()
        try:
            with open_file(os.path.join(self.path, "oci-layout")) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                entries = self.entries()
                yield entries
                self._replace("index.json", entries.encode())
        except OSError as error:
            raise RegistryError(f"`{self.name}` cannot be written: {error.strerror}") from error

    def _ensure(self) -> None:
        try:
            os.makedirs(os.path.join(self.path, "blobs", "sha256"), exist_ok=True)
            if not os.path.exists(os.path.join(self.path, "oci-layout")):
                # A link fails where a rename would replace: the lock file must stay the one it is.
                self._place("oci-layout", _MARKER)
            if not os.path.exists(os.path.join(self.path, "index.json")):
                self._place("index.json", _encode(_EMPTY_INDEX))
            self._sweep()
        except OSError as error:
            raise RegistryError(
                f"`{self.name}` cannot be made: {error.strerror}", hint=f"check the rights of `{self.path}`"
            ) from error

    def _sweep(self) -> None:
        """Remove what a killed writer left behind; once, and never what may still be written to."""
        if self._swept:
            return
        self._swept = True
        with os.scandir(self.path) as found:
            left = [entry for entry in found if entry.name.startswith(".partial-")]
        for entry in left:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - entry.stat().st_mtime > _ABANDONED:
                    os.unlink(entry.path)

    def _place(self, name: str, content: bytes) -> None:
        path = os.path.join(self.path, name)
        with self._spooled(content) as partial:
            try:
                os.link(partial, path)
            except FileExistsError:
                return
            except OSError:
                # Some file systems have no links.
                os.replace(partial, path)

    def _replace(self, name: str, content: bytes) -> None:
        with self._spooled(content) as partial:
            os.replace(partial, os.path.join(self.path, name))
        keep_names([self.path, os.path.dirname(self.path)])

    @contextlib.contextmanager
    def _spooled(self, content: bytes) -> Iterator[str]:
        """A temporary file whose `content` is on the disk, gone when the body ends unless it was renamed."""
        import tempfile  # late, as for blobs

        descriptor, partial = tempfile.mkstemp(prefix=".partial-", dir=self.path)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(stream.fileno(), 0o644)
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            yield partial
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
