"""A folder with one image's files side by side, `dir:FOLDER`, as skopeo writes it: a `Repository`.

`manifest.json` is the image; the manifests below an index are `HEX.manifest.json`; blobs are `HEX`; `version` says
which form this is. One image a folder, so every tag names it, and `latest` stands for it in lists.
Source: containers/image, directory transport 1.1.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from typing import IO, Any, cast

import msgspec

from release.errors import ConfigError, DigestMismatch, Invalid, NotFound, RegistryError
from release.files import open_file, read_file
from release.registry import OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest
from release.registry.documents import LARGEST_PULLED, describe, read_manifest
from release.registry.durable import keep_names
from release.registry.reference import is_digest, require_digest, require_tag
from release.registry.streams import CHUNK, verified

_VERSION = b"Directory Transport Version: 1.1\n"
_TAG = "latest"
_MANIFEST = "manifest.json"


class _Shape(msgspec.Struct):
    media_type: str = msgspec.field(default="", name="mediaType")
    manifests: Any = None
    layers: Any = None


class Folder:
    """`path`: the folder, which the first write makes. `shown`: how messages call it."""

    def __init__(self, path: str, *, shown: str | None = None) -> None:
        self.path = path
        self._shown = shown or path

    @property
    def name(self) -> str:
        """`dir:` and the path."""
        return f"dir:{self._shown}"

    def resolve(self, reference: str) -> Descriptor | None:
        """The image for any tag; a digest when it is the image's or that of something below it."""
        raw = self._document(reference)
        return None if raw is None else describe(self._read(raw, reference))

    def manifest(self, reference: str) -> Manifest:
        """The manifest, hashed. Raises `NotFound`."""
        raw = self._document(reference)
        if raw is None:
            raise NotFound(f"`{self.name}` holds no `{reference}`")
        return self._read(raw, reference)

    def tags(self) -> tuple[str, ...]:
        """`latest`, when there is an image."""
        return (_TAG,) if os.path.exists(self._file(_MANIFEST)) else ()

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob as a stream that checks size and digest."""
        try:
            raw = open_file(self._blob(descriptor.digest))
        except FileNotFoundError as error:
            raise NotFound(f"blob `{descriptor.digest}` is missing in `{self.name}`") from error
        except OSError as error:
            raise RegistryError(f"blob `{descriptor.digest}` of `{self.name}`: {error.strerror}") from error
        return verified(cast(IO[bytes], raw), descriptor, source=f"`{self.name}`")

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob is here with the right size."""
        try:
            return os.stat(self._blob(descriptor.digest)).st_size == descriptor.size
        except OSError:
            return False

    def put_blob(
        self,
        descriptor: Descriptor,
        reopen: Callable[[], IO[bytes]],
        *,
        mount_from: tuple[str, ...] = (),  # noqa: ARG002 - a folder has nothing to mount from
    ) -> bool:
        """Store the blob; its size and digest are compared before it gets its name."""
        if self.has_blob(descriptor):
            return False
        with reopen() as source:
            checked = verified(source, descriptor, source="the source")
            self._write(self._blob(descriptor.digest), checked)
        return True

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """With a tag it becomes the folder's image; without one it is kept beside it."""
        if tag is not None:
            require_tag(tag)
        self._write(self._child(manifest.digest), io.BytesIO(manifest.raw))
        if tag is not None:
            self._write(self._file("version"), io.BytesIO(_VERSION))
            keep_names([self.path])  # what the manifest needs, before it is the image
            self._write(self._file(_MANIFEST), io.BytesIO(manifest.raw))
            keep_names([self.path, os.path.dirname(os.path.abspath(self.path))])
            # The image itself has one name only, as other readers expect.
            os.unlink(self._child(manifest.digest))

    def check_push(self) -> None:
        """Raise `RegistryError` unless the folder can be written."""
        existing = os.path.abspath(self.path)
        while not os.path.exists(existing):
            existing = os.path.dirname(existing)
        if not os.path.isdir(existing) or not os.access(existing, os.W_OK | os.X_OK):
            raise RegistryError(f"`{self.name}` cannot be written", hint=f"check the rights of `{existing}`")

    def delete_tag(self, tag: str) -> None:
        """Refuse: the folder is the image."""
        raise ConfigError(f"`{self.name}` has no tags to delete (`{tag}`)", hint="remove the folder")

    def delete_manifest(self, digest: str) -> None:
        """Refuse: the folder is the image."""
        raise ConfigError(f"`{self.name}` is one image (`{digest}`)", hint="remove the folder")

    def _document(self, reference: str) -> bytes | None:
        if not is_digest(reference):
            require_tag(reference)
            return self._small(self._file(_MANIFEST))
        child = self._small(self._child(reference))
        if child is not None:
            return child
        top = self._small(self._file(_MANIFEST))
        return top if top is not None and _digest_fits(top, reference) else None

    def _read(self, raw: bytes, reference: str) -> Manifest:
        expected = reference if is_digest(reference) else None
        return read_manifest(raw, _media_type(raw, self.name), expected=expected, source=f"`{self.name}`")

    def _small(self, path: str) -> bytes | None:
        try:
            return read_file(path, limit=LARGEST_PULLED)
        except OSError as error:
            raise RegistryError(f"`{self.name}` cannot be read: {error.strerror}") from error

    def _write(self, path: str, source: IO[bytes]) -> None:
        try:
            os.makedirs(self.path, exist_ok=True)
            handle, partial = tempfile.mkstemp(prefix=".partial-", dir=self.path)
        except OSError as error:
            raise RegistryError(f"`{self.name}` cannot be written: {error.strerror}") from error
        try:
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(stream.fileno(), 0o644)
                while data := source.read(CHUNK):
                    stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, path)
        except OSError as error:
            raise RegistryError(f"`{self.name}` cannot be written: {error.strerror}") from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _blob(self, digest: str) -> str:
        algorithm, _, value = require_digest(digest).partition(":")
        return self._file(value if algorithm == "sha256" else f"{algorithm}-{value}")

    def _child(self, digest: str) -> str:
        return f"{self._blob(digest)}.{_MANIFEST}"


def _media_type(raw: bytes, source: str) -> str:
    """What a document is that no descriptor speaks of: what it says, else the one thing that its shape can be."""
    try:
        shape = msgspec.json.decode(raw, type=_Shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(f"the manifest in `{source}` is not a JSON object") from error
    if shape.media_type:
        return shape.media_type
    if (shape.manifests is None) == (shape.layers is None):
        raise Invalid(f"the manifest in `{source}` does not say what it is")
    return OCI_INDEX if shape.manifests is not None else OCI_MANIFEST


def _digest_fits(raw: bytes, digest: str) -> bool:
    try:
        read_manifest(raw, _media_type(raw, "the folder"), expected=digest, source="the folder")
    except DigestMismatch:
        return False
    return True
