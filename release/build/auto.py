"""Which builder: the table of them, and `auto`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build import Builder, BuildRequest, BuiltImage
from release.build.context import open_context
from release.control import Cancel
from release.errors import BuilderUnavailable
from release.events import Note, Sink


class AutoBuilder:
    """The docker builder where a daemon answers, else the embedded one where it can, else an explanation."""

    name = "auto"

    def __init__(self, docker: Builder, layers: Builder, *, sink: Sink) -> None:
        self._docker = docker
        self._layers = layers
        self._sink = sink

    def unavailable(self, request: BuildRequest) -> str | None:
        """Why neither builder can make this image."""
        chosen = self._choose(request)
        return chosen if isinstance(chosen, str) else None

    def build(self, request: BuildRequest, store: str) -> BuiltImage:
        """Build with the one that was chosen. Raises `BuilderUnavailable` when there is none."""
        open_context(request)  # what is wrong with the input is wrong for both, and is said first
        chosen = self._choose(request)
        if isinstance(chosen, str):
            raise BuilderUnavailable(
                chosen,
                hint="start a docker daemon, or make the files before the build and `COPY` them `FROM scratch`",
            )
        self._sink.emit(Note(level="info", text=f"building with `{chosen.name}`"))
        return msgspec.structs.replace(chosen.build(request, store), builder=chosen.name)

    def _choose(self, request: BuildRequest) -> Builder | str:
        no_docker = self._docker.unavailable(request)
        if no_docker is None:
            return self._docker
        no_layers = self._layers.unavailable(request)
        if no_layers is None:
            return self._layers
        return f"no builder can make this image: `docker`: {no_docker}; `layers`: {no_layers}"


def builders(env: Mapping[str, str], *, sink: Sink, cancel: Cancel, version: str) -> Mapping[str, Builder]:
    """Every builder by its name. `env`: for `DOCKER_HOST` and its like; `version`: shipmark's own."""
    from release.build.docker import DockerBuilder
    from release.build.embedded.builder import LayersBuilder

    docker = DockerBuilder(env, sink=sink, cancel=cancel)
    layers = LayersBuilder(sink=sink, cancel=cancel, version=version)
    return {each.name: each for each in (AutoBuilder(docker, layers, sink=sink), docker, layers)}
