"""Releases whose image BuildKit pushes by digest, killed at every effect, and in the middle of a build or a push."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate
from tests.support.releases.kill_matrix import PROJECT, Matrix, strike_everywhere
from tests.support.releases.project import Project
from tests.support.releases.pushing import front_ends, pushing
from tests.support.services.buildkit import BUSYBOX, BuildKitDaemon

BUILD = {"builder": "buildkit", "push": "by-digest", "args": {}}
FILES = {"Dockerfile": "FROM scratch\nCOPY hello.txt /\n"}


def test_a_release_pushed_by_buildkit_and_killed_at_any_effect_ends_as_one_that_was_not_killed(
    make_project: Callable[..., Project],
    gate: Gate,
    shipmark: Shipmark,
    buildkit: BuildKitDaemon,
    tmp_path: Path,
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build=BUILD)
    project.release_commit("v1.4.2", files=FILES)
    # BuildKit mounts a layer from a repository to which it pushed the layer before, with fewer requests than a push.
    first = shutil.copytree(project.repo.path, tmp_path / "first", symlinks=True)
    project.must("run", "--image", f"{gate.host}/acme/first", cwd=first, env=buildkit.env)
    points = strike_everywhere(Matrix(project.repo, gate, shipmark, tmp_path / "matrix", env=buildkit.env))
    assert any(point.effect.startswith("PUT") for point in points)


# The command waits only in a release with the variable GO=0; a secret is no part of what BuildKit remembers a step by.
_WAITS = f"""FROM {BUSYBOX}
RUN --mount=type=secret,id=go if grep -q 0 /run/secrets/go; then echo it runs; sleep 20; fi
COPY hello.txt /
"""


class Middle(NamedTuple):
    """A release in the middle of its build or push, and the programs that take part in it."""

    project: Project
    daemon: BuildKitDaemon
    process: Any
    goes_on: Callable[[], None]
    wait: Callable[[], int]

    def end(self, who: str, by: signal.Signals) -> None:
        """Send a signal to one of the programs."""
        if who == "shipmark":
            self.process.send_signal(by)
        elif who == "buildkitd":
            self.daemon.service.process.send_signal(by)
            self.goes_on()  # on SIGTERM the daemon first finishes what it does
        else:
            for pid in front_ends():
                os.kill(pid, by)


@contextmanager
def _building(
    project: Project, gate: Gate, daemon: BuildKitDaemon, env: Mapping[str, str]
) -> Iterator[Middle]:
    del gate
    process = project.start("run", env={**env, "GO": "0"})
    for line in process.stderr:
        if b" it runs" in line and b"RUN" not in line:
            break
    yield Middle(project, daemon, process, lambda: None, lambda: _end_of(process))


def _await_end_of_front_ends() -> None:
    deadline = time.monotonic() + 10
    while left := front_ends():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _end_of(process: Any) -> int:
    process.communicate(timeout=90)
    return int(process.returncode)


@contextmanager
def _pushing(
    project: Project, gate: Gate, daemon: BuildKitDaemon, env: Mapping[str, str]
) -> Iterator[Middle]:
    with pushing(project, gate, {**env, "GO": "1"}) as one:
        yield Middle(project, daemon, one.process, one.end, one.wait)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("who", ["shipmark", "front end", "buildkitd"])
@pytest.mark.parametrize("front", ["buildctl", "buildx"])
@pytest.mark.parametrize("stage", [_building, _pushing], ids=["build", "push"])
def test_a_program_that_ends_in_the_middle_leaves_nothing_and_the_next_run_finishes(
    stage: Callable[..., AbstractContextManager[Middle]],
    front: str,
    who: str,
    by: signal.Signals,
    make_project: Callable[..., Project],
    gate: Gate,
    buildkit: BuildKitDaemon,
    buildkit_programs: Path,
    tmp_path: Path,
) -> None:
    build = {**BUILD, "secrets": ["id=go,env=GO"]}
    project = make_project(image=f"{gate.host}/acme/app", build=build)
    project.release_commit("v1.4.2", files={"Dockerfile": _WAITS})
    daemon = BuildKitDaemon(buildkit_programs, buildkit.registry)
    try:
        env = daemon.buildx_env(tmp_path / "docker") if front == "buildx" else daemon.env
        with stage(project, gate, daemon, env) as middle:
            middle.end(who, by)
            code = middle.wait()
        if (who, by) == ("shipmark", signal.SIGKILL):
            for pid in front_ends():  # nobody is left who could end them
                os.kill(pid, signal.SIGKILL)
        _await_end_of_front_ends()
        if (who, by) == ("buildkitd", signal.SIGTERM) and code == 0:
            assert project.kinds().count("released") == 1
        else:
            assert code == {"shipmark": 143 if by == signal.SIGTERM else -9}.get(who, 4)
            assert project.tags == {}
        if who == "buildkitd":
            daemon.service.stop()
            daemon.restart()
        project.must("run", env={**env, "GO": "1"})
        assert daemon.running() == []
        assert [path for path in project.cache.glob("**/*.buildkit/*") if path.is_dir()] == []
    finally:
        daemon.stop()
    assert project.tags["latest"] == project.tags["1.4.2"]
    assert project.kinds().count("released") == 1
    print(
        f"{by.name} of {who} ({front}): exit {code}; the next run ends with the whole release, and nothing is left"
    )
