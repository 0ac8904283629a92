"""Releases on full disks: the daemon's, that of the cache, of temporary files, of a local cache of builds.

For each builder and place, releases run with more and more room there, and each prints its row. A release fails with
exit 4 and a message that names the place, leaves nothing, and the next release with room succeeds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.support.disks.confined import SmallDisk, filled, mounted_disk
from tests.support.parts import part_of
from tests.support.programs.command import Result
from tests.support.programs.environment import scrubbed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.project import Project
from tests.support.services.buildah import BUSYBOX, env_of
from tests.support.services.buildkit import BuildKitDaemon
from tests.support.services.docker import DockerDaemon

MIB = 1 << 20
SIZE = 64 * MIB
DATA = 4 * MIB
#: Bytes of room: for nothing, for files of a few KiB, for the context, for one layer, and so on.
ROOMS = [0, 300_000, 3 * MIB, 6 * MIB, 9 * MIB, 14 * MIB, 19 * MIB, 25 * MIB]
#: What a message or its hint says about the place that is full; one of the texts is enough.
NAMES = {
    "daemon": ("docker daemon", "BuildKit daemon"),
    "cache": ("SHIPMARK_CACHE_DIR", "/disk/cache/"),
    "temporary": ("TMPDIR", "/disk/tmp"),
    "home": ("BUILDX_CONFIG",),
    "cache_to": ("cache_to",),
}


class Scene:
    """A project on a machine with one small disk. `env`: of its runs; `left`: what builds left, besides the cache."""

    def __init__(self, project: Project, disk: SmallDisk, env: Mapping[str, str], place: str) -> None:
        self.project, self.disk, self.place = project, disk, place
        self.env = {**env, **self._own()}
        self.left: Callable[[], list[str]] = list

    def release(self, room: int) -> list[str]:
        """Release with `room` bytes of room, then with more; return what is wrong."""
        workspace, before = self._workspace(), self._left()
        with filled(self.disk, room):
            result = self.project("run", env=self.env)
        faults = [] if result.code in (0, 4) else [f"exit {result.code}"]
        if result.code and not any(name in result.stderr for name in NAMES[self.place]):
            faults.append("the message does not name the place")
        faults += [] if not result.code or "hint: " in result.stderr else ["no hint"]
        faults += [f"left {name}" for name in self._left() if name not in before]
        faults += ["workspace changed"] if self._workspace() != workspace else []
        again = self.project("run", env=self.env)
        faults += [f"next run: exit {again.code}: {_said(again)}"] if again.code else []
        print(f"{room / MIB:5.1f} MiB: exit {result.code} {_said(result)} | {'; '.join(faults) or 'well'}")
        return faults

    def clear(self) -> None:
        """Remove what the runs wrote to the small disk."""
        for path in [] if self.place == "daemon" else self.disk.path.iterdir():
            shutil.rmtree(path)

    def _own(self) -> dict[str, str]:
        for name in ("tmp", "home"):
            (self.disk.path / name).mkdir(exist_ok=True)
        return {
            "cache": {"SHIPMARK_CACHE_DIR": str(self.disk.path / "cache")},
            "temporary": {"TMPDIR": str(self.disk.path / "tmp")},
            "home": {"HOME": str(self.disk.path / "home")},
        }.get(self.place, {})

    def _left(self) -> list[str]:
        places = {"cache": "cache/*/images.*", "temporary": "tmp/*", "cache_to": "saved/ingest/*"}
        pattern = places.get(self.place)
        return self.left() + ([] if pattern is None else [str(path) for path in self.disk.path.glob(pattern)])

    def _workspace(self) -> list[str]:
        lines = self.project.repo.git("status", "--porcelain", "--ignored").splitlines()
        return [line for line in lines if ".shipmark/" not in line]


def _said(result: Result) -> str:
    lines = result.stderr.splitlines()
    return " / ".join(lines[next((at for at, line in enumerate(lines) if line.startswith("error")), -1) :])


def every_room(make: Callable[[int], AbstractContextManager[Scene]]) -> None:
    """Release in a new project for each of the rooms; assert that nothing is wrong."""
    faults = []
    print()
    for room in part_of(ROOMS):
        with make(room) as scene:
            faults += [f"{room}: {fault}" for fault in scene.release(room)]
            scene.clear()
    assert faults == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted_disk(tmp_path / "small", SIZE) as small:
        yield small


@pytest.fixture
def released(make_project: Callable[..., Project]) -> Callable[..., Project]:
    """Give a function that makes a project to be released. `room`: makes its name; `base`: of the image."""

    def make(room: int, base: str, run: str = "RUN cat /data > /made\n", **build: Any) -> Project:
        project = make_project(f"repo-{room}", build={"args": {}, **build})
        project.image = f"{project.registry.host}/acme/app{room}"
        project.configure(build={"args": {}, **build})
        files: dict[str, str | bytes] = {
            "Dockerfile": f"FROM {base}\nCOPY data /\n{run}",
            "data": os.urandom(DATA),
        }
        project.release_commit("v1.4.2", files=files)
        return project

    return make


@pytest.mark.parametrize("place", ["daemon", "cache", "temporary"])
def test_a_full_disk_and_docker(disk: SmallDisk, released: Callable[..., Project], place: str) -> None:
    daemon = DockerDaemon(data=disk.path / "data" if place == "daemon" else None)
    try:
        base = daemon.import_busybox()

        def left() -> list[str]:
            # Images of single steps are the daemon's cache.
            containers = daemon.docker("ps", "--all", "--quiet").stdout.decode().split()
            return [*containers, *(str(path) for path in (disk.path / "data/tmp").glob("docker-export-*"))]

        @contextlib.contextmanager
        def make(room: int) -> Iterator[Scene]:
            project = released(room, base, builder="docker")
            scene = Scene(project, disk, {"DOCKER_HOST": daemon.host}, place)
            scene.left = left
            yield scene
            daemon.docker("image", "prune", "--force", check=False)

        every_room(make)
    finally:
        daemon.stop()


@pytest.mark.parametrize("program", ["buildctl", "buildx"])
@pytest.mark.parametrize("push", ["by-client", "auto"])
@pytest.mark.parametrize("place", ["daemon", "cache", "temporary", "home", "cache_to"])
def test_a_full_disk_and_buildkit(
    disk: SmallDisk,
    released: Callable[..., Project],
    buildkit_programs: Path,
    hub: RegistryServer,
    tmp_path: Path,
    program: str,
    push: str,
    place: str,
) -> None:
    daemon = BuildKitDaemon(buildkit_programs, hub, root=disk.path / "data" if place == "daemon" else None)
    try:

        @contextlib.contextmanager
        def make(room: int) -> Iterator[Scene]:
            caches = [f"type=local,dest={disk.path}/saved,mode=max"] if place == "cache_to" else []
            project = released(room, BUSYBOX, builder="buildkit", push=push, cache_to=caches)
            config = disk.path / "home/docker" if place == "home" else tmp_path / "docker"
            env = daemon.env if program == "buildctl" else daemon.buildx_env(config)
            yield Scene(project, disk, env, place)
            daemon.run("buildctl", "prune", "--all")

        every_room(make)
    finally:
        daemon.stop()


@pytest.mark.parametrize("name", ["buildah", "podman"])
@pytest.mark.parametrize("place", ["cache", "temporary", "home"])
def test_a_full_disk_and_buildah_or_podman(
    disk: SmallDisk,
    released: Callable[..., Project],
    hub: RegistryServer,
    tmp_path: Path,
    name: str,
    place: str,
) -> None:
    """Storage, state and temporary files of these programs lie in the cache folder."""
    found, own = env_of(name, hub.host, tmp_path / "builder"), scrubbed(tmp_path / "builder")
    env = {key: value for key, value in found.items() if own.get(key) != value}

    @contextlib.contextmanager
    def make(room: int) -> Iterator[Scene]:
        yield Scene(released(room, BUSYBOX, builder=name), disk, env, place)

    every_room(make)


@pytest.mark.parametrize("place", ["cache", "temporary"])
def test_a_full_disk_and_layers(disk: SmallDisk, released: Callable[..., Project], place: str) -> None:
    @contextlib.contextmanager
    def make(room: int) -> Iterator[Scene]:
        yield Scene(released(room, "scratch", run="", builder="layers"), disk, {}, place)

    every_room(make)
