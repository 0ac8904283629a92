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
from release.errors import Invalid, RegistryError
from release.filesystem.folders import OpenFolder, open_parent
from release.filesystem.new_files import NewFile
from release.layout.blob_writer import BLOB_MODE
from release.layout.entry_names import CONTAINERD_NAME, REF_NAME
from release.layout.files import MARKER
from release.layout.layout import Layout
from release.oci import INDEX_TYPES, MANIFEST_TYPES, OCI_INDEX, Descriptor, Manifest
from release.oci.manifest import children, describe

_ENCODER = msgspec.json.Encoder(order="sorted")


def write_combined_archive(
    layout: Layout,
    digest: str,
    reference: str | None,
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
    reference: str | None,
    stream: IO[bytes],
    folder: OpenFolder,
    *,
    platform: str | None = None,
    for_daemons: bool = True,
    check: Callable[[], None] = lambda: None,
) -> tuple[str, ...]:
    """Write an image archive to `stream`; returns the digests of layers that were also stored uncompressed.

    `folder`: for temporary files. `reference`: `repository:tag`, the image's name after `docker load`; or only a tag,
    for readers of layouts; None: the image gets no name. `platform`: of the image for daemons that cannot read an
    index; None: the first. `for_daemons`: store zstd layers uncompressed too, because not every daemon can read zstd.
    Raises `Invalid` if the index has no image for `platform`, `OSError`, and the errors of `layout`.
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
    top: Manifest, image: Manifest, reference: str | None, unpacked: Mapping[str, str]
) -> dict[str, bytes]:
    """The JSON files of the archive, by name. `unpacked`: digest of a layer -> digest of its uncompressed tar."""
    config, *layers = children(image)
    whole = reference if reference and ":" in reference else None
    named: dict[str, Any] = {"mediaType": top.media_type, "digest": top.digest, "size": len(top.raw)}
    if reference is not None:
        named["annotations"] = {REF_NAME: reference.rpartition(":")[2]}
    if whole is not None:
        named["annotations"][CONTAINERD_NAME] = whole
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
                    "RepoTags": [whole] if whole else None,
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
