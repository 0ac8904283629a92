"""One tar that is both an OCI layout and what `docker save` writes, for daemons and for tools that read either.

A bare OCI layout in a tar is refused by daemons before 25, so `manifest.json` stands beside `index.json`, and both
name the same blobs. Equal content gives equal bytes.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import IO, Any

import msgspec

from release.errors import Invalid, RegistryError
from release.folders import OpenFolder, open_parent
from release.new_files import NewFile
from release.registry import INDEX_TYPES, MANIFEST_TYPES, OCI_INDEX, Descriptor, Manifest
from release.registry.blob_writer import BLOB_MODE
from release.registry.documents import children, describe
from release.registry.layout import Layout
from release.registry.plain_layers import PlainLayer, plain_layers

_ENCODER = msgspec.json.Encoder(order="sorted")
_MARKER = b'{"imageLayoutVersion":"1.0.0"}'


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

    `workspace`: no symlink below it is followed. The rest, and what is returned: as for `combined_archive`. Raises
    `RefusedError` for a symlink or what else is no regular file, `RegistryError`.
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
    """Write the archive to `stream`. `folder`: where temporary files go.

    `reference`: `repository:tag`, what a daemon calls it once loaded. `platform`: which one a daemon that knows no
    index takes; the first when None. `for_daemons`: layers that not every daemon can read stand there unpacked too;
    returns their digests. Raises `OSError`, and what the layout raises.
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
    """`unpacked`: digest of a layer -> digest of the tar that daemons take instead."""
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
        "oci-layout": _MARKER,
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
    """Everything reachable, by digest."""
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
