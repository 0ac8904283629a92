"""Where an image is, as the command line says it: `ghcr.io/acme/app:1.4.2`, `oci:dist/image:1.4.2`, `dir:FOLDER`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from release.errors import ConfigError, NotFound
from release.registry import Manifest, Repository
from release.registry.documents import children
from release.registry.inspect import platform_of, read_config
from release.registry.layout import Layout
from release.registry.reference import Reference, is_digest, is_tag, require_digest

if TYPE_CHECKING:
    from release.cli.session import Session
    from release.registry.transports import Workshop

_REGISTRY = "docker://"
_LAYOUT = "oci:"
_DAEMON = "docker-daemon:"
# Of these, `open_source` and `open_destination` refuse what there is not, and say what there is.
_TRANSPORTS = ("oci-archive:", "docker-archive:", "dir:", "containers-storage:", "sif:", "tarball:")


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A repository, and what is meant in it. `text`: as it was given; `mount`: its path within its registry.

    `guarded`: whether its tags are names that others rely on; an archive or a folder is written anew.
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
        """The repository's name."""
        return str(self.repository.name)


def locate(session: Session, text: str, *, compression: str = "gzip") -> Location:
    """Read a place that has an image; registries are not connected to yet. Paths are relative to `-C`.

    `compression`: of layers that come uncompressed. Raises `ConfigError`, and from the `RegistryError` branch for an
    archive that cannot be read.
    """
    if text.startswith(_DAEMON):
        return _daemon(session, text, compression)
    if text.startswith(_TRANSPORTS):
        from release.registry.transports import open_source

        place = open_source(text, _workshop(session, compression))
        return Location(text=text, repository=place.repository, tag=place.tag, guarded=False)
    return locate_target(session, text)


def locate_destination(session: Session, text: str) -> Location:
    """Read a place that an image is written to. Raises `ConfigError`."""
    if text.startswith(_DAEMON):
        return _daemon(session, text)
    if text.startswith(_TRANSPORTS):
        from release.registry.transports import open_destination

        place = open_destination(text, _workshop(session))
        return Location(text=text, repository=place.repository, tag=place.tag, guarded=False)
    return locate_target(session, text)


def locate_target(session: Session, text: str) -> Location:
    """Read a reference to a registry or to an OCI layout. Raises `ConfigError`."""
    if text.startswith((_DAEMON, *_TRANSPORTS)):
        raise ConfigError(
            f"`{text}` is no place that has tags of its own",
            hint="`shipmark image copy` reads and writes archives, folders and daemons",
        )
    if text.startswith(_LAYOUT):
        return _layout(session, text)
    reference = Reference.parse(text.removeprefix(_REGISTRY))
    return Location(
        text=text,
        repository=session.registries.open(reference.name),
        tag=reference.tag,
        digest=reference.digest,
        registry=reference.registry,
        mount=reference.repository,
    )


def locate_repository(session: Session, text: str) -> Location:
    """As `locate_target`, for a place without tag and digest."""
    found = locate_target(session, text)
    if found.reference is not None:
        raise ConfigError(
            f"`{text}` names a tag or digest where a repository is expected", hint=f"write `{found.name}`"
        )
    return found


def mounts(source: Location, destination: Location) -> tuple[str, ...]:
    """From where the destination's registry can take blobs that it has already."""
    if source.registry is None or source.registry != destination.registry or source.mount is None:
        return ()
    return (source.mount,)


def read(location: Location, *, platform: str | None = None) -> Manifest:
    """The manifest that is meant: `latest` where nothing was said, a layout's only image, one platform of an index.

    Raises `NotFound`, `ConfigError` for a layout where it is not clear which image is meant.
    """
    repository: Repository = location.repository
    reference = location.reference or _default(location)
    manifest = repository.manifest(reference)
    return manifest if platform is None else _of_platform(repository, manifest, platform)


def _default(location: Location) -> str:
    if location.registry is not None:
        return "latest"
    tags = location.repository.tags()
    if len(tags) == 1:
        return str(tags[0])
    shown = ", ".join(f"`{tag}`" for tag in tags[:10]) or "none"
    raise ConfigError(
        f"`{location.text}` does not say which image of the layout is meant",
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
            hint=f"it has: {', '.join(f'`{name}`' for name in found) or 'none'}",
        )
    return manifest if found[platform] == manifest.digest else repository.manifest(found[platform])


def _platform_text(config: dict[str, Any]) -> str:
    parts = (config.get(name) for name in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if isinstance(part, str) and part)


def _layout(session: Session, text: str) -> Location:
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
    return Location(
        text=text,
        repository=Layout(path, root=session.directory, workspace=session.root),
        tag=tag or None,
        digest=digest if is_digest(digest) else None,
    )


def _daemon(session: Session, text: str, compression: str = "gzip") -> Location:
    from release.build.daemon_image import DaemonImage

    name = text.removeprefix(_DAEMON)
    if not name:
        raise ConfigError(f"`{text}` names no image", hint=f"write `{_DAEMON}NAME:TAG`")
    workshop = _workshop(session, compression)
    image = DaemonImage(
        name,
        store=workshop.store,
        env=session.settings.env,
        sink=session.sink,
        cancel=session.cancel,
        codec=workshop.codec,
    )
    return Location(text=text, repository=image, tag=image.tag, guarded=False)


def _workshop(session: Session, compression: str = "gzip") -> Workshop:
    """With the repository's content store; outside of a repository with one that goes with this process."""
    from release.registry.codecs import codec_named
    from release.registry.transports import Workshop

    return Workshop(
        store=Layout(_store(session)),
        root=session.directory,
        workspace=session.root,
        sink=session.sink,
        cancel=session.cancel,
        codec=codec_named(compression),
    )


def _store(session: Session) -> str:
    from release.cache_folder import fresh_folder
    from release.cli.caching import common_dir, store_path, trim_at_exit

    if common_dir(session) is None:
        return fresh_folder()
    trim_at_exit(session)
    return store_path(session)
