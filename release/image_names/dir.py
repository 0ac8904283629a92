"""The transport `dir:FOLDER`: a folder with the files of one image, as skopeo writes it, as a `Repository`.

`manifest.json` is the image's manifest or index; manifests below an index are `HEX.manifest.json`; blobs are `HEX`; the
file `version` names the format. A folder has one image without a name: it is found by its digest or with `only`, and
no tag resolves to it. Symlinks in the folder are not followed; for writing, neither are symlinks in the path below the
workspace.
Source: containers/image, directory transport 1.1.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

import msgspec

from release.decoding import decode
from release.errors import ConfigError, DigestMismatch, Invalid, NotFound, RefusedError, RegistryError
from release.filesystem.files import read_limited, write_hint
from release.filesystem.folders import OpenFolder, nearest_folder, open_folder
from release.filesystem.new_files import NewFile
from release.hints import ODD_IMAGE
from release.layout.blob_writer import BLOB_MODE
from release.oci import OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest
from release.oci.grammar import is_digest, require_digest, require_tag
from release.oci.manifest import LARGEST_PULLED, describe, read_manifest
from release.oci.verify import CHUNK, verified

_ABSENT = (
    "a `dir:` folder holds one image without a tag: name the folder alone, or copy the image there again"
)
_UNREADABLE = "check the rights on the folder, and the disk that holds it"

# Content of the file `version`, which containers/image requires.
_VERSION_NAME = b"Directory Transport Version:"
_VERSION = _VERSION_NAME + b" 1.1\n"
_MANIFEST = "manifest.json"


class _Shape(msgspec.Struct):
    media_type: str = msgspec.field(default="", name="mediaType")
    manifests: Any = None
    layers: Any = None


class Folder:
    """One image in a folder. `path`: the folder, made by the first write. `shown`: the folder's path in messages.

    `workspace`: for writing, no symlink below this folder is followed.
    """

    def __init__(self, path: str, *, shown: str | None = None, workspace: str | None = None) -> None:
        self.path = os.path.abspath(path)
        self._workspace = workspace
        self._shown = shown or path
        self.holds_referrers = False  # the format of `dir:` has no place for referrers
        self.needs_foreign_layers = True  # as for skopeo, whose readers look for layers in the folder first

    @property
    def name(self) -> str:
        """The transport `dir:` and the path."""
        return f"dir:{self._shown}"

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of the image or of a manifest in its index, by digest. None for a tag: no tag is stored."""
        raw = self._document(reference)
        return None if raw is None else describe(self._read(raw, reference))

    def manifest(self, reference: str) -> Manifest:
        """The manifest with a digest, which is checked. Raises `NotFound`, also for a tag."""
        raw = self._document(reference)
        if raw is None:
            raise NotFound(f"`{self.name}` has no `{reference}`", hint=_ABSENT)
        return self._read(raw, reference)

    def tags(self) -> tuple[str, ...]:
        """No tag: the folder's image has no name."""
        return ()

    def only(self) -> tuple[Descriptor, str | None] | None:
        """The folder's image, which has no tag; None if the folder has none."""
        raw = self._small(_MANIFEST)
        return None if raw is None else (describe(self._read(raw, None)), None)

    def put_only(self, manifest: Manifest) -> None:
        """Store a manifest as the folder's image."""
        self._require_own_version()
        with self._made() as folder:
            child = _child_name(manifest.digest)
            self._write(folder, child, io.BytesIO(manifest.raw))
            self._write(folder, "version", io.BytesIO(_VERSION))
            # fsync the names of blobs and manifests before `manifest.json` exists: a power cut leaves no incomplete
            # image.
            folder.sync()
            self._write(folder, _MANIFEST, io.BytesIO(manifest.raw))
            folder.sync()
            with open_folder(os.path.dirname(self.path), self._workspace) as parent:
                parent.sync()
            # Other readers expect the image's own manifest in `manifest.json` only.
            folder.remove(child)

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """The blob as a stream that checks size and digest. Raises `NotFound`, and `RegistryError` for other errors."""
        try:
            with open_folder(self.path, None) as folder:
                raw = folder.read(_blob_name(descriptor.digest))
        except FileNotFoundError as error:
            hint = "the image is incomplete there: copy it to that folder again"
            raise NotFound(f"blob `{descriptor.digest}` is missing in `{self.name}`", hint=hint) from error
        except OSError as error:
            raise RegistryError(
                f"blob `{descriptor.digest}` of `{self.name}`: {error.strerror}", hint=_UNREADABLE
            ) from error
        return verified(cast(IO[bytes], raw), descriptor, source=f"`{self.name}`")

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the folder has the blob with the right size."""
        try:
            with open_folder(self.path, None) as folder:
                return folder.has_file(_blob_name(descriptor.digest), descriptor.size)
        except OSError:
            return False

    def put_blob(
        self,
        descriptor: Descriptor,
        reopen: Callable[[], IO[bytes]],
        *,
        mount_from: tuple[str, ...] = (),  # noqa: ARG002 - a folder has nothing to mount from
    ) -> bool:
        """Store the blob; size and digest are checked before the file gets its name."""
        if self.has_blob(descriptor):
            return False
        with reopen() as source:
            checked = verified(source, descriptor, source="the source")
            with self._made() as folder:
                self._write(folder, _blob_name(descriptor.digest), checked)
        return True

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Store a manifest: with a tag as the folder's image, without a tag as a manifest of the image's index.

        The tag itself is not stored.
        """
        if tag is not None:
            require_tag(tag)
            self.put_only(manifest)
            return
        with self._made() as folder:
            self._write(folder, _child_name(manifest.digest), io.BytesIO(manifest.raw))

    def _require_own_version(self) -> None:
        """Raise `RefusedError` if the folder's file `version` is another program's, such as a project's own."""
        found = self._small("version")
        if found and not found.startswith(_VERSION_NAME):
            raise RefusedError(
                f"the file `version` in `{self.name}` is not that of an image, so no image replaces it",
                hint="name another folder: an image needs one of its own",
            )

    def check_push(self) -> None:
        """Raise `RegistryError` unless the folder can be written, and as `put_only`."""
        self._require_own_version()
        try:
            with nearest_folder(self.path, self._workspace) as folder:
                existing, writable = folder.path, folder.can_write()
                for name in ("version", _MANIFEST) if folder.path == self.path else ():
                    folder.mode_at(name)
        except OSError as error:
            raise RegistryError(
                f"`{self.name}` cannot be written: {error.strerror}", hint=write_hint(error)
            ) from error
        if not writable:
            raise RegistryError(f"`{self.name}` cannot be written", hint=f"check the rights of `{existing}`")

    def delete_tag(self, tag: str) -> None:
        """Raise `ConfigError`: the folder has one image and no tags."""
        raise ConfigError(f"`{self.name}` has no tags to delete (`{tag}`)", hint="remove the folder")

    def delete_manifest(self, digest: str) -> None:
        """Raise `ConfigError`: the folder has one image, so the user has to remove the folder."""
        raise ConfigError(f"`{digest}` cannot be deleted from `{self.name}`", hint="remove the folder")

    def _document(self, reference: str) -> bytes | None:
        if not is_digest(reference):
            require_tag(reference)
            return None
        child = self._small(_child_name(reference))
        if child is not None:
            return child
        top = self._small(_MANIFEST)
        return top if top is not None and _digest_fits(top, reference) else None

    def _read(self, raw: bytes, expected: str | None) -> Manifest:
        return read_manifest(raw, _media_type(raw, self.name), expected=expected, source=f"`{self.name}`")

    def _small(self, name: str) -> bytes | None:
        try:
            with open_folder(self.path, None) as folder, folder.read(name) as stream:
                return read_limited(stream, os.path.join(self.path, name), LARGEST_PULLED)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RegistryError(
                f"`{self.name}` cannot be read: {error.strerror}", hint=_UNREADABLE
            ) from error

    @contextlib.contextmanager
    def _made(self) -> Iterator[OpenFolder]:
        try:
            with open_folder(self.path, self._workspace, make=True) as folder:
                yield folder
        except OSError as error:
            raise RegistryError(
                f"`{self.name}` cannot be written: {error.strerror}", hint=write_hint(error)
            ) from error

    def _write(self, folder: OpenFolder, name: str, source: IO[bytes]) -> None:
        with NewFile(folder) as new:
            while data := source.read(CHUNK):
                new.stream.write(data)
            new.place(name, mode=BLOB_MODE, durable=True)


def _blob_name(digest: str) -> str:
    algorithm, _, value = require_digest(digest).partition(":")
    return value if algorithm == "sha256" else f"{algorithm}-{value}"


def _child_name(digest: str) -> str:
    return f"{_blob_name(digest)}.{_MANIFEST}"


def _media_type(raw: bytes, source: str) -> str:
    """The media type of a document without a descriptor: its `mediaType`, else the type that fits its members."""
    try:
        shape = decode(raw, _Shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(f"the manifest in `{source}` is not a JSON object", hint=ODD_IMAGE) from error
    if shape.media_type:
        return shape.media_type
    if (shape.manifests is None) == (shape.layers is None):
        raise Invalid(
            f"the manifest in `{source}` has no `mediaType`, and its members fit no type", hint=ODD_IMAGE
        )
    return OCI_INDEX if shape.manifests is not None else OCI_MANIFEST


def _digest_fits(raw: bytes, digest: str) -> bool:
    try:
        read_manifest(raw, _media_type(raw, "the folder"), expected=digest, source="the folder")
    except DigestMismatch:
        return False
    return True
