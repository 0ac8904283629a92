"""Releases whose image BuildKit pushes by digest, killed at every effect, and while the daemon itself is killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate
from tests.support.releases.kill_matrix import PROJECT, Matrix, strike_everywhere
from tests.support.releases.project import Project
from tests.support.releases.pushing import front_ends, pushing
from tests.support.services.buildkit import BuildKitDaemon

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


def test_a_daemon_that_is_killed_in_the_middle_of_the_push_fails_the_release_and_the_next_run_finishes(
    make_project: Callable[..., Project], gate: Gate, buildkit: BuildKitDaemon, buildkit_programs: Path
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", build=BUILD)
    project.release_commit("v1.4.2", files=FILES)
    daemon = BuildKitDaemon(buildkit_programs, buildkit.registry)
    try:
        with pushing(project, gate, daemon.env) as one:
            daemon.kill()
            assert one.wait() == 4
        assert front_ends() == []
        assert project.tags == {}
        daemon.restart()
        project.must("run", env=daemon.env)
    finally:
        daemon.stop()
    assert project.tags["latest"] == project.tags["1.4.2"]
    assert project.kinds().count("released") == 1
