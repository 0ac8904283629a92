"""Images of every builder: other tools read and run them, and two clones give one context or one image."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from release.build import Builder, BuiltImage
from release.build.buildah.builder import BuildahBuilder, Ground
from release.build.buildkit.builder import BuildKitBuilder
from release.build.docker.builder import DockerBuilder
from release.build.embedded.builder import LayersBuilder
from release.control import Cancel
from release.events import NullSink
from release.layout.layout import Layout
from release.programs.processes import Processes
from tests.support.programs.environment import scrubbed
from tests.support.registries.oci_schemas import check_layout
from tests.support.registries.spec_schemas import check_by_specification
from tests.support.releases.builds import build, build_of
from tests.support.services.buildah import env_of
from tests.support.services.buildkit import BuildKitDaemon
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program, require

CREATED = 1_700_000_000
NAMES = ("buildkit", "docker", "buildah", "podman", "layers")
DOCKERFILE = """\
FROM scratch AS files
COPY . /app/
FROM scratch
COPY --from=files /app /app
COPY busybox /bin/busybox
ENV GREETING=hello
LABEL a=b
HEALTHCHECK CMD ["/bin/busybox", "true"]
WORKDIR /app
ENTRYPOINT ["/bin/busybox", "sh", "-c", "echo $GREETING from $PWD; cat data/text; id -u"]
"""


@pytest.fixture(scope="module")
def builders(
    tmp_path_factory: pytest.TempPathFactory, buildkit: BuildKitDaemon, docker_daemon: DockerDaemon
) -> dict[str, Builder]:
    """Give every builder by its name."""
    folder = tmp_path_factory.mktemp("builders")
    cancel, sink = Cancel(), NullSink()
    process = Processes(cancel)

    def ground(name: str) -> Ground:
        env = env_of(name, buildkit.registry.host, folder / name)
        return Ground(env=env, process=process, last=process, sink=sink, cancel=cancel)

    env = {**scrubbed(folder), **buildkit.env}
    return {
        "buildkit": BuildKitBuilder(env, process=process, sink=sink, cancel=cancel),
        "docker": DockerBuilder({"DOCKER_HOST": docker_daemon.host}, sink=sink, cancel=cancel),
        "buildah": BuildahBuilder("buildah", ground("buildah")),
        "podman": BuildahBuilder("podman", ground("podman")),
        "layers": LayersBuilder(sink=sink, cancel=cancel, version="1"),
    }


def make(folder: Path) -> Path:
    """Make a project with a static program, and return its folder."""
    require("busybox")
    (folder / "data").mkdir(parents=True)
    (folder / "data/text").write_text("content\n")
    (folder / "data/link").symlink_to("text")
    shutil.copy(program("busybox"), folder / "busybox")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return folder


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_skopeo_and_umoci_read_the_image_of_each_builder_and_its_program_runs(
    name: str, builders: dict[str, Builder], tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    require("skopeo", "umoci")
    store = tmp_path / "store"
    image = build(builders[name], build_of(make(tmp_path / "project"), created=CREATED), store)
    layout = Layout(str(store))
    layout.put_manifest(layout.manifest(image.digest), tag="one")
    assert check_layout(store)
    assert check_by_specification(store) >= 4

    assert image.digest in run(program("skopeo"), "inspect", f"oci:{store}:one")
    run(program("skopeo"), "copy", "--quiet", f"oci:{store}:one", f"oci:{tmp_path / 'copy'}:one")
    assert Layout(str(tmp_path / "copy")).manifest("one").digest == image.digest

    run(program("umoci"), "unpack", "--image", f"{store}:one", str(tmp_path / "unpacked"))
    root = tmp_path / "unpacked/rootfs"
    assert (root / "app/data/text").read_text() == "content\n"
    assert (root / "app/data/link").readlink() == Path("text")
    assert (root / "bin/busybox").stat().st_mode & 0o7777 == 0o755

    reference = f"layouts-{name}:one"
    run(
        program("skopeo"),
        "copy",
        "--quiet",
        f"oci:{store}:one",
        f"docker-archive:{tmp_path / 'a.tar'}:{reference}",
    )
    docker_daemon.docker("load", "--input", str(tmp_path / "a.tar"))
    try:
        said = docker_daemon.docker("run", "--rm", "--network", "none", "--user", "7", reference).stdout
    finally:
        docker_daemon.docker("rmi", "--force", reference)
    assert said == b"hello from /app\ncontent\n7\n"


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give a function that changes the time zone of this process."""

    def change(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


def test_two_clones_give_one_context_with_every_builder_and_one_image_unless_docker_builds(
    builders: dict[str, Builder], tmp_path: Path, in_zone: Callable[[str], None], buildkit: BuildKitDaemon
) -> None:
    """The clones differ in umask, time zone and the dates of files."""
    images: list[dict[str, BuiltImage]] = []
    for umask, zone, date in ((0o022, "UTC", 1_600_000_000), (0o077, "Pacific/Auckland", 1_800_000_000)):
        in_zone(zone)
        before = os.umask(umask)
        try:
            root = make(tmp_path / f"clone-{umask}")
            for path in root.rglob("*"):
                os.utime(path, (date, date), follow_symlinks=False)
            found = {
                name: build(builder, build_of(root, created=CREATED), tmp_path / f"{umask}-{name}")
                for name, builder in builders.items()
            }
        finally:
            os.umask(before)
        images.append(found)
        buildkit.run("buildctl", "prune", "--all")
    first, second = images
    assert len({image.context for found in images for image in found.values()}) == 1
    same = {name for name in NAMES if first[name].digest == second[name].digest}
    assert same == {"buildkit", "buildah", "podman", "layers"}, (
        "the classic builder writes the time of the build"
    )
