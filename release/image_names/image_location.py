"""Where an image is, once its repository is opened, and what opening one needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from release.control import Cancel
from release.events import Sink
from release.oci import Manifest, Registries


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


@runtime_checkable
class HoldsOneImage(Protocol):
    """A repository that is written with one image, which need not have a tag: an archive or a folder."""

    def put_only(self, manifest: Manifest) -> None:
        """Store the manifest as the image, without a tag."""


@runtime_checkable
class _HasFile(Protocol):
    """An archive, whose file is open while it is read."""

    def close(self) -> None:
        """Close the file."""


class ImageLocation(msgspec.Struct, frozen=True, kw_only=True):
    """A repository, and a tag or digest in it. `text`: as the user wrote it; `mount`: the path in its registry.

    `whole`: the whole reference by which a layout or an archive lists the image. `guarded`: whether an existing tag may
    be replaced only if that was requested; False for archives, folders and daemons.
    """

    text: str
    repository: Any  # Repository
    tag: str | None = None
    digest: str | None = None
    whole: str | None = None
    registry: str | None = None
    mount: str | None = None
    guarded: bool = True

    @property
    def reference(self) -> str | None:
        """The digest, else the whole reference, else the tag, else None."""
        return self.digest or self.whole or self.tag

    @property
    def name(self) -> str:
        """The repository's name, as in messages."""
        return str(self.repository.name)

    def close(self) -> None:
        """Close the file of an archive; other kinds of repositories keep nothing open."""
        if isinstance(self.repository, _HasFile):
            self.repository.close()


def mounts(source: ImageLocation, destination: ImageLocation) -> tuple[str, ...]:
    """The source's repository if the destination is in the same registry, which can mount its blobs; else ()."""
    if source.registry is None or source.registry != destination.registry or source.mount is None:
        return ()
    return (source.mount,)
