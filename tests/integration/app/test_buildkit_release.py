"""`shipmark run` with the builder `buildkit`: a release from end to end, and runs that are stopped in the middle."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.releases.project import Project
from tests.support.releases.pushing import front_ends
from tests.support.services.buildkit import BUSYBOX, BuildKitDaemon

#: The command waits until somebody else makes a second of it: it says so first, on the builder's stream.
WAITING = f"FROM {BUSYBOX}\nRUN echo it runs; sleep 100\n"


class Scene(Project):
    """A project that BuildKit builds; `builder_env` holds the variables that name the daemon."""

    builder_env: dict[str, str]

    def start_build(self, *args: str) -> Any:
        """Start shipmark, and return its process when the `RUN` of the Dockerfile has begun."""
        process = self.start(*args, env=self.builder_env)
        for line in process.stderr:
            if b" it runs" in line and b"RUN" not in line:
                return process
        raise AssertionError("the build ended")

    def left(self) -> list[str]:
        """Return the working folders of BuildKit builds that are left in the cache."""
        cache = Path(self._shipmark.env["SHIPMARK_CACHE_DIR"])
        return [str(path) for path in cache.glob("**/*.buildkit/*") if path.is_dir()]


@pytest.fixture(params=["buildctl", "buildx"])
def scene(
    request: pytest.FixtureRequest,
    make_project: Callable[..., Project],
    buildkit: BuildKitDaemon,
    tmp_path: Path,
) -> Scene:
    """Give a project built by BuildKit, through buildx and through buildctl in turn."""
    made = make_project(build={"builder": "auto", "platforms": ["linux/amd64"]})
    made.__class__ = Scene
    assert isinstance(made, Scene)
    is_buildx = request.param == "buildx"
    made.builder_env = buildkit.buildx_env(tmp_path / "docker") if is_buildx else buildkit.env
    return made


def test_a_release_built_by_buildkit_is_pushed_and_recorded_and_not_built_again(scene: Scene) -> None:
    dockerfile = f"FROM {BUSYBOX}\nRUN --mount=type=cache,target=/c <<EOF\necho made > /made\nEOF\n"
    scene.release_commit("v1.4.2", files={"Dockerfile": dockerfile})
    preview = scene.must("preview", "--json", env=scene.builder_env)
    assert preview.json["releases"][0]["builder"] == "buildkit"
    result = scene.must("run", "--json", env=scene.builder_env)
    assert scene.tags["1.4.2"] == scene.tags["latest"]
    (built,) = [entry for entry in scene.log if entry["kind"] == "built"]
    assert (built["builder"], built["image"]["platforms"][0]["platform"]) == ("buildkit", "linux/amd64")
    assert "building with `buildkit`" in result.stderr
    assert scene.left() == []
    again = scene.must("run", "--json", env=scene.builder_env)
    assert again.json["releases"][0]["builder"] is None


def test_an_index_of_two_platforms_that_buildkit_made_is_pushed_unchanged(scene: Scene) -> None:
    scene.configure(
        build={"builder": "buildkit", "platforms": ["linux/amd64", "linux/arm64"], "provenance": "min"}
    )
    scene.release_commit("v1.4.2", files={"Dockerfile": "FROM scratch\nCOPY hello.txt /\n"})
    scene.must("run", env=scene.builder_env)
    (built,) = [entry for entry in scene.log if entry["kind"] == "built"]
    assert [one["platform"] for one in built["image"]["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert scene.tags["1.4.2"] == built["image"]["digest"]
    alone = [entry for entry in scene.log if entry["kind"] == "built-platform"]
    # The records of one build are independent of each other: their order in the log is not promised.
    assert sorted((entry["platform"], entry["builder"]) for entry in alone) == [
        ("linux/amd64", "buildkit"),
        ("linux/arm64", "buildkit"),
    ]
    index = json.loads(scene.registry.manifest(scene.name, "1.4.2")[1])
    listed = {entry["digest"]: entry.get("annotations", {}) for entry in index["manifests"]}
    for entry in alone:
        (about,) = entry["attestations"]
        assert listed[about]["vnd.docker.reference.digest"] == entry["digest"]


def test_images_that_two_runners_built_are_joined_with_their_attestations(scene: Scene) -> None:
    both = ["linux/amd64", "linux/arm64"]
    scene.configure(build={"builder": "buildkit", "platforms": both, "provenance": "min"})
    files = {"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", ".gitignore": "parts/\n"}
    scene.release_commit("v1.4.2", files=files)
    for platform in both:
        scene.must("build", "--platform", platform, "-o", f"oci:parts/{platform[6:]}", env=scene.builder_env)
    scene.must("run", "--from", "oci:parts/amd64", "--from", "oci:parts/arm64", env=scene.builder_env)
    index = json.loads(scene.registry.manifest(scene.name, "1.4.2")[1])
    systems = [f"{one['platform']['os']}/{one['platform']['architecture']}" for one in index["manifests"]]
    assert systems == [both[0], "unknown/unknown", both[1], "unknown/unknown"]
    (built,) = [entry for entry in scene.log if entry["kind"] == "built"]
    assert [one["platform"] for one in built["image"]["platforms"]] == both


def test_a_failed_buildkit_build_exits_4_and_names_the_dockerfile_line(scene: Scene) -> None:
    scene.release_commit("v1.4.2", files={"Dockerfile": f"FROM {BUSYBOX}\nRUN echo last words; false\n"})
    result = scene("run", env=scene.builder_env)
    assert result.code == 4
    assert "error: Dockerfile:2: process " in result.stderr
    assert [line[:1] for line in result.stderr.splitlines() if line.endswith(" last words")] == ["|"]
    assert scene.tags == {}


def test_sigterm_ends_a_buildkit_build_within_four_seconds_and_leaves_no_folder(
    scene: Scene, buildkit: BuildKitDaemon
) -> None:
    scene.release_commit("v1.4.2", files={"Dockerfile": WAITING})
    process = scene.start_build("run")
    moment = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    assert time.monotonic() - moment < 4
    assert scene.left() == []
    _await(lambda: buildkit.running() == [] and front_ends() == [])
    assert "cancelled" in scene.kinds()


def test_run_after_a_killed_buildkit_build_releases_and_removes_its_folder(
    scene: Scene, buildkit: BuildKitDaemon
) -> None:
    scene.release_commit("v1.4.2", files={"Dockerfile": WAITING})
    process = scene.start_build("run")
    process.kill()
    process.communicate()
    for pid in front_ends():
        os.kill(pid, signal.SIGKILL)
    _await(lambda: buildkit.running() == [])
    scene.repo.git("tag", "-d", "v1.4.2")
    scene.release_commit("v1.4.3", files={"Dockerfile": "FROM scratch\nCOPY hello.txt /\n"})
    scene.must("run", env=scene.builder_env)
    assert "1.4.3" in scene.tags
    assert scene.left() == []


def test_killing_buildx_or_buildctl_fails_the_run_and_ends_the_build(
    scene: Scene, buildkit: BuildKitDaemon
) -> None:
    scene.release_commit("v1.4.2", files={"Dockerfile": WAITING})
    process = scene.start_build("run")
    for pid in front_ends():
        os.kill(pid, signal.SIGKILL)
    _, stderr = process.communicate()
    assert process.returncode == 4, stderr
    assert scene.tags == {}
    assert scene.left() == []
    _await(lambda: buildkit.running() == [])


def _await(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
