"""The kill matrix in full: every effect of a release, with the disk kept and with the disk lost. Prints the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate
from tests.support.releases.kill_matrix import PROJECT, Matrix, totals
from tests.support.releases.project import Project
from tests.support.services.docker import DockerDaemon


def _strike_everywhere(matrix: Matrix) -> None:
    expected, points = matrix.learn()
    assert len(points) >= 60
    rows = []
    print()
    for point in points:
        rows.append(matrix.strike(point, expected))
        print(rows[-1].text, flush=True)
    print(totals(rows))
    assert [row.text for row in rows if row.faults] == []


def test_a_release_killed_at_any_effect_ends_as_one_that_was_not_killed(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, attest="release")
    project.release_commit("v1.4.2")
    _strike_everywhere(Matrix(project, gate, shipmark, tmp_path / "matrix"))


def test_a_release_by_docker_killed_at_any_effect_ends_as_one_that_was_not_killed(
    make_project: Callable[..., Project],
    gate: Gate,
    shipmark: Shipmark,
    docker_daemon: DockerDaemon,
    busybox_image: str,
    tmp_path: Path,
) -> None:
    """Builds of this daemon differ in their digest: the digest that was recorded or became visible must stay."""
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build={"builder": "docker"})
    dockerfile = f"FROM {busybox_image}\nRUN date +%s%N > /built\nCOPY hello.txt /\n"
    project.release_commit("v1.4.2", files={"Dockerfile": dockerfile})
    env = {"DOCKER_HOST": docker_daemon.host}
    _strike_everywhere(Matrix(project, gate, shipmark, tmp_path / "matrix", env=env, same_digest=False))
