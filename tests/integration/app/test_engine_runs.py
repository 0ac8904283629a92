"""`run` with the builders `docker` and `buildah`: several platforms, and a kill in the middle of a RUN."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.project import Project
from tests.support.services.buildah import BUSYBOX, env_of
from tests.support.services.docker import DockerDaemon

PLATFORMS = ["linux/amd64", "linux/arm64"]
_WAIT = 120.0  # seconds for what takes a few on a quiet machine


@pytest.fixture
def env(request: pytest.FixtureRequest, tmp_path: Path) -> Mapping[str, str]:
    """Give the variables with which shipmark finds the builder that the test's parameter names."""
    if request.param == "docker":
        daemon: DockerDaemon = request.getfixturevalue("docker_daemon")
        return {"DOCKER_HOST": daemon.host}
    hub: RegistryServer = request.getfixturevalue("hub")
    folder = tmp_path / "builder"
    own = scrubbed(folder)
    found = env_of(request.param, hub.host, folder)
    return {name: value for name, value in found.items() if own.get(name) != value}


@pytest.mark.parametrize(
    ("builder", "env"), [(name, name) for name in ("docker", "buildah")], indirect=["env"]
)
def test_run_releases_two_platforms_and_then_finds_them_done(
    builder: str, env: Mapping[str, str], project: Project
) -> None:
    project.configure(build={"builder": builder, "platforms": PLATFORMS})
    project.release_commit("v1.5.0", files={"Dockerfile": "FROM scratch\nCOPY hello.txt /\n"})
    project.must("run", env=env)
    index = json.loads(project.registry.manifest(project.name, "1.5.0")[1])
    assert [
        f"{one['platform']['os']}/{one['platform']['architecture']}" for one in index["manifests"]
    ] == PLATFORMS
    alone = {entry["platform"]: entry["digest"] for entry in project.log if entry["kind"] == "built-platform"}
    assert sorted(alone) == PLATFORMS
    assert set(alone.values()) == {one["digest"] for one in index["manifests"]}
    before = project.log
    project.must("run", env=env)
    assert project.log == before


class Held:
    """A server for `nc` in a RUN: holds the first connection open, and ends every later one at once."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.began, self.ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        try:
            first, _ = self._listener.accept()
        except OSError:
            return
        self.began.set()
        later = threading.Thread(target=self._end_later_ones)
        later.start()
        with first:
            first.recv(1)  # returns when the program at the other side has ended
        self.ended.set()
        later.join()

    def _end_later_ones(self) -> None:
        while True:
            try:
                self._listener.accept()[0].close()
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.close()


@pytest.mark.parametrize("env", ["buildah"], indirect=True)
def test_the_run_after_a_kill_in_a_run_instruction_of_buildah_leaves_no_process_or_mount(
    env: Mapping[str, str], project: Project, held: Held
) -> None:
    project.configure(build={"builder": "buildah"})
    # A pipe that nc opens for writing, too, keeps its input open, which would else end the connection.
    command = f"busybox mkfifo /pipe && busybox nc 127.0.0.1 {held.port} 0<>/pipe; busybox rm /pipe"
    text = f"FROM {BUSYBOX}\nCOPY hello.txt /\nRUN {command}\n"
    project.release_commit("v1.5.0", files={"Dockerfile": text})
    process = project.start("run", env=env)
    assert held.began.wait(_WAIT)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not held.ended.is_set()
    project.must("run", env=env)
    assert held.ended.wait(_WAIT)
    assert "1.5.0" in project.tags
    cache = str(project.cache)
    assert cache not in Path("/proc/self/mountinfo").read_text()
    assert [place for place in _places() if place.startswith(f"{cache}/")] == []


def _places() -> Iterator[str]:
    """Return the root and working folders of all processes."""
    for entry in Path("/proc").iterdir():
        for name in ("root", "cwd"):
            try:
                yield os.readlink(entry / name)
            except OSError:
                continue
