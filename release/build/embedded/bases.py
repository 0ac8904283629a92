"""Base images: where they come from, and the layers and settings that they bring.

`prepare` finds a base and remembers its digest; `build` takes over the bytes of that digest, so a tag that moves in
between has no effect. Layers from registries and OCI layouts keep their bytes and digests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from release.build.embedded.base_config import BaseConfig, BaseLayer, base_layers, read_base_config
from release.compression.codecs import Codec
from release.control import Cancel
from release.errors import BuildError, BuilderUnavailable, Denied, Invalid, NotFound, RegistryError
from release.layout.layout import Layout
from release.oci import Descriptor, Manifest, Repository
from release.oci.image_config import flat_entries, read_config
from release.oci.image_json import ImageConfig, Platform
from release.oci.manifest import children, platform_of
from release.oci.platforms import acceptable, best
from release.task_group import run_all

# Layers of one base image that are downloaded at a time: most images have few large layers, which share the bandwidth.
# More would use up the requests that a host gets at once (`registry/hosts/host.py`), which steps of other images need.
_DOWNLOADS = 4


class LacksPlatform(BuildError):
    """Raised for a base image that exists, and not for the platform."""


class LoadedBase(msgspec.Struct, frozen=True, kw_only=True):
    """A base whose layers are in the layout."""

    config: BaseConfig
    layers: tuple[BaseLayer, ...]


class Base(Protocol):
    """A base image that was found, for one platform."""

    @property
    def name(self) -> str:
        """The name of the base in the Dockerfile."""

    @property
    def origin(self) -> str:
        """The full name of the base, with its digest: `docker.io/library/alpine@sha256:…`."""

    @property
    def settings(self) -> ImageConfig:
        """What a stage takes over from its config: variables, working folder, user, triggers of `ONBUILD`."""

    def load(self, layout: Layout, codec: Codec, cancel: Cancel) -> LoadedBase:
        """Bring the base's layers into `layout`. Raises `BuildError`. `codec`: compresses uncompressed layers."""


class Bases(Protocol):
    """Finds base images."""

    def find(self, name: str, platform: Platform) -> Base:
        """The image `name` for `platform`; only its manifest and config are read.

        Raises `BuilderUnavailable` if the source of the image does not answer, `BuildError` for an image that does not
        exist or has no such platform.
        """


class StoredBase:
    """A base in a registry or an OCI layout. `manifest`: of the one platform."""

    def __init__(self, name: str, repository: Repository, manifest: Manifest, config: BaseConfig) -> None:
        self.name = name
        self.origin = f"{repository.name}@{manifest.digest}"
        self.settings = config.config
        self._repository = repository
        self._manifest = manifest
        self._config = config

    def load(self, layout: Layout, codec: Codec, cancel: Cancel) -> LoadedBase:
        """Copy the layers that the layout lacks, byte for byte."""
        del codec
        blobs = children(self._manifest)[1:]
        layers = base_layers(blobs, self._config.diff_ids, self.name)
        once = {blob.digest: blob for blob in blobs}
        puts: list[Callable[[], object]] = [partial(self._copy, layout, blob) for blob in once.values()]
        run_all(puts, jobs=_DOWNLOADS, cancel=cancel)
        return LoadedBase(config=self._config, layers=layers)

    def _copy(self, layout: Layout, blob: Descriptor) -> None:
        try:
            layout.put_blob(blob, lambda: self._repository.open_blob(blob))
        except RegistryError as error:
            raise translated(error, self.name) from error


def find_stored(
    name: str, repository: Repository, read: Callable[[], Manifest], platform: Platform
) -> StoredBase:
    """The base for `platform`. `read`: returns the image's manifest or index. Raises as `Bases.find`."""
    try:
        manifest = read()
        if manifest.is_index:
            manifest = repository.manifest(_choose(flat_entries(repository, manifest), name, platform))
        document = read_config(repository, manifest)
    except RegistryError as error:
        raise translated(error, name) from error
    config = read_base_config(document, name)
    require_platform(name, platform, config.platform)
    return StoredBase(name, repository, manifest, config)


def require_platform(name: str, wanted: Platform, found: Platform) -> None:
    """Raise `BuildError` unless an image with the platform `found` can be a base for the platform `wanted`.

    A config without a variant fits every one: which of them it is, only an index tells.
    """
    bare = msgspec.structs.replace(found, variant=wanted.variant) if not found.variant else found
    if bare != wanted and str(found) not in acceptable(str(wanted)):
        raise _lacking(name, wanted, (str(found),))


def translated(error: RegistryError, name: str) -> BuildError:
    """A failure to read the base `name` as an error of the build."""
    text = f"the base `{name}` cannot be read: {error.message}"
    if isinstance(error, NotFound | Denied | Invalid):
        return BuildError(text, hint=error.hint or "check its name, and that this run may read it")
    return BuilderUnavailable(text, hint=error.hint or "check that its registry answers")


def _choose(entries: Sequence[Descriptor], name: str, platform: Platform) -> str:
    """The digest of the best entry for `platform` in an index, as containerd chooses it; of equal ones the first."""
    named = [(text, child.digest) for child in entries if (text := platform_of(child)) is not None]
    found = best(named, str(platform))
    if found is None:
        raise _lacking(name, platform, tuple(dict.fromkeys(text for text, _ in named)))
    return found


def _lacking(name: str, platform: Platform, there: tuple[str, ...]) -> LacksPlatform:
    shown = ", ".join(f"`{each}`" for each in there) or "none"
    return LacksPlatform(
        f"the base `{name}` does not exist for `{platform}`",
        hint=f"it exists for {shown}: choose another base, or leave the platform out of `build: {{platforms: …}}`",
    )
