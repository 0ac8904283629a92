"""Writes images to tar archives: `oci-archive:` and `docker-archive:`."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import IO, Any

import msgspec

from release.compression.decompress import PlainLayer, plain_layers
from release.errors import ConfigError, Invalid, RegistryError
from release.events import Note, Sink
from release.filesystem.files import require_file
from release.filesystem.folders import OpenFolder, open_parent
from release.filesystem.new_files import NewFile
from release.layout.blob_writer import BLOB_MODE
from release.layout.files import MARKER
from release.layout.layout import Layout
from release.oci import INDEX_TYPES, MANIFEST_TYPES, OCI_INDEX, Descriptor, Manifest
from release.oci.manifest import children, describe

_ENCODER = msgspec.json.Encoder(order="sorted")


def write_combined_archive(
    layout: Layout,
    digest: str,
    reference: str,
    path: str,
    *,
    workspace: str | None = None,
    platform: str | None = None,
    for_daemons: bool = True,
    check: Callable[[], None] = lambda: None,
) -> tuple[str, ...]:
    """Write the image with all its platforms to `path`, which is replaced when the archive is complete.

    `workspace`: no symlink below this folder is followed. Other parameters and the result are those of
    `combined_archive`. Raises `RefusedError` if `path` is a symlink or not a regular file, `RegistryError` if the
    archive cannot be written.
    """
    try:
        with open_parent(path, workspace) as (folder, name), NewFile(folder) as new:
            folder.mode_at(name)
            plain = combined_archive(
                layout,
                digest,
                reference,
                new.stream,
                folder,
                platform=platform,
                for_daemons=for_daemons,
                check=check,
            )
            new.place(name, mode=BLOB_MODE)
            return plain
    except OSError as error:
        raise RegistryError(
            f"the archive `{path}` cannot be written: {error.strerror or error}",
            hint="check its folder and the space",
        ) from error


def combined_archive(
    layout: Layout,
    digest: str,
    reference: str,
    stream: IO[bytes],
    folder: OpenFolder,
    *,
    platform: str | None = None,
    for_daemons: bool = True,
    check: Callable[[], None] = lambda: None,
) -> tuple[str, ...]:
    """Write an image archive to `stream`; returns the digests of layers that were also stored uncompressed.

    `folder`: for temporary files. `reference`: `repository:tag`, the image's name after `docker load`. `platform`: of
    the image for daemons that cannot read an index; None: the first. `for_daemons`: store zstd layers uncompressed too,
    because not every daemon can read zstd. Raises `Invalid` if the index has no image for `platform`, `OSError`, and
    the errors of `layout`.
    """
    top = layout.manifest(digest)
    image = _for_daemons(layout, top, platform)
    unpacked: AbstractContextManager[Mapping[str, PlainLayer]] = contextlib.nullcontext({})
    if for_daemons:
        unpacked = plain_layers(layout, image, folder, check=check)
    with (
        unpacked as plain,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add_folders(tar)
        blobs = _blobs(layout, top)
        for _, descriptor in sorted(blobs.items()):
            check()
            with layout.open_raw(descriptor) as blob:
                _add(tar, _blob_name(descriptor.digest), descriptor.size, blob)
        for diff_id, layer in sorted({layer.diff_id: layer for layer in plain.values()}.items()):
            if diff_id not in blobs:
                _add(tar, _blob_name(diff_id), layer.size, layer.content)
        names = {digest: layer.diff_id for digest, layer in plain.items()}
        for name, document in _documents(top, image, reference, names).items():
            _add(tar, name, len(document), io.BytesIO(document))
        return tuple(plain)


def _documents(
    top: Manifest, image: Manifest, reference: str, unpacked: Mapping[str, str]
) -> dict[str, bytes]:
    """The JSON files of the archive, by name. `unpacked`: digest of a layer -> digest of its uncompressed tar."""
    config, *layers = children(image)
    tag = reference.rpartition(":")[2]
    named = {
        "mediaType": top.media_type,
        "digest": top.digest,
        "size": len(top.raw),
        "annotations": {"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": reference},
    }
    return {
        "index.json": _ENCODER.encode(
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [named],
            }
        ),
        "manifest.json": _ENCODER.encode(
            [
                {
                    "Config": _blob_name(config.digest),
                    "RepoTags": [reference],
                    "Layers": [_blob_name(unpacked.get(layer.digest, layer.digest)) for layer in layers],
                }
            ]
        ),
        "oci-layout": MARKER,
    }


def _for_daemons(layout: Layout, top: Manifest, platform: str | None) -> Manifest:
    if not top.is_index:
        return top
    for child in children(top):
        if platform is None or platform == _platform(child.platform or {}):
            return layout.manifest(child.digest)
    raise Invalid(f"`{top.digest}` has no image for `{platform or 'any platform'}`", hint="see its platforms")


def _platform(fields: dict[str, Any]) -> str:
    parts = (fields.get(name) for name in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if part)


def _blobs(layout: Layout, manifest: Manifest) -> dict[str, Descriptor]:
    """All manifests, configs and layers below `manifest`, by digest."""
    found: dict[str, Descriptor] = {}
    waiting = [describe(manifest)]
    while waiting:
        descriptor = waiting.pop()
        found[descriptor.digest] = descriptor
        if descriptor.media_type in INDEX_TYPES | MANIFEST_TYPES:
            waiting += children(layout.manifest(descriptor.digest))
    return found


def _blob_name(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _add_folders(tar: tarfile.TarFile) -> None:
    for name in ("blobs", "blobs/sha256"):
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    tar.addfile(info, content)


class ArchiveTarget:
    """A `Repository` that writes one image to a tar archive. `path`: the archive, replaced if it exists.

    `store`: keeps blobs until the archive is written. `image`: the repository in the image's name. `shown`: transport
    and path for messages. `for_daemons`: store zstd layers uncompressed too, for old daemons. `workspace`: no symlink
    below this folder is followed on the path to the archive.
    """

    def __init__(
        self,
        path: str,
        *,
        store: Layout,
        shown: str,
        sink: Sink,
        image: str = "image",
        for_daemons: bool = True,
        check: Callable[[], None] = lambda: None,
        workspace: str | None = None,
    ) -> None:
        self._path = path
        self._store = store
        self._shown = shown
        self._sink = sink
        self._image = image
        self._for_daemons = for_daemons
        self._check = check
        self._workspace = workspace
        self._written: dict[str, Manifest] = {}

    @property
    def name(self) -> str:
        """The transport and the path of the archive."""
        return self._shown

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of the image written under a tag, or of a manifest in the store; None if there is none."""
        written = self._written.get(reference)
        if written is not None:
            return describe(written)
        return self._store.resolve(reference) if ":" in reference else None

    def manifest(self, reference: str) -> Manifest:
        """The manifest written under a tag, or in the store. Raises `NotFound`."""
        return self._written.get(reference) or self._store.manifest(reference)

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """A blob from the store."""
        return self._store.open_blob(descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the store has the blob."""
        return self._store.has_blob(descriptor)

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        """Keep the blob in the store for the archive."""
        return self._store.put_blob(descriptor, reopen, mount_from=mount_from)

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Without a tag, keep the manifest in the store; with a tag, write the archive.

        Raises `ConfigError` if this object wrote the archive under another tag before.
        """
        if tag is None:
            self._store.put_manifest(manifest)
            return
        if self._written and tag not in self._written:
            raise ConfigError(
                f"`{self.name}` can have only one image, with one tag", hint="write a layout, `oci:PATH`"
            )
        unpacked = write_combined_archive(
            self._store,
            manifest.digest,
            f"{self._image}:{tag}",
            self._path,
            workspace=self._workspace,
            for_daemons=self._for_daemons,
            check=self._check,
        )
        if unpacked:
            count = len(unpacked)
            text = f"`{self.name}`: zstd layers are stored uncompressed too ({count}), for docker daemons before 23"
            self._sink.emit(Note(level="info", text=text))
        self._written[tag] = manifest

    def tags(self) -> tuple[str, ...]:
        """The tag that this object wrote, if any."""
        return tuple(self._written)

    def check_push(self) -> None:
        """Raise `RefusedError` if the archive's path is a symlink or not a regular file."""
        with contextlib.suppress(OSError):
            require_file(self._path, workspace=self._workspace)

    def delete_tag(self, tag: str) -> None:
        """Refuse."""
        raise Invalid(f"`{tag}` cannot be deleted from `{self.name}`", hint="remove the file")

    def delete_manifest(self, digest: str) -> None:
        """Refuse."""
        raise Invalid(f"`{digest}` cannot be deleted from `{self.name}`", hint="remove the file")
