"""A release for several platforms that was killed: only what is missing is built, and the result is the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.command import Result
from tests.support.registries.gate import Gate, Passage
from tests.support.releases.project import Project

BOTH = ["linux/amd64", "linux/arm64"]
WHOLE = ["planned", "built-platform", "built-platform", "built", "pushed", "released", "moved"]


class Scene:
    """A project whose release for two platforms was killed when it began to push.

    `parts`: by platform, the digest in the log.
    """

    def __init__(self, project: Project, gate: Gate) -> None:
        self.project = project
        self.gate = gate
        self._log = project.repo.path / ".shipmark/log.jsonl"
        self._kill()
        self._lines = self._log.read_bytes().splitlines(keepends=True)
        self.parts = {
            entry["platform"]: entry["digest"] for entry in project.log if entry["kind"] == "built-platform"
        }

    def _kill(self) -> None:
        running: list[Any] = []

        def kill(passage: Passage) -> bool:
            if passage.method == "PUT" and running:
                running.pop().kill()
            return passage.method != "PUT"

        self.gate.before = kill
        running.append(self.project.start("run"))
        running[0].communicate(timeout=60)
        self.gate.before = lambda passage: True

    def go_back(self, entries: int) -> None:
        """Cut the log to its first `entries`, as if a run had been killed after it had written them."""
        self._log.write_bytes(b"".join(self._lines[:entries]))

    def steps(self, result: Result) -> dict[str, str]:
        """Return the kinds of the steps that obtain the image or check the builder, by step id."""
        steps = result.json["releases"][0]["steps"]
        return {
            step["id"]: step["kind"]
            for step in steps
            if step["phase"] == "obtain" or step["kind"] == "check-builder"
        }


@pytest.fixture
def scene(make_project: Callable[..., Project], gate: Gate) -> Scene:
    project = make_project(image=f"{gate.host}/acme/app", build={"builder": "layers", "platforms": BOTH})
    project.release_commit("v1.4.2")
    return Scene(project, gate)


AMD, ARM, WHOLE_IMAGE = "obtain:app:linux/amd64", "obtain:app:linux/arm64", "obtain:app"
BUILT, FOUND = "build-image", "find-image"


def test_a_run_builds_only_the_platforms_that_the_log_lacks(scene: Scene) -> None:
    assert scene.project.kinds() == WHOLE[:4]
    table: dict[int, dict[str, str]] = {
        1: {"check-builder:app": "check-builder", AMD: BUILT, ARM: BUILT},
        2: {"check-builder:app": "check-builder", AMD: FOUND, ARM: BUILT},
        3: {AMD: FOUND, ARM: FOUND},
        4: {WHOLE_IMAGE: FOUND},
    }
    for entries, expected in table.items():
        scene.go_back(entries)
        found = scene.steps(scene.project.must("preview", "--json"))
        assert {
            id_: kind for id_, kind in found.items() if kind in {BUILT, FOUND, "check-builder"}
        } == expected
        assert ("assemble:app" in found) == (entries < 4)
    scene.go_back(2)
    result = scene.project.must("run", "--json")
    assert scene.steps(result)[AMD] == FOUND
    assert scene.project.kinds() == ["planned", "built-platform", "planned", *WHOLE[2:]]
    index = json.loads(scene.project.registry.manifest("acme/app", "1.4.2")[1])
    assert [one["digest"] for one in index["manifests"]] == [scene.parts[platform] for platform in BOTH]
    built = next(entry for entry in scene.project.log if entry["kind"] == "built")
    assert built["context"] == scene.project.log[1]["context"]
    assert built["builder"] == "layers"
    scene.project.must("log", "verify")


def test_platforms_whose_image_nobody_has_are_built_again(scene: Scene) -> None:
    scene.go_back(3)
    scene.project.lose_disk()
    (scene.project.repo.path / ".shipmark").mkdir()
    scene.go_back(3)
    found = scene.steps(scene.project.must("run", "--json"))
    assert (found[AMD], found[ARM]) == (BUILT, BUILT)
    assert scene.project.kinds().count("built-platform") == 2  # the same bytes are the same fact


def test_a_recorded_platform_whose_image_only_the_registry_has_is_not_built_again(scene: Scene) -> None:
    scene.go_back(3)
    project = scene.project
    shutil.copytree(project.cache / "images", project.repo.path / "dist/images")
    project.must("image", "copy", f"oci:dist/images@{scene.parts[BOTH[1]]}", f"{project.image}:kept")
    shutil.rmtree(Path(project.cache).parent)
    found = scene.steps(project.must("run", "--json"))
    assert (found[AMD], found[ARM]) == (BUILT, FOUND)
    index = json.loads(project.registry.manifest("acme/app", "1.4.2")[1])
    assert [one["digest"] for one in index["manifests"]] == [scene.parts[platform] for platform in BOTH]


def test_recorded_platforms_are_built_again_if_the_build_inputs_changed(scene: Scene) -> None:
    scene.go_back(3)
    scene.project.configure(
        image=f"{scene.gate.host}/acme/app",
        build={"builder": "layers", "platforms": BOTH, "args": {"VERSION": "x"}},
    )
    found = scene.steps(scene.project("preview", "--json"))  # the tree is dirty: exit 3
    assert (found[AMD], found[ARM]) == (BUILT, BUILT)


def test_a_newly_configured_platform_is_built_and_the_recorded_ones_are_not(scene: Scene) -> None:
    scene.go_back(3)
    build = {"builder": "layers", "platforms": [*BOTH, "linux/s390x"]}
    scene.project.configure(image=f"{scene.gate.host}/acme/app", build=build)
    found = scene.steps(scene.project("preview", "--json"))  # the tree is dirty: exit 3
    assert (found[AMD], found[ARM], found["obtain:app:linux/s390x"]) == (FOUND, FOUND, BUILT)


def test_release_for_one_platform_is_a_manifest_without_index_and_without_platform_records(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(build={"builder": "layers", "platforms": BOTH[:1]})
    project.release_commit("v1.4.2")
    project.must("run")
    assert project.kinds() == ["planned", "built", "pushed", "released", "moved"]
    assert "config" in json.loads(project.registry.manifest(project.name, "1.4.2")[1])


def test_preview_shows_for_each_platform_whether_it_is_resumed_or_built(scene: Scene) -> None:
    scene.go_back(2)
    lines = scene.project.must("preview").stdout.splitlines()
    rows = [line.split(maxsplit=2) for line in lines if "app" in line and line.startswith("  ")]
    said = {row[1]: (row[0], row[2]) for row in rows if len(row) == 3}
    assert said[AMD][0] == "="
    assert said[AMD][1].startswith("resume: built and recorded by an earlier run")
    assert said[ARM] == ("+", "build `Dockerfile` in `.` for linux/arm64 (layers)")
    assert said["assemble:app"] == ("+", "make one image of linux/amd64, linux/arm64")
