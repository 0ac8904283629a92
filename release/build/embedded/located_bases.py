"""Opens base images in registries, in OCI layouts of the repository, and in the docker daemon."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from release.build.embedded.base_config import BaseConfig, BaseLayer, read_base_config
from release.build.embedded.bases import Base, LoadedBase, find_stored, require_platform
from release.compression.codecs import Codec
from release.compression.tar_stream import stream
from release.control import Cancel
from release.decoding import decode
from release.docker.engine import connect
from release.docker.saved_images import store_archive
from release.errors import BuildError, ConfigError
from release.events import Sink
from release.image_names.choose_image import read
from release.image_names.image_location import HasEnvironment, LocationContext
from release.image_names.locate import locate_target
from release.layout.layout import Layout
from release.oci import Registries
from release.oci.image_json import Platform

_DAEMON = "docker-daemon:"


class LocatedBases:
    """`Bases` of a run. `context`: opens registries, with credentials only where the run is trusted.

    `daemon`: whether images of the docker daemon may be read, which may contain data of other projects.
    """

    def __init__(self, context: LocationContext, *, daemon: bool) -> None:
        self._context = _AtRoot(context)
        self._daemon = daemon

    def find(self, name: str, platform: Platform) -> Base:
        """Find a base for `platform`. Raises `BuildError`.

        `name`: `alpine:3@sha256:…`, `oci:PATH[:TAG][@DIGEST]`, `docker-daemon:NAME`.
        """
        if name.startswith(_DAEMON):
            return self._in_daemon(name, platform)
        try:
            location = locate_target(self._context, name)
            if isinstance(location.repository, Layout):
                _require_inside(location.repository.path, self._context.root, name)
            return find_stored(name, location.repository, partial(read, location), platform)
        except ConfigError as error:
            raise BuildError(f"the base `{name}` cannot be read: {error.message}", hint=error.hint) from error

    def _in_daemon(self, name: str, platform: Platform) -> Base:
        if not self._daemon:
            raise BuildError(
                f"the base `{name}` is not read in a run that is not trusted",
                hint="take the base from a registry, which is read without a credential",
            )
        return DaemonBase(name, self._context.settings.env, platform, self._context.cancel)


class DaemonBase:
    """A base in the docker daemon. Layers that the daemon exports uncompressed are compressed here."""

    def __init__(self, name: str, env: Mapping[str, str], platform: Platform, cancel: Cancel) -> None:
        self.name = name
        self._env = env
        self._platform = platform
        with connect(env, cancel) as engine:
            about = engine.inspect(name.removeprefix(_DAEMON))
        self._id = str(about.get("Id"))
        self.origin = f"{_DAEMON}{self._id}"
        found = read_base_config(_document(about), name)
        require_platform(name, platform, found.platform)
        self.settings = found.config

    def load(self, layout: Layout, codec: Codec, cancel: Cancel) -> LoadedBase:
        """Store the layers of the daemon's image in `layout`."""
        with connect(self._env, cancel) as engine, stream(engine.export(self._id)) as archive:
            saved = store_archive(archive, layout, codec=codec, check=cancel.check)
        config: BaseConfig = read_base_config(decode(saved.config, dict[str, Any]), self.name)
        layers = tuple(
            BaseLayer(
                diff_id=layer.diff_id,
                descriptor=layer.descriptor,
                suffix=layer.descriptor.media_type.rpartition(".tar")[2],
            )
            for layer in saved.layers
        )
        return LoadedBase(config=config, layers=layers)


def _document(about: Mapping[str, Any]) -> dict[str, Any]:
    """The daemon's description of an image, in the form of an image config."""
    files = about.get("RootFS") or {}
    return {
        "os": about.get("Os"),
        "architecture": about.get("Architecture"),
        "variant": about.get("Variant") or "",
        "config": about.get("Config"),
        "rootfs": {"diff_ids": files.get("Layers") or []},
    }


def _require_inside(path: str, root: str, name: str) -> None:
    real, top = os.path.realpath(path), os.path.realpath(root)
    if not real.startswith(top.rstrip("/") + "/"):
        raise BuildError(
            f"the base `{name}` is outside of the repository `{root}`",
            hint="copy the layout into the repository, or take the base from a registry",
        )


class _AtRoot:
    """The context with paths relative to the repository's top folder, wherever the command was started."""

    def __init__(self, context: LocationContext) -> None:
        self._context = context
        self.sink: Sink = context.sink
        self.cancel: Cancel = context.cancel

    @property
    def settings(self) -> HasEnvironment:
        return self._context.settings

    @property
    def directory(self) -> str:
        return self._context.root

    @property
    def root(self) -> str:
        return self._context.root

    @property
    def registries(self) -> Registries:
        return self._context.registries

    @property
    def image_store(self) -> str:
        return self._context.image_store
