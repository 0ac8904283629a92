"""buildx's driver `docker`: BuildKit as a part of the docker daemon, which writes no layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from release.build import BuiltImage
from release.build.buildkit.builder import BuildKitBuilder
from release.control import Cancel
from release.errors import BuildError, Terminated
from release.events import Event, Note, Output
from release.oci import OCI_INDEX
from release.programs.processes import Processes
from tests.support.programs.environment import scrubbed
from tests.support.registries.oci_schemas import check_layout, document
from tests.support.releases.builds import build, build_of, problem
from tests.support.services.docker import DockerDaemon

TOKEN = "sesame-open-8472"


class Scene:
    """A project, buildx, and a docker daemon with its own BuildKit."""

    def __init__(self, folder: Path, programs: Path, daemon: DockerDaemon) -> None:
        self.events: list[Event] = []
        self.cancel = Cancel()
        self.daemon = daemon
        self.store = folder / "store"
        self.root = folder / "root"
        self.root.mkdir()
        base = scrubbed(folder)
        self.env = {
            **base,
            "SHIPMARK_BUILDX": str(programs / "buildx"),
            "DOCKER_HOST": daemon.host,
            "DOCKER_CONFIG": str(folder / "docker"),
        }

    def emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Output) and " it runs" in event.line and "RUN" not in event.line:
            self.cancel.trip(Terminated("stopped"))

    @property
    def builder(self) -> BuildKitBuilder:
        return BuildKitBuilder(self.env, process=Processes(self.cancel), sink=self, cancel=self.cancel)

    def build(self, dockerfile: str, **more: Any) -> BuiltImage:
        (self.root / "Dockerfile").write_text(dockerfile)
        # The daemon has no network.
        return build(self.builder, build_of(self.root, **{"network": "none", **more}), self.store)

    def images(self) -> set[str]:
        return set(
            self.daemon.docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.decode().split()
        )


@pytest.fixture
def scene(tmp_path: Path, buildkit_programs: Path, docker_daemon: DockerDaemon, busybox_image: str) -> Scene:
    del busybox_image
    return Scene(tmp_path, buildkit_programs, docker_daemon)


def test_an_image_that_buildx_loaded_into_the_docker_daemon_is_stored_and_removed_there(scene: Scene) -> None:
    before = scene.images()
    image = scene.build(
        "FROM busybox:test\nARG TOKEN\nRUN --mount=type=cache,target=/c echo $TOKEN; touch /done\nCOPY Dockerfile /\n",
        args={"TOKEN": TOKEN},
        labels={"a": "b"},
        annotations={"n": "1"},
    )
    assert scene.images() == before
    manifest = document(scene.store, image.digest)
    config = document(scene.store, manifest["config"]["digest"])
    assert manifest["annotations"] == {"n": "1"}
    assert config["config"]["Labels"] == {"a": "b"}
    assert TOKEN not in repr(config) + repr(scene.events)
    assert image.tools["buildx"] == "0.38.2"
    check_layout(scene.store)


def test_several_platforms_built_by_the_docker_driver_become_one_index(scene: Scene) -> None:
    image = scene.build(
        "FROM scratch\nARG TARGETARCH\nENV A=$TARGETARCH\nCOPY Dockerfile /\n",
        platforms=("linux/arm64", "linux/amd64"),
    )
    assert image.media_type == OCI_INDEX
    assert [one.platform for one in image.platforms] == ["linux/arm64", "linux/amd64"]
    check_layout(scene.store)


def test_options_that_the_docker_driver_lacks_are_refused_before_the_build(scene: Scene) -> None:
    (scene.root / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    for more in (
        {"provenance": "max"},
        {"sbom": True},
        {"cache_to": ("type=local,dest=c",)},
        {"platforms": ("windows/amd64",)},
    ):
        found = problem(scene.builder, build_of(scene.root, **more))
        assert found is not None
        assert found.kind == "lacks"
        assert "has the driver `docker`" in found.reason


@pytest.mark.parametrize(
    ("text", "options", "lacking"),
    [
        ("FROM scratch\nCOPY <<EOF /x\nhi\nEOF\n", {}, "Dockerfile:2: BuildKit 0.8 does not support"),
        ("FROM scratch\nCOPY --link Dockerfile /\n", {}, "Dockerfile:2: BuildKit 0.8 does not support"),
        (
            "FROM scratch\nCOPY Dockerfile /\n",
            {"contexts": {"lib": "."}},
            "BuildKit 0.8 does not support the option `build: {contexts: …}`",
        ),
    ],
)
def test_what_an_old_buildkit_lacks_is_refused_before_the_build_unless_syntax_names_a_newer_frontend(
    scene: Scene, text: str, options: dict[str, Any], lacking: str
) -> None:
    (scene.root / "Dockerfile").write_text(text)
    found = problem(scene.builder, build_of(scene.root, **options))
    assert found is not None
    assert found.kind == "lacks"
    assert found.reason.startswith(lacking)
    assert "# syntax=docker/dockerfile:1" in (found.hint or "")
    (scene.root / "Dockerfile").write_text(f"# syntax=docker/dockerfile:1\n{text}")
    assert problem(scene.builder, build_of(scene.root, **options)) is None


def test_base_whose_platform_an_old_buildkit_does_not_tell_gets_a_warning(scene: Scene) -> None:
    (scene.root / "Dockerfile").write_text("FROM busybox:test\nCOPY Dockerfile /\n")
    assert problem(scene.builder, build_of(scene.root, platforms=("linux/arm64",))) is None
    text = "Dockerfile:1: BuildKit 0.8 does not tell whether `busybox:test` is for `linux/arm64`"
    assert [event.text for event in scene.events if isinstance(event, Note)] == [text]


def test_failed_run_of_the_docker_driver_is_reported_with_its_output(scene: Scene) -> None:
    with pytest.raises(BuildError) as caught:
        scene.build("FROM busybox:test\nRUN echo last words; false\n")
    assert "echo last words; false" in str(caught.value)  # this BuildKit, 0.8, tells no line
    assert caught.value.hint == "the lines above are what the command wrote"
    assert any("last words" in repr(event) for event in scene.events)


def test_a_cancelled_build_of_the_docker_driver_leaves_no_image_in_the_daemon(scene: Scene) -> None:
    before = scene.images()
    with pytest.raises(Terminated):
        scene.build("FROM busybox:test\nRUN echo it runs; sleep 100\n")
    assert scene.images() == before
    assert not list(scene.store.parent.glob("*.buildkit"))
