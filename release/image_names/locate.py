"""Parses where an image is, and opens it: `ghcr.io/acme/app:1.4.2`, `oci:dist/image:1.4.2`, `dir:FOLDER`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from release.errors import ConfigError
from release.events import Note
from release.image_names.image_location import ImageLocation, LocationContext
from release.image_names.path_and_name import split_path
from release.layout.layout import Layout
from release.layout.reader import LayoutReader
from release.oci.grammar import is_digest
from release.oci.reference import Reference, tag_where_a_repository_is_expected

if TYPE_CHECKING:
    from release.image_names.names import OpenedImage, TransportContext

_REGISTRY = "docker://"
_LAYOUT = "oci:"
_DAEMON = "docker-daemon:"
# Names with these transports are opened by `release.image_names.names`. The last three are not supported; the error
# names those that are.
_TRANSPORTS = ("oci-archive:", "docker-archive:", "dir:", "containers-storage:", "sif:", "tarball:")


def locate(context: LocationContext, text: str, *, compression: str = "gzip") -> ImageLocation:
    """Parse where an image is read from, and open archives and folders. Paths are relative to `-C`.

    `compression`: for uncompressed layers of a daemon or of an archive of `docker save`; layers of other sources stay
    as they are. Raises `ConfigError`, and from the `RegistryError` branch for an archive that cannot be read.
    """
    if text.startswith(_DAEMON):
        return _daemon(context, text, compression)
    if text.startswith(_TRANSPORTS):
        from release.image_names.names import open_source

        place = open_source(text, _workshop(context, compression))
        return _warned(context, _unguarded(text, place))
    return _warned(context, locate_target(context, text))


def locate_destination(context: LocationContext, text: str) -> ImageLocation:
    """Parse where an image is written to. Raises `ConfigError`."""
    if text.startswith(_DAEMON):
        return _daemon(context, text)
    if text.startswith(_TRANSPORTS):
        from release.image_names.names import open_destination

        return _unguarded(text, open_destination(text, _workshop(context)))
    found = locate_target(context, text)
    if found.whole is not None and found.tag is None:
        Reference.parse(
            found.whole
        )  # a layout of another tool may have images with other names, but gets none
    return found


def locate_target(context: LocationContext, text: str) -> ImageLocation:
    """Parse a reference to a registry or an OCI layout. Raises `ConfigError`."""
    if text.startswith((_DAEMON, *_TRANSPORTS)):
        raise ConfigError(
            f"`{text}` is neither in a registry nor in an OCI layout",
            hint="`shipmark image copy` reads and writes archives, folders and daemons",
        )
    if text.startswith(_LAYOUT):
        return _layout(context, text)
    reference = Reference.parse(text.removeprefix(_REGISTRY))
    return ImageLocation(
        text=text,
        repository=context.registries.open(reference.name),
        tag=reference.tag,
        digest=reference.digest,
        registry=reference.registry,
        mount=reference.repository,
    )


def is_in_registry(name: str) -> bool:
    """Whether a repository of this name is in a registry, not in a folder, an archive or a daemon."""
    return not name.startswith((_LAYOUT, _DAEMON, *_TRANSPORTS))


def locate_repository(context: LocationContext, text: str) -> ImageLocation:
    """Parse the name of a repository in a registry or of a layout. Raises `ConfigError`, also for a tag or digest."""
    found = locate_target(context, text)
    if found.reference is not None:
        raise tag_where_a_repository_is_expected(text, found.name)
    return found


def _layout(context: LocationContext, text: str) -> ImageLocation:
    place = split_path(text.removeprefix(_LAYOUT), context.directory)
    if not place.path:
        raise ConfigError(f"`{text}` names no folder", hint="write `oci:PATH` or `oci:PATH:TAG`")
    if os.path.isfile(os.path.join(context.directory, place.path)):
        raise ConfigError(
            f"`{place.path}` is a file, and a layout is a folder",
            hint=f"write `oci-archive:{place.path}`, or `docker-archive:{place.path}` for what `docker save` wrote",
        )
    return ImageLocation(
        text=text,
        repository=Layout(place.path, root=context.directory, workspace=context.root),
        tag=place.tag,
        whole=place.name if place.name != place.tag else None,
        digest=place.digest,
    )


def _unguarded(text: str, place: OpenedImage) -> ImageLocation:
    whole = place.reference if place.reference not in (place.tag, place.digest) else None
    return ImageLocation(
        text=text,
        repository=place.repository,
        tag=place.tag,
        whole=whole,
        digest=place.digest,
        guarded=False,
    )


def _warned(context: LocationContext, location: ImageLocation) -> ImageLocation:
    """Return `location`; emit a warning if its name stands for several images of a layout."""
    repository, name = location.repository, location.reference
    if name is None or is_digest(name) or not isinstance(repository, LayoutReader):
        return location
    if repository.is_ambiguous(name):
        text = f"`{location.name}` lists several images as `{name}`: the first is taken"
        context.sink.emit(Note(level="warning", text=text))
    return location


def _daemon(context: LocationContext, text: str, compression: str = "gzip") -> ImageLocation:
    from release.image_names.docker_daemon import DaemonImage

    name = text.removeprefix(_DAEMON)
    if not name:
        raise ConfigError(f"`{text}` names no image", hint=f"write `{_DAEMON}NAME:TAG`")
    workshop = _workshop(context, compression)
    image = DaemonImage(
        name,
        store=workshop.store,
        env=context.settings.env,
        sink=context.sink,
        cancel=context.cancel,
        codec=workshop.codec,
    )
    return ImageLocation(text=text, repository=image, tag=image.tag, guarded=False)


def _workshop(context: LocationContext, compression: str = "gzip") -> TransportContext:
    """The settings for archives and daemons, with the content store of the git repository or a temporary one."""
    from release.compression.codecs import codec_named
    from release.image_names.names import TransportContext

    return TransportContext(
        store=Layout(context.image_store),
        root=context.directory,
        workspace=context.root,
        sink=context.sink,
        cancel=context.cancel,
        codec=codec_named(compression),
    )
