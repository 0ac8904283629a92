"""Parses where an image is: `ghcr.io/acme/app:1.4.2`, `oci:dist/image:1.4.2`, `dir:FOLDER`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from release.control import Cancel
from release.errors import ConfigError, NotFound
from release.events import Sink
from release.layout.layout import Layout
from release.oci import Manifest, Registries, Repository
from release.oci.image_config import read_config
from release.oci.manifest import children, platform_of
from release.oci.reference import Reference, is_digest, is_tag, require_digest

if TYPE_CHECKING:
    from release.image_names.names import TransportContext

_REGISTRY = "docker://"
_LAYOUT = "oci:"
_DAEMON = "docker-daemon:"
# Names with these transports are opened by `release.image_names.names`. The last three are not supported; the error
# names those that are.
_TRANSPORTS = ("oci-archive:", "docker-archive:", "dir:", "containers-storage:", "sif:", "tarball:")


class LocationContext(Protocol):
    """The settings for opening an image. `directory`: base of relative paths; `root`: the workspace."""

    @property
    def settings(self) -> HasEnvironment:
        """The settings with the environment, which names the docker daemon."""

    @property
    def directory(self) -> str:
        """The folder of `-C`, absolute."""

    @property
    def root(self) -> str:
        """The repository's top folder."""

    @property
    def registries(self) -> Registries:
        """Opens repositories in registries."""

    @property
    def image_store(self) -> str:
        """Folder of a content store, for images that need a conversion."""

    sink: Sink
    cancel: Cancel


class HasEnvironment(Protocol):
    """`env`: environment variables."""

    @property
    def env(self) -> Mapping[str, str]:
        """Environment variables."""


class ImageLocation(msgspec.Struct, frozen=True, kw_only=True):
    """A repository, and a tag or digest in it. `text`: as the user wrote it; `mount`: the path in its registry.

    `guarded`: whether an existing tag may be replaced only if that was requested; False for archives, folders and
    daemons.
    """

    text: str
    repository: Any  # Repository
    tag: str | None = None
    digest: str | None = None
    registry: str | None = None
    mount: str | None = None
    guarded: bool = True

    @property
    def reference(self) -> str | None:
        """The digest, else the tag, else None."""
        return self.digest or self.tag

    @property
    def name(self) -> str:
        """The repository's name, as in messages."""
        return str(self.repository.name)


def locate(context: LocationContext, text: str, *, compression: str = "gzip") -> ImageLocation:
    """Parse where an image is read from, and open archives and folders. Paths are relative to `-C`.

    `compression`: for layers that are uncompressed in the source. Raises `ConfigError`, and from the `RegistryError`
    branch for an archive that cannot be read.
    """
    if text.startswith(_DAEMON):
        return _daemon(context, text, compression)
    if text.startswith(_TRANSPORTS):
        from release.image_names.names import open_source

        place = open_source(text, _workshop(context, compression))
        return ImageLocation(text=text, repository=place.repository, tag=place.tag, guarded=False)
    return locate_target(context, text)


def locate_destination(context: LocationContext, text: str) -> ImageLocation:
    """Parse where an image is written to. Raises `ConfigError`."""
    if text.startswith(_DAEMON):
        return _daemon(context, text)
    if text.startswith(_TRANSPORTS):
        from release.image_names.names import open_destination

        place = open_destination(text, _workshop(context))
        return ImageLocation(text=text, repository=place.repository, tag=place.tag, guarded=False)
    return locate_target(context, text)


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
    """As `locate_target`, but raises `ConfigError` if `text` has a tag or digest."""
    found = locate_target(context, text)
    if found.reference is not None:
        raise ConfigError(
            f"`{text}` names a tag or digest where a repository is expected", hint=f"write `{found.name}`"
        )
    return found


def mounts(source: ImageLocation, destination: ImageLocation) -> tuple[str, ...]:
    """The source's repository if the destination is in the same registry, which can mount its blobs; else ()."""
    if source.registry is None or source.registry != destination.registry or source.mount is None:
        return ()
    return (source.mount,)


def read(location: ImageLocation, *, platform: str | None = None) -> Manifest:
    """The manifest of `location`, or that of `platform` in its index.

    Without tag and digest: `latest` in a registry, the only tag elsewhere. Raises `NotFound`, and `ConfigError` if
    there are several tags or none.
    """
    repository: Repository = location.repository
    reference = location.reference or _default(location)
    manifest = repository.manifest(reference)
    return manifest if platform is None else _of_platform(repository, manifest, platform)


def _default(location: ImageLocation) -> str:
    if location.registry is not None:
        return "latest"
    tags = location.repository.tags()
    if len(tags) == 1:
        return str(tags[0])
    shown = ", ".join(f"`{tag}`" for tag in tags[:10]) or "none"
    raise ConfigError(
        f"`{location.text}` has no tag, and the repository has not exactly one",
        hint=f"write `{location.name}:TAG`; its tags: {shown}",
    )


def _of_platform(repository: Repository, manifest: Manifest, platform: str) -> Manifest:
    if not manifest.is_index:
        config = read_config(repository, manifest)
        found = {_platform_text(config): manifest.digest}
    else:
        named = ((platform_of(child), child.digest) for child in children(manifest))
        found = {name: digest for name, digest in named if name is not None}
    if platform not in found:
        raise NotFound(
            f"`{repository.name}@{manifest.digest}` has no image for `{platform}`",
            hint=f"platforms of the image: {', '.join(f'`{name}`' for name in found) or 'none'}",
        )
    return manifest if found[platform] == manifest.digest else repository.manifest(found[platform])


def _platform_text(config: dict[str, Any]) -> str:
    parts = (config.get(name) for name in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if isinstance(part, str) and part)


def _layout(context: LocationContext, text: str) -> ImageLocation:
    path, separator, digest = text.removeprefix(_LAYOUT).partition("@")
    if separator:
        require_digest(digest)
    head, colon, tag = path.rpartition(":")
    if colon and is_tag(tag):
        path = head
    else:
        tag = ""
    if not path:
        raise ConfigError(f"`{text}` names no folder", hint="write `oci:PATH` or `oci:PATH:TAG`")
    return ImageLocation(
        text=text,
        repository=Layout(path, root=context.directory, workspace=context.root),
        tag=tag or None,
        digest=digest if is_digest(digest) else None,
    )


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
