"""A folder with a Dockerfile, and a builder for the docker daemon of the tests."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.build import BuiltImage, Problem
from release.build.auto import Choice, builders, choose
from release.build.docker.builder import DockerBuilder
from release.control import Cancel
from release.docker.engine import ANSWER_WITHIN, connect
from release.errors import BuildError
from release.events import Event, Output
from release.programs.processes import Processes
from tests.support.registries.oci_schemas import document
from tests.support.releases.builds import Build, build, build_of
from tests.support.services.docker import DockerDaemon

CREATED = 1_700_000_000


class Collect:
    """Event sink that keeps its events; `on` is called with each output line."""

    def __init__(self, on: Callable[[str], None] = lambda line: None) -> None:
        self.events: list[Event] = []
        self._on = on

    def emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Output):
            self._on(event.line)

    @property
    def lines(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, Output)]


class DockerProject:
    """A folder with a Dockerfile, and a builder for the docker daemon of the tests."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder
        self.env = {"DOCKER_HOST": host, "HOME": str(folder)}
        self.sink = Collect()
        self.cancel = Cancel()
        self.answer_within = ANSWER_WITHIN
        self.store = folder / "store"
        self.root = folder / "docker_project"
        self.root.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def build(self, **more: Any) -> BuiltImage:
        return build(self.builder, self.request(**more), self.store)

    def refusal(self, **more: Any) -> BuildError:
        with pytest.raises(BuildError) as caught:
            self.build(**more)
        return caught.value

    @property
    def builder(self) -> DockerBuilder:
        return DockerBuilder(self.env, sink=self.sink, cancel=self.cancel, answer_within=self.answer_within)

    def request(self, **more: Any) -> Build:
        return build_of(self.root, **{"created": CREATED, **more})

    def choose(self) -> Choice | Problem:
        """Choose a builder as `builder: auto` does if only `docker` and `layers` exist."""
        process = Processes(self.cancel)
        table = builders(
            self.env, process=process, last=process, sink=self.sink, cancel=self.cancel, version="1"
        )
        return choose((table["docker"], table["layers"]), *self.request())

    def own_platform(self) -> str:
        """Return the platform of the docker daemon."""
        with connect(self.env, self.cancel) as engine:
            return str(engine.platform)

    def config(self, image: BuiltImage) -> Any:
        manifest = document(self.store, image.platforms[0].digest)
        return document(self.store, manifest["config"]["digest"])

    def names(self, image: BuiltImage) -> list[str]:
        """Return the names of the entries in the image's last layer."""
        layer = document(self.store, image.digest)["layers"][-1]["digest"]
        with tarfile.open(self.store / "blobs" / layer.replace(":", "/")) as tar:
            return sorted(tar.getnames())


@pytest.fixture
def docker_project(tmp_path: Path, docker_daemon: DockerDaemon, busybox_image: str) -> DockerProject:
    return DockerProject(tmp_path, docker_daemon.host)
