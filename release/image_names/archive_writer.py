"""Writes images to tar archives: `oci-archive:` and `docker-archive:`."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import IO, Any

import msgspec

from release.compression.decompress import PlainLayer, plain_layers
from release.errors import RegistryError
from release.filesystem.files import write_hint
from release.filesystem.folders import OpenFolder, open_parent
from release.filesystem.new_files import NewFile
from release.image_names.loadable_image import loadable_image
from release.layout.blob_writer import BLOB_MODE
from release.layout.entry_names import CONTAINERD_NAME, REF_NAME
from release.layout.files import MARKER
from release.layout.layout import Layout
from release.oci import OCI_INDEX, Descriptor, Manifest
from release.oci.manifest import children, describe

_ENCODER = msgspec.json.Encoder(order="sorted")

#: Manifests that belong to the image: a referrer, or a tag and the manifest that has it.
Attached = Sequence[Manifest | tuple[str, Manifest]]


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
    attached: Attached = (),
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
                attached=attached,
            )
            new.place(name, mode=BLOB_MODE)
            return plain
    except OSError as error:
        raise RegistryError(
            f"the archive `{path}` cannot be written: {error.strerror or error}",
            hint=write_hint(error, "check that its folder exists, and its rights"),
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
    attached: Attached = (),
) -> tuple[str, ...]:
    """Write an image archive to `stream`; returns the digests of layers that were also stored uncompressed.

    `folder`: for temporary files. `reference`: `repository:tag`, the image's name after `docker load`; or only a tag,
    for readers of layouts; None: the image gets no name. `platform`: of the image for daemons that cannot read an
    index; None: this machine's, else the first. `for_daemons`: the archive is for a daemon, which needs every layer;
    zstd layers are stored uncompressed too, because not every daemon can read zstd. `attached`: also listed in
    `index.json`. Raises `OSError` and the errors of `layout`. With `for_daemons` also
    `Invalid` if there is no image for `platform` or no daemon can load it, `NotFound` if a
    layer is not stored, and `ConfigError` without the library for zstd.
    """
    top = layout.manifest(digest)
    image = loadable_image(layout, top, platform, needed=for_daemons)
    unpacked: AbstractContextManager[Mapping[str, PlainLayer]] = contextlib.nullcontext({})
    if for_daemons and image is not None:
        unpacked = plain_layers(layout, image, folder, check=check)
    with (
        unpacked as plain,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add_folders(tar)
        blobs = _blobs(layout, (top, *(one if isinstance(one, Manifest) else one[1] for one in attached)))
        for _, descriptor in sorted(blobs.items()):
            check()
            with layout.open_raw(descriptor) as blob:
                _add(tar, _blob_name(descriptor.digest), descriptor.size, blob)
        for diff_id, layer in sorted({layer.diff_id: layer for layer in plain.values()}.items()):
            if diff_id not in blobs:
                _add(tar, _blob_name(diff_id), layer.size, layer.content)
        names = {digest: layer.diff_id for digest, layer in plain.items()}
        for name, document in _documents(top, image, reference, names, attached).items():
            _add(tar, name, len(document), io.BytesIO(document))
        return tuple(plain)


def _documents(
    top: Manifest,
    image: Manifest | None,
    reference: str | None,
    unpacked: Mapping[str, str],
    attached: Attached,
) -> dict[str, bytes]:
    """The JSON files of the archive, by name. `unpacked`: digest of a layer -> digest of its uncompressed tar."""
    whole = reference if reference and ":" in reference else None
    named = _entry(top)
    if reference is not None:
        named["annotations"] = {REF_NAME: reference.rpartition(":")[2]}
    if whole is not None:
        named["annotations"][CONTAINERD_NAME] = whole
    documents: dict[str, Any] = {
        "index.json": {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [named, *(_attached_entry(one) for one in attached)],
        }
    }
    if image is not None:
        config, *layers = children(image)
        entry = {
            "Config": _blob_name(config.digest),
            "RepoTags": [whole] if whole else None,
            "Layers": [_blob_name(unpacked.get(layer.digest, layer.digest)) for layer in layers],
        }
        documents["manifest.json"] = [entry]
    return {name: _ENCODER.encode(document) for name, document in documents.items()} | {"oci-layout": MARKER}


def _entry(manifest: Manifest) -> dict[str, Any]:
    return {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.raw)}


def _attached_entry(one: Manifest | tuple[str, Manifest]) -> dict[str, Any]:
    if isinstance(one, Manifest):
        return _entry(one)
    tag, manifest = one
    return {**_entry(manifest), "annotations": {REF_NAME: tag}}


def _blobs(layout: Layout, tops: Sequence[Manifest]) -> dict[str, Descriptor]:
    """All manifests, configs and layers of `tops` and below, by digest; no layer that is only at its `urls`."""
    known = {top.digest: top for top in tops}
    found: dict[str, Descriptor] = {}
    waiting = [describe(top) for top in tops]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.digest in found or (descriptor.urls and not layout.has_blob(descriptor)):
            continue
        found[descriptor.digest] = descriptor
        if descriptor.is_manifest:
            waiting += children(known.get(descriptor.digest) or layout.manifest(descriptor.digest))
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
