"""Writes the logs that the current version leaves, for every later version to read.

    .venv/bin/pytest -q -o python_files='write_*.py' tests/compat

Run once for each released version; what is there is never written again. The real command writes the logs against a
real registry; `expected.json` holds the summaries that this version makes of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.summary import summary
from tests.support.registries.gate import Gate, Passage
from tests.support.releases.project import Project

HERE = Path(__file__).parent


@pytest.fixture
def scene(make_project: Callable[..., Project], gate: Gate) -> Project:
    """Give a project whose registry is behind the gate, with v1.4.1 and v1.4.2 released."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
    project.must("run")
    release(project, "v1.4.2")
    return project


def release(project: Project, git_tag: str) -> None:
    project.release_commit(git_tag)
    project.must("run")


def end_at(project: Project, gate: Gate, tag: str, ending: signal.Signals) -> None:
    """Start a run and end it when it is about to put `tag`."""
    running: list[subprocess.Popen[bytes]] = []
    struck: list[Passage] = []

    def strike(passage: Passage) -> bool:
        if not struck and passage.method == "PUT" and passage.path.endswith(f"/manifests/{tag}"):
            struck.append(passage)
            os.killpg(running[0].pid, ending)
            running[0].wait(20)
        return not struck

    gate.before = strike
    running.append(project.start("run"))
    running[0].wait(60)
    assert struck
    gate.before = lambda passage: True


def keep(project: Project, name: str, cut: int = 0) -> None:
    """Store the project's log as `name` in the corpus, without the last `cut` bytes, and its summary."""
    version = project.must("--version").stdout.split()[-1]
    folder = HERE / version
    folder.mkdir(exist_ok=True)
    log = (project.repo.path / ".shipmark" / "log.jsonl").read_bytes()
    with (folder / f"{name}.jsonl").open("xb") as file:
        file.write(log[: len(log) - cut])
    expected = folder / "expected.json"
    known = json.loads(expected.read_text()) if expected.exists() else {}
    content = (folder / f"{name}.jsonl").read_bytes()
    known[name] = {"sha256": hashlib.sha256(content).hexdigest(), **summary(folder / f"{name}.jsonl")}
    expected.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def test_write_log_of_releases(scene: Project) -> None:
    release(scene, "v1.5.0-rc.1")
    scene.release_commit()  # of the branch
    scene.must("run")
    keep(scene, "releases")


def test_write_log_of_a_release_that_was_killed_and_resumed(scene: Project, gate: Gate) -> None:
    scene.release_commit("v1.5.0")
    end_at(scene, gate, "1.5", signal.SIGKILL)
    keep(scene, "killed")
    scene.must("run")
    keep(scene, "resumed")


def test_write_log_of_a_cancelled_release(scene: Project, gate: Gate) -> None:
    scene.release_commit("v1.5.0")
    end_at(scene, gate, "1.5.0", signal.SIGTERM)
    keep(scene, "cancelled")


def test_write_log_of_a_rollback(scene: Project) -> None:
    release(scene, "v1.5.0")
    scene.must("rollback", "--to", "1.4.2", "--reason", "it eats data")
    keep(scene, "rollback")


def test_write_log_of_a_promotion_and_deployment(scene: Project) -> None:
    host = scene.registry.host
    image = json.loads((scene.repo.path / "shipmark.yml").read_text())["image"]
    scene.must("promote", f"{image}:1.4.2", "--to", f"{host}/acme/prod")
    scene.must("deployed", "production", f"{image}:1.4.1")
    scene.must("deployed", "production", f"{image}:1.4.2", "--evidence", "https://ci.example/runs/7")
    keep(scene, "promoted")


def test_write_log_with_a_torn_tail(scene: Project) -> None:
    keep(scene, "torn", cut=200)
