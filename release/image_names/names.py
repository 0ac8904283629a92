"""Opens images in archives and folders: `oci-archive:FILE`, `docker-archive:FILE[:REFERENCE]`, `dir:FOLDER`.

`image_location` opens the other transports: `docker://`, `oci:` and `docker-daemon:`.
"""

from __future__ import annotations

import os

import msgspec

from release.compression.codecs import Codec
from release.control import Cancel
from release.errors import ConfigError
from release.events import Sink
from release.image_names.archive_writer import ArchiveTarget
from release.image_names.dir import Folder
from release.image_names.docker_archive_source import DockerArchive
from release.image_names.oci_archive import OciArchive
from release.layout.layout import Layout
from release.oci import Repository
from release.oci.reference import Reference, is_tag

OCI_ARCHIVE = "oci-archive:"
DOCKER_ARCHIVE = "docker-archive:"
FOLDER = "dir:"
TRANSPORTS = (OCI_ARCHIVE, DOCKER_ARCHIVE, FOLDER)


class TransportContext(msgspec.Struct, frozen=True, kw_only=True):
    """The settings for opening an image. `store`: the local content store; `root`: the base of relative paths.

    `workspace`: no symlink below this folder is followed for writing. `codec`: compresses layers that are uncompressed
    in the source; None: the fastest gzip.
    """

    store: Layout
    root: str
    workspace: str | None = None
    sink: Sink
    cancel: Cancel
    codec: Codec | None = None


class OpenedImage(msgspec.Struct, frozen=True, kw_only=True):
    """An opened repository. `tag`: the tag in the image's name, or the transport's default; None if there is none."""

    repository: Repository
    tag: str | None = None


def open_source(text: str, workshop: TransportContext) -> OpenedImage:
    """Open an image for reading. Raises `ConfigError` for a bad name, `RegistryError` for a bad archive."""
    transport, path, detail = _split(text)
    full = os.path.join(workshop.root, path)
    shown = f"{path}:{detail}" if detail else path
    match transport:
        case "oci-archive:":
            return OpenedImage(repository=OciArchive(full, shown=path), tag=_tag(text, detail))
        case "docker-archive:":
            archive = DockerArchive(
                full,
                store=workshop.store,
                sink=workshop.sink,
                cancel=workshop.cancel,
                codec=workshop.codec,
                image=detail or None,
                shown=shown,
            )
            return OpenedImage(repository=archive, tag=archive.tags()[0])
        case _:
            return OpenedImage(repository=Folder(full, shown=path), tag="latest")


def open_destination(text: str, workshop: TransportContext) -> OpenedImage:
    """Open an archive or folder for writing an image. Raises `ConfigError`."""
    transport, path, detail = _split(text)
    full = os.path.join(workshop.root, path)
    if transport == FOLDER:
        folder = Folder(full, shown=path, workspace=workshop.workspace)
        return OpenedImage(repository=folder, tag="latest")
    image, tag = "image", detail or None
    if transport == DOCKER_ARCHIVE and detail:
        reference = Reference.parse(detail)
        # The name as the user wrote it: the daemon itself completes `app` to `docker.io/library/app`.
        image, tag = detail.removesuffix(f":{reference.tag}") if reference.tag else detail, reference.tag
    elif detail:
        tag = _tag(text, detail)
    target = ArchiveTarget(
        full,
        store=workshop.store,
        shown=f"{transport}{path}",
        sink=workshop.sink,
        image=image,
        for_daemons=transport == DOCKER_ARCHIVE,
        check=workshop.cancel.check,
        workspace=workshop.workspace,
    )
    return OpenedImage(repository=target, tag=tag or "latest")


def _split(text: str) -> tuple[str, str, str]:
    transport = next((name for name in TRANSPORTS if text.startswith(name)), None)
    if transport is None:
        known = ", ".join(f"`{name}`" for name in ("docker://", "oci:", *TRANSPORTS, "docker-daemon:"))
        raise ConfigError(f"`{text}` has no known transport", hint=f"known are: {known}")
    rest = text.removeprefix(transport)
    path, _, detail = rest.partition(":") if transport != FOLDER else (rest, "", "")
    if not path:
        raise ConfigError(f"`{text}` names no file", hint=f"write `{transport}PATH`")
    return transport, path, detail


def _tag(text: str, detail: str) -> str | None:
    if detail and not is_tag(detail):
        raise ConfigError(f"`{detail}` in `{text}` is not a tag")
    return detail or None
