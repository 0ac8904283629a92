"""Opens images in archives and folders: `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:REFERENCE]`, `dir:FOLDER`.

`locate` opens the other transports: `docker://`, `oci:` and `docker-daemon:`.
"""

from __future__ import annotations

import os
import re

import msgspec

from release.compression.codecs import Codec
from release.control import Cancel
from release.errors import ConfigError
from release.events import Sink
from release.image_names.archive_target import ArchiveTarget
from release.image_names.dir import Folder
from release.image_names.docker_archive_source import DockerArchive
from release.image_names.oci_archive import OciArchive
from release.image_names.path_and_name import PathAndName, split_path
from release.layout.layout import Layout
from release.lazy_pattern import pattern
from release.oci import Repository
from release.oci.grammar import is_tag
from release.oci.reference import Reference

OCI_ARCHIVE = "oci-archive:"
DOCKER_ARCHIVE = "docker-archive:"
FOLDER = "dir:"
TRANSPORTS = (OCI_ARCHIVE, DOCKER_ARCHIVE, FOLDER)
# `FILE:@N` names an image of an archive by its number, from 0, as for skopeo: images need not have names.
_NUMBERED = pattern(r"(.+):(@\d{1,6})", re.ASCII)


class TransportContext(msgspec.Struct, frozen=True, kw_only=True):
    """The settings for opening an image. `store`: the local content store; `root`: the base of relative paths.

    `workspace`: no symlink below this folder is followed for writing. `codec`: compresses layers that are uncompressed
    in a daemon or an archive of `docker save`; None: the fastest gzip.
    """

    store: Layout
    root: str
    workspace: str | None = None
    sink: Sink
    cancel: Cancel
    codec: Codec | None = None


class OpenedImage(msgspec.Struct, frozen=True, kw_only=True):
    """An opened repository, and what the user's text names in it.

    `reference`: a tag, a whole reference or a digest; None if the text names no image. `tag`, `digest`: the parts of
    the image's name.
    """

    repository: Repository
    reference: str | None = None
    tag: str | None = None
    digest: str | None = None


def open_source(text: str, workshop: TransportContext) -> OpenedImage:
    """Open an archive or folder for reading. Raises `ConfigError` for a bad name, `RegistryError` for a bad archive."""
    transport, place = _split(text, workshop)
    full = os.path.join(workshop.root, place.path)
    if transport != FOLDER and os.path.isdir(full):
        raise ConfigError(
            f"`{place.path}` is a folder, and an archive is a file",
            hint=f"write `oci:{place.path}` for an OCI layout, `dir:{place.path}` for a folder of skopeo",
        )
    match transport:
        case "oci-archive:":
            archive = OciArchive(full, shown=place.path)
            return OpenedImage(
                repository=archive, reference=place.digest or place.name, tag=place.tag, digest=place.digest
            )
        case "docker-archive:":
            found = DockerArchive(
                full,
                store=workshop.store,
                sink=workshop.sink,
                cancel=workshop.cancel,
                codec=workshop.codec,
                image=place.name,
                shown=f"{place.path}:{place.name}" if place.name else place.path,
            )
            tag = found.tag()
            return OpenedImage(repository=found, reference=place.digest or tag, tag=tag, digest=place.digest)
        case _:
            if os.path.isfile(os.path.join(full, "oci-layout")):
                raise ConfigError(f"`{place.path}` is an OCI layout", hint=f"write `oci:{place.path}`")
            return OpenedImage(repository=Folder(full, shown=place.path))


def open_destination(text: str, workshop: TransportContext) -> OpenedImage:
    """Open an archive or folder for writing an image. Raises `ConfigError`."""
    transport, place = _split(text, workshop)
    full = os.path.join(workshop.root, place.path)
    if transport == FOLDER:
        folder = Folder(full, shown=place.path, workspace=workshop.workspace)
        return OpenedImage(repository=folder)
    name = place.name
    if name is not None and (transport == DOCKER_ARCHIVE or not is_tag(name)):
        # The name as the user wrote it: the daemon itself completes `app` to `docker.io/library/app`.
        name = name if Reference.parse(name).tag else f"{name}:latest"
    target = ArchiveTarget(
        full,
        store=workshop.store,
        shown=f"{transport}{place.path}",
        sink=workshop.sink,
        image=name,
        for_daemons=transport == DOCKER_ARCHIVE,
        check=workshop.cancel.check,
        workspace=workshop.workspace,
    )
    return OpenedImage(repository=target, tag=target.tag, digest=place.digest)


def _split(text: str, workshop: TransportContext) -> tuple[str, PathAndName]:
    transport = next((name for name in TRANSPORTS if text.startswith(name)), None)
    if transport is None:
        known = ", ".join(f"`{name}`" for name in ("docker://", "oci:", *TRANSPORTS, "docker-daemon:"))
        raise ConfigError(f"`{text}` has no known transport", hint=f"known are: {known}")
    rest = text.removeprefix(transport)
    # A folder's image has no name.
    if transport == FOLDER:
        place = PathAndName(path=rest)
    elif transport == DOCKER_ARCHIVE and (numbered := _NUMBERED.fullmatch(rest)) is not None:
        place = PathAndName(path=numbered[1], name=numbered[2])
    else:
        place = split_path(rest, workshop.root, is_file=True)
    if not place.path:
        raise ConfigError(f"`{text}` names no file", hint=f"write `{transport}PATH`")
    return transport, place
