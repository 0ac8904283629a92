"""The kill matrix in full: every effect of a release, with the disk kept and with the disk lost. Prints the table."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.parts import part_of
from tests.support.programs.command import Shipmark
from tests.support.programs.environment import scrubbed
from tests.support.registries.gate import Gate
from tests.support.registries.registry import RegistryServer
from tests.support.releases.kill_matrix import PROJECT, Matrix, strike_everywhere
from tests.support.releases.part_matrix import PLATFORMS, PartMatrix
from tests.support.releases.project import Project
from tests.support.services.buildah import BUSYBOX, env_of
from tests.support.services.buildkit import BuildKitDaemon
from tests.support.services.docker import DockerDaemon

BOTH = pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])


@BOTH
def test_a_release_ended_at_any_effect_ends_as_one_that_was_not_ended(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path, by: signal.Signals
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, attest="release")
    project.release_commit("v1.4.2")
    strike_everywhere(Matrix(project.repo, gate, shipmark, tmp_path / "matrix", by=by), least=60)


@BOTH
def test_a_release_by_docker_ended_at_any_effect_ends_as_one_that_was_not_ended(
    make_project: Callable[..., Project],
    gate: Gate,
    shipmark: Shipmark,
    docker_daemon: DockerDaemon,
    busybox_image: str,
    tmp_path: Path,
    by: signal.Signals,
) -> None:
    """Two builds by a docker daemon have different digests: a digest that was recorded or became visible must stay."""
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build={"builder": "docker"})
    dockerfile = f"FROM {busybox_image}\nRUN date +%s%N > /built\nCOPY hello.txt /\n"
    project.release_commit("v1.4.2", files={"Dockerfile": dockerfile})
    env = {"DOCKER_HOST": docker_daemon.host}
    matrix = Matrix(project.repo, gate, shipmark, tmp_path / "matrix", env=env, same_digest=False, by=by)
    strike_everywhere(matrix, least=60)


@BOTH
@pytest.mark.parametrize("name", ["buildah", "podman"])
def test_a_release_by_buildah_or_podman_ended_at_any_effect_ends_as_one_that_was_not_ended(
    make_project: Callable[..., Project],
    gate: Gate,
    shipmark: Shipmark,
    hub: RegistryServer,
    tmp_path: Path,
    name: str,
    by: signal.Signals,
) -> None:
    """Each build has another digest, and what the ended program left is gone after the next run."""
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build={"builder": name})
    dockerfile = f"FROM {BUSYBOX}\nRUN date +%s%N > /built\nCOPY hello.txt /\n"
    project.release_commit("v1.4.2", files={"Dockerfile": dockerfile})
    own = scrubbed(tmp_path / "builder")
    found = env_of(name, hub.host, tmp_path / "builder")
    env = {key: value for key, value in found.items() if own.get(key) != value}
    matrix = Matrix(project.repo, gate, shipmark, tmp_path / "matrix", env=env, same_digest=False, by=by)
    strike_everywhere(matrix, least=60)
    assert shipmark.env["SHIPMARK_CACHE_DIR"] not in Path("/proc/self/mountinfo").read_text()


TWO = {"builder": "layers", "platforms": list(PLATFORMS), "args": {"VERSION": "{{version}}"}}


@BOTH
def test_a_release_of_two_platforms_ended_at_any_effect_ends_as_one_that_was_not_ended(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path, by: signal.Signals
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build=TWO)
    project.release_commit("v1.4.2")
    strike_everywhere(Matrix(project.repo, gate, shipmark, tmp_path / "matrix", by=by), least=60)


@BOTH
def test_a_release_of_an_index_by_buildkit_ended_at_any_effect_ends_as_one_that_was_not_ended(
    make_project: Callable[..., Project],
    gate: Gate,
    shipmark: Shipmark,
    buildkit: BuildKitDaemon,
    tmp_path: Path,
    by: signal.Signals,
) -> None:
    """BuildKit makes both platforms and their index in one step, and shipmark pushes what it wrote to the disk."""
    build = {"builder": "buildkit", "platforms": list(PLATFORMS), "push": "by-client", "args": {}}
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build=build)
    project.release_commit("v1.4.2", files={"Dockerfile": "FROM scratch\nCOPY hello.txt /\n"})
    matrix = Matrix(project.repo, gate, shipmark, tmp_path / "matrix", env=buildkit.env, by=by)
    strike_everywhere(matrix, least=60)


def test_joining_two_runners_killed_at_any_effect_ends_as_one_that_was_not_killed(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT, build=TWO)
    project.release_commit("v1.4.2")
    places = [f"oci:{tmp_path}/parts/{number}" for number in range(2)]
    for platform, place in zip(PLATFORMS, places, strict=True):
        project.must("build", "--platform", platform, "-o", place)
    more = [word for place in places for word in ("--from", place)]
    strike_everywhere(Matrix(project.repo, gate, shipmark, tmp_path / "matrix", more=more), least=60)


def test_a_runner_killed_at_any_effect_of_its_platforms_build_leads_to_the_same_release(
    make_project: Callable[..., Project], registry_server: RegistryServer, shipmark: Shipmark, tmp_path: Path
) -> None:
    project = make_project(project=PROJECT, build=TWO)
    project.release_commit("v1.4.2")
    matrix = PartMatrix(project.repo, registry_server, shipmark, tmp_path / "matrix")
    expected, points = matrix.learn()
    rows = []
    print()
    for point in part_of(points):
        rows.append(matrix.strike(point, expected))
        print(rows[-1].text, flush=True)
        matrix.forget(point)
    at_once = sum(row.at_once == 0 for row in rows)
    bad = [row.text for row in rows if row.faults]
    print(
        f"{len(rows)} kill points; joined at once: {at_once} released, {len(rows) - at_once} refused; {len(bad)} wrong"
    )
    assert bad == []
