"""Kills a release at some points of every phase; `make soak` kills it at all points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate
from tests.support.registries.registry import RegistryServer
from tests.support.releases.kill_matrix import PROJECT, Matrix, Point, spread, table
from tests.support.releases.part_matrix import PLATFORMS, PartMatrix
from tests.support.releases.project import Project
from tests.support.services.docker import DockerDaemon

_POINTS: dict[str, Callable[[Point], bool]] = {
    "requests": lambda point: point.place == "http",
    "files": lambda point: point.place == "local" and "log.jsonl" not in point.effect,
    "log": lambda point: point.place == "local" and "log.jsonl" in point.effect,
}


@pytest.mark.parametrize("which", sorted(_POINTS))
def test_run_after_a_release_was_killed_ends_as_a_release_that_was_not_killed(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path, which: str
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT)
    project.release_commit("v1.4.2")
    matrix = Matrix(project.repo, gate, shipmark, tmp_path / "matrix")
    expected, points = matrix.learn()
    assert len(points) >= 60
    chosen = spread([point for point in points if _POINTS[which](point)], 4)
    rows = [matrix.strike(point, expected) for point in chosen]
    assert [row.text for row in rows if row.faults] == [], table(rows)


def test_a_release_killed_during_attestation_ends_with_one_statement(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    """A next run that lost the disk has a new log with another anchor, and must add no second statement."""
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, attest="release")
    project.release_commit("v1.4.2")
    matrix = Matrix(project.repo, gate, shipmark, tmp_path / "matrix")
    expected, points = matrix.learn()
    assert expected.statements == 1
    chosen = [point for point in points if point.place == "http"][-6:]
    assert any("sha256-" in point.effect for point in chosen), chosen
    rows = [matrix.strike(point, expected) for point in chosen]
    assert [row.text for row in rows if row.faults] == [], table(rows)


def test_a_killed_release_built_by_the_docker_daemon_ends_like_an_undisturbed_one(
    make_project: Callable[..., Project],
    gate: Gate,
    shipmark: Shipmark,
    docker_daemon: DockerDaemon,
    busybox_image: str,
    tmp_path: Path,
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build={"builder": "docker"})
    dockerfile = f"FROM {busybox_image}\nRUN date +%s%N > /built\nCOPY hello.txt /\n"
    project.release_commit("v1.4.2", files={"Dockerfile": dockerfile})
    env = {"DOCKER_HOST": docker_daemon.host}
    matrix = Matrix(project.repo, gate, shipmark, tmp_path / "matrix", env=env, same_digest=False)
    expected, points = matrix.learn()
    chosen = [one for one in points if _is_telling(one)]
    rows = [matrix.strike(point, expected) for point in chosen]
    assert len(rows) >= 3
    assert [row.text for row in rows if row.faults] == [], table(rows)
    assert any("built" in row.recorded and not row.again[0] for row in rows)


def _is_telling(point: Point) -> bool:
    """Return whether the point is after the image's manifest, the version's tag or `latest` was put."""
    named = ("PUT manifests/sha256", "PUT manifests/1.4.2", "PUT manifests/latest")
    return point.place == "http" and point.when == "after" and point.effect.startswith(named)


TWO = {"builder": "layers", "platforms": ["linux/amd64", "linux/arm64"], "args": {"VERSION": "{{version}}"}}


def test_a_killed_release_of_two_platforms_builds_only_what_is_missing(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    """The release is killed around each platform's record, around the index, and while the index is pushed."""
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build=TWO)
    project.release_commit("v1.4.2")
    matrix = Matrix(project.repo, gate, shipmark, tmp_path / "matrix")
    expected, points = matrix.learn()
    assert expected.platforms == {"linux/amd64", "linux/arm64"}
    log = [point for point in points if point.place == "local" and "log.jsonl" in point.effect]
    writes = [point for point in log if point.effect.startswith(("write", "pwrite"))]
    tops = [point for point in points if point.effect.startswith("PUT manifests/sha256")]
    # Two points each, `before` and `torn`. The second entry is of the first platform, the fourth of the whole image.
    chosen = [writes[4], writes[7], tops[-1]]
    rows = [matrix.strike(point, expected) for point in chosen]
    assert [row.text for row in rows if row.faults] == [], table(rows)
    assert {"built-platform" in row.recorded and "built" not in row.recorded for row in rows} == {True, False}


def test_a_release_joined_from_two_images_and_killed_ends_as_one_that_was_not_killed(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build=TWO)
    project.release_commit("v1.4.2", files={".gitignore": "dist/\nparts/\n"})
    places = [f"oci:{tmp_path}/parts/{platform.rpartition('/')[2]}" for platform in PLATFORMS]
    for platform, place in zip(PLATFORMS, places, strict=True):
        project.must("build", "--platform", platform, "-o", place)
    more = [word for place in places for word in ("--from", place)]
    matrix = Matrix(project.repo, gate, shipmark, tmp_path / "matrix", more=more)
    expected, points = matrix.learn()
    assert expected.kinds.count("built") == 1
    chosen = spread([point for point in points if "log.jsonl" in point.effect or point.place == "http"], 4)
    rows = [matrix.strike(point, expected) for point in chosen]
    assert [row.text for row in rows if row.faults] == [], table(rows)


def test_release_after_a_runner_was_killed_during_shipmark_build_ends_as_without_the_kill(
    make_project: Callable[..., Project], registry_server: RegistryServer, shipmark: Shipmark, tmp_path: Path
) -> None:
    project = make_project(project=PROJECT, build=TWO)
    project.release_commit("v1.4.2")
    matrix = PartMatrix(project.repo, registry_server, shipmark, tmp_path / "matrix")
    expected, points = matrix.learn()
    assert expected.kinds.count("released") == expected.kinds.count("built") == 1
    assert len(expected.images or ()) == 2
    rows = [matrix.strike(point, expected) for point in spread(points, 3)[1:]]  # the first is before anything
    assert [row.text for row in rows if row.faults] == []
