"""Releases to several targets: no tag is put unless all required targets have the image.

The next run finishes a release that failed at its tags. A failed optional target is reported, and stops nothing.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.registries.gate import Gate, Passage
from tests.support.releases.project import Project

RELEASE = {"1.4.2", "1.4", "1", "latest"}


class Layout:
    """An `oci:` target that a test may break and mend."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def tags(self) -> dict[str, str]:
        index = self.path / "index.json"
        if not index.is_file():
            return {}
        named = "org.opencontainers.image.ref.name"
        entries = json.loads(index.read_text())["manifests"]
        return {one["annotations"][named]: one["digest"] for one in entries if "annotations" in one}

    def break_blobs(self) -> None:
        """Make it impossible to store blobs in the layout."""
        self.path.mkdir(parents=True)
        (self.path / "blobs").write_text("in the way")

    def break_index(self) -> None:
        """Make the index of the layout unusable, so that no tag can be read or put."""
        self.path.mkdir(parents=True, exist_ok=True)
        if (self.path / "index.json").exists():
            (self.path / "index.json").rename(self.path / "index.json.kept")
        (self.path / "index.json").mkdir()

    def mend(self) -> None:
        if (self.path / "blobs").is_file():
            shutil.rmtree(self.path)
            return
        (self.path / "index.json").rmdir()
        if (self.path / "index.json.kept").exists():
            (self.path / "index.json.kept").rename(self.path / "index.json")


@pytest.fixture
def layout(project: Project) -> Layout:
    """Give the layout folder that is the second target of `project`."""
    return Layout(project.repo.path / "dist/image")


def with_layout(project: Project, image: str, **options: Any) -> None:
    """Configure `image` and an OCI layout as targets, and tag v1.5.0. `options`: options of the layout target."""
    second: Any = {"image": "oci:dist/image", **options} if options else "oci:dist/image"
    project.configure(image=None, images=[image, second], project="acme/app")
    project.release_commit("v1.5.0")


def breaks_between_content_and_tags(gate: Gate, layout: Layout) -> None:
    """Break the layout when it has the image and the registry gets it, so that no tag exists anywhere."""
    arrived = threading.Event()

    def watch(passage: Passage) -> bool:
        if passage.method == "PUT" and "/manifests/sha256:" in passage.path and not arrived.is_set():
            for _ in range(1000):
                if (layout.path / "index.json").is_file() and "sha256:" in (
                    layout.path / "index.json"
                ).read_text():
                    break
                arrived.wait(0.02)
            arrived.set()
            layout.break_index()
        return True

    gate.before = watch


def told(project: Project) -> dict[str, str]:
    """Return the outputs that the run wrote to `dist/result.env`, which git ignores."""
    lines = (project.repo.path / "dist/result.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def writes(project: Project, start: int) -> list[str]:
    """Return the last path elements of the writing requests that the registry got since `start`."""
    log = project.registry.access_log()[start:]
    return [entry.path.rpartition("/")[2] for entry in log if entry.method not in {"GET", "HEAD"}]


def test_a_required_target_that_takes_no_blobs_stops_the_release_before_any_tag_is_pushed(
    project: Project, layout: Layout
) -> None:
    with_layout(project, project.image)
    layout.break_blobs()
    result = project("run")
    assert result.code == 5, result.stderr
    assert project.tags == {}
    assert "dist/image" in result.stderr
    assert {"pushed", "released", "moved"}.isdisjoint(project.kinds())
    layout.mend()
    project.must("run")
    assert project.tags["latest"] == layout.tags["latest"] == layout.tags["1.5.0"]
    assert project.kinds().count("built") == 1


def test_a_required_target_that_fails_at_its_tags_exits_7_and_the_next_run_finishes(
    project: Project, layout: Layout, gate: Gate
) -> None:
    with_layout(project, f"{gate.host}/acme/app")
    breaks_between_content_and_tags(gate, layout)
    result = project("run", "--result-file", "dist/result.env")
    assert result.code == 7, result.stderr
    assert "1.5.0" in project.tags
    assert "latest" not in project.tags
    assert set(told(project)["SHIPMARK_TAGS"].split()) == {
        f"{gate.host}/acme/app:{tag}" for tag in project.tags
    }
    assert project.log[-1]["kind"] == "failed"
    assert told(project)["SHIPMARK_LOG_ENTRY"] == f"{project.log[-1]['seq']}:{project.log[-1]['hash']}"
    assert "released" not in project.kinds()
    digest = project.tags["1.5.0"]
    layout.mend()
    before = len(project.registry.access_log())
    project.must("run")
    assert {name for name in writes(project, before) if not name.startswith(("uploads", "?"))} - {""} >= {
        "latest"
    }
    assert not [name for name in writes(project, before) if name.startswith(("sha256:", "1.5.0", "sha-"))]
    for tags in (project.tags, layout.tags):
        assert {tags[name] for name in ("1.5.0", "1.5", "1", "latest")} == {digest}
    assert project.kinds().count("built") == 1
    assert project.kinds().count("released") == 1
    project.must("log", "verify")


def test_an_optional_target_that_is_broken_from_the_start_is_warned_about_and_ignored(
    project: Project, layout: Layout
) -> None:
    with_layout(project, project.image, required=False)
    layout.break_index()
    result = project("run", "--result-file", "dist/result.env")
    assert result.code == 0, result.stderr
    assert "warning: " in result.stderr
    assert "oci:dist/image" in result.stderr
    assert set(told(project)["SHIPMARK_TAGS"].split()) == {f"{project.image}:{tag}" for tag in project.tags}
    assert {project.tags[name] for name in ("1.5.0", "1.5", "1", "latest")} == {project.tags["1.5.0"]}
    assert [one["target"] for one in project.log if one["kind"] == "moved"] == [project.image]
    layout.mend()
    again = project("run", "--result-file", "dist/result.env")
    assert again.code == 0, again.stderr
    assert layout.tags["latest"] == layout.tags["1.5.0"] == project.tags["1.5.0"]
    assert "oci:dist/image:latest" in told(project)["SHIPMARK_TAGS"].split()
    assert project.kinds().count("released") == 1


def test_rebuilds_and_waiting_runs_do_not_depend_on_an_optional_target_that_is_broken(
    project: Project, layout: Layout
) -> None:
    with_layout(project, project.image, required=False)
    layout.break_index()
    project.must("run")
    first, second = project.must("run", "--rebuild"), project.must("run", "--rebuild")
    assert "1.5.0_r1@" in first.stdout
    assert "1.5.0_r2@" in second.stdout
    project.release_commit("v1.6.0")
    waited = project.must("run", "--wait")
    assert "waiting for" not in waited.stderr
    project.lose_disk()  # without the log the targets are asked which rebuilds there are
    project.must("run", "--rebuild")
    assert "1.6.0_r1" in project.tags


def test_an_optional_target_that_breaks_during_the_release_is_warned_about_and_ignored(
    project: Project, layout: Layout, gate: Gate
) -> None:
    with_layout(project, f"{gate.host}/acme/app", required=False)
    breaks_between_content_and_tags(gate, layout)
    result = project("run")
    assert result.code == 0, result.stderr
    assert "warning: " in result.stderr
    assert project.tags["latest"] == project.tags["1.5.0"]
    assert "oci:dist/image" not in [one.get("target") for one in project.log]
    layout.mend()
    assert project("run").code == 0
    assert layout.tags["latest"] == project.tags["1.5.0"]


def test_a_target_that_has_the_release_gives_its_image_to_a_new_target_without_a_build(
    make_project: Callable[..., Project],
) -> None:
    build = {"builder": "layers", "args": {"VERSION": "${BUILD_OF}"}}
    project = make_project(project="acme/app", build=build)
    project.release_commit("v1.4.2")
    project.must("run", env={"BUILD_OF": "first"})
    digest = project.tags["1.4.2"]
    project.lose_disk()
    copy = f"{project.registry.host}/acme/copy"
    both = ("--image", project.image, "--image", copy)
    result = project.must("run", "--json", *both, env={"BUILD_OF": "second"})
    assert {project.registry.tags("acme/copy")[name] for name in RELEASE} == {digest}
    assert "build-image" not in {step["kind"] for step in result.json["releases"][0]["steps"]}


def test_two_targets_that_have_different_images_of_one_release_are_refused(
    make_project: Callable[..., Project],
) -> None:
    build = {"builder": "layers", "args": {"VERSION": "${BUILD_OF}"}}
    project = make_project(project="acme/app", build=build)
    project.release_commit("v1.4.2")
    copy = f"{project.registry.host}/acme/copy"
    for image, who in ((project.image, "first"), (copy, "second")):
        project.must("run", "--image", image, env={"BUILD_OF": who})
        project.lose_disk()
    before = project.tags, project.registry.tags("acme/copy")
    start = len(project.registry.access_log())
    result = project("run", "--image", project.image, "--image", copy, env={"BUILD_OF": "third"})
    assert result.code == 6
    assert before[0]["1.4.2"] in result.stderr
    assert before[1]["1.4.2"] in result.stderr
    assert "hint: " in result.stderr
    assert writes(project, start) == []
    assert (project.tags, project.registry.tags("acme/copy")) == before
