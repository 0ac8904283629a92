"""Checks the images of the builder `layers` against the OCI specification, skopeo, umoci and Docker."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from release.build import BuiltImage
from release.build.embedded.builder import LayersBuilder
from release.compression.codecs import CODECS
from release.control import Cancel
from release.errors import BuildError, Terminated
from release.events import Event, Note
from release.image_names.archive_writer import write_combined_archive
from release.layout.layout import Layout
from release.oci import OCI_INDEX, OCI_MANIFEST
from tests.support.registries.oci_schemas import check_layout, document
from tests.support.releases.builds import Build, build, build_of, problem
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program, require

CREATED = 1_700_000_000
DOCKERFILE = """\
# syntax=docker/dockerfile:1
FROM scratch AS root
COPY rootfs/ /
FROM root
ARG VERSION=0 TARGETARCH
ENV VERSION=$VERSION
LABEL org.opencontainers.image.title="an app"
WORKDIR /srv
COPY --chown=1000:1000 --chmod=0640 <<EOF greeting
hello $VERSION $TARGETARCH
EOF
COPY data/ /srv/data/
USER 1000:1000
EXPOSE 8080
VOLUME /srv/state
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat greeting; id -u"]
"""


class Collect:
    """Event sink that keeps its events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


def make_project(folder: Path, *, mode: int = 0o644, when: int | None = None) -> Path:
    """Make a project to build: static busybox, data with a long non-ASCII name, a symlink, an ignored file."""
    require("busybox")
    (folder / "rootfs/bin").mkdir(parents=True)
    shutil.copy(program("busybox"), folder / "rootfs/bin/busybox")
    for name in ("sh", "cat", "id"):
        os.symlink("busybox" if name == "sh" else "/bin/busybox", folder / "rootfs/bin" / name)
    (folder / "rootfs/etc").mkdir()
    (folder / "rootfs/etc/passwd").write_text("app:x:1000:1000::/srv:/bin/sh\n")
    long_name = folder / "data" / ("ü" * 60) / ("long" * 20)
    long_name.mkdir(parents=True)
    (long_name / "file.txt").write_text("deep\n")
    (folder / "data/ignored.log").write_text("no\n")
    (folder / ".dockerignore").write_text("**/*.log\n")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name != "busybox":
            path.chmod(mode)
        if when is not None:
            os.utime(path, (when, when), follow_symlinks=False)
    return folder


def request(folder: Path, **more: Any) -> Build:
    fields: dict[str, Any] = {
        "created": CREATED,
        "args": {"VERSION": "1.4.2"},
        "labels": {"org.opencontainers.image.version": "1.4.2"},
    }
    return build_of(folder, **{**fields, **more})


def builder(sink: Collect | None = None, cancel: Cancel | None = None) -> LayersBuilder:
    return LayersBuilder(sink=sink or Collect(), cancel=cancel or Cancel(), version="0.1")


@pytest.fixture
def built(tmp_path: Path) -> tuple[BuiltImage, Path]:
    project = make_project(tmp_path / "project")
    store = tmp_path / "store"
    return build(builder(), request(project, annotations={"a": "b"}), store), store


def test_codec_of_the_layer_cache_is_that_of_the_option_compression(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    found = {}
    for name in ("gzip", "gzip-reproducible"):
        store = tmp_path / name
        image = build(builder(), request(project, compression=name), store)
        manifest = document(store, image.digest)
        found[name] = document(store, manifest["config"]["digest"])["rootfs"]["diff_ids"]
        assert any(one.name.startswith(CODECS[name]().name) for one in (store / "cache").iterdir())
    assert found["gzip"] == found["gzip-reproducible"]


def test_the_layout_of_builder_layers_is_valid_by_the_oci_image_schemas(
    built: tuple[BuiltImage, Path],
) -> None:
    image, store = built
    assert len(check_layout(store)) == 2
    assert (image.media_type, image.platforms[0].platform) == (OCI_MANIFEST, "linux/amd64")
    assert image.tools == {"shipmark": "0.1"}
    manifest = document(store, image.digest)
    assert manifest["annotations"] == {"a": "b"}
    config = document(store, manifest["config"]["digest"])
    assert config["config"] == {
        "User": "1000:1000",
        "WorkingDir": "/srv",
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "VERSION=1.4.2"],
        "Labels": {"org.opencontainers.image.title": "an app", "org.opencontainers.image.version": "1.4.2"},
        "ExposedPorts": {"8080/tcp": {}},
        "Volumes": {"/srv/state": {}},
        "StopSignal": "SIGINT",
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": ["cat greeting; id -u"],
    }
    when = datetime.datetime.fromtimestamp(CREATED, datetime.UTC).isoformat().replace("+00:00", "Z")
    assert config["created"] == when
    assert "1.4.2" not in json.dumps(config["history"])


def test_builder_layers_makes_one_index_of_several_platforms_that_share_layers(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    wanted = ("linux/amd64", "linux/arm64", "linux/arm/v7")
    asked = request(project, platforms=wanted, foreign_binaries=("bin/busybox",))
    image = build(builder(), asked, tmp_path / "store")
    assert image.media_type == OCI_INDEX
    assert tuple(each.platform for each in image.platforms) == wanted
    assert len(check_layout(tmp_path / "store")) == 7
    index = document(tmp_path / "store", image.digest)
    assert [each["platform"] for each in index["manifests"]] == [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64"},
        {"os": "linux", "architecture": "arm", "variant": "v7"},
    ]
    layers = [document(tmp_path / "store", each.digest)["layers"] for each in image.platforms]
    assert layers[0][0] == layers[1][0] == layers[2][0]
    assert layers[0][2] != layers[1][2]  # the greeting names the architecture


class TestForeignPrograms:
    """Programs for another machine than the image's platform, with which the image would never run."""

    def test_program_of_another_machine_is_refused_with_its_path_and_both_machines(
        self, tmp_path: Path
    ) -> None:
        project = make_project(tmp_path / "project")
        with pytest.raises(BuildError) as caught:
            build(builder(), request(project, platforms=("linux/amd64", "linux/s390x")), tmp_path / "store")
        own = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        assert str(caught.value) == (
            f"`/bin/busybox` is a program for {own}, but the image is for `linux/s390x`"
        )
        assert "`build: {foreign_binaries: [bin/busybox]}`" in str(caught.value.hint)

    def test_earlier_stage_may_have_programs_of_another_machine(self, tmp_path: Path) -> None:
        project = make_project(tmp_path / "project")
        (project / "Dockerfile").write_text(
            "FROM scratch AS other\nCOPY rootfs /\nFROM scratch\nCOPY --from=other /etc /etc\n"
        )
        image = build(builder(), request(project, args={}, platforms=("linux/s390x",)), tmp_path / "store")
        assert image.platforms[0].platform == "linux/s390x"

    def test_invalid_pattern_in_foreign_binaries_is_an_input_problem(self, tmp_path: Path) -> None:
        project = make_project(tmp_path / "project")
        wrong = problem(builder(), request(project, foreign_binaries=("a", "[")))
        assert wrong is not None
        assert wrong.kind == "input"
        assert wrong.reason.startswith("build.foreign_binaries:2: `[` is not a pattern")


_BUILD = """
import os, sys
os.umask(int(sys.argv[3], 8))
from tests.integration.build.test_embedded import build, builder, request, Path
print(build(builder(), request(Path(sys.argv[1])), sys.argv[2]).digest)
"""


@pytest.mark.parametrize(
    ("zone", "umask", "mode", "when"),
    [
        ("UTC", "022", 0o644, None),
        ("Pacific/Auckland", "077", 0o600, 978_307_200),
        ("America/New_York", "002", 0o664, 1_900_000_000),
    ],
)
def test_builder_layers_gives_one_digest_in_every_folder_time_zone_and_umask(
    tmp_path: Path, built: tuple[BuiltImage, Path], zone: str, umask: str, mode: int, when: int | None
) -> None:
    project = make_project(tmp_path / "else where" / "p", mode=mode, when=when)
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(project), str(tmp_path / "other"), umask],
        cwd=Path(__file__).parents[3],
        env={"PATH": os.environ["PATH"], "TZ": zone, "PYTHONHASHSEED": umask, "LANG": "C"},
        capture_output=True,
        check=False,
    )
    assert done.stderr.decode() == ""
    config = build(builder(), request(project), tmp_path / "again")
    assert done.stdout.decode().strip() == config.digest
    expected = build(builder(), request(tmp_path / "project"), tmp_path / "third")
    assert config.digest == expected.digest


def test_folders_dot_shipmark_and_dot_git_are_not_part_of_an_image(tmp_path: Path) -> None:
    (tmp_path / ".shipmark").mkdir()
    (tmp_path / ".shipmark/log.jsonl").write_text("{}\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("x")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /all/\n")
    image = build(builder(), request(tmp_path, args={}), tmp_path / ".shipmark/store")
    (layer,) = document(tmp_path / ".shipmark/store", image.digest)["layers"]
    with tarfile.open(tmp_path / ".shipmark/store/blobs" / layer["digest"].replace(":", "/")) as tar:
        assert tar.getnames() == ["all", "all/Dockerfile"]


def test_skopeo_reads_the_layout_of_builder_layers(tmp_path: Path, built: tuple[BuiltImage, Path]) -> None:
    require("skopeo")
    image, store = built
    layout = Layout(str(store))
    layout.put_manifest(layout.manifest(image.digest), tag="1.4.2")
    inspected = json.loads(run(program("skopeo"), "inspect", f"oci:{store}:1.4.2"))
    assert inspected["Digest"] == image.digest
    assert inspected["Labels"]["org.opencontainers.image.version"] == "1.4.2"
    assert inspected["Architecture"] == "amd64"


def test_umoci_unpacks_the_layout_of_builder_layers(tmp_path: Path, built: tuple[BuiltImage, Path]) -> None:
    require("umoci")
    image, store = built
    layout = Layout(str(store))
    layout.put_manifest(layout.manifest(image.digest), tag="app")
    bundle = tmp_path / "bundle"
    run(program("umoci"), "unpack", "--rootless", "--image", f"{store}:app", str(bundle))
    root = bundle / "rootfs"
    assert (root / "srv/greeting").read_text() == "hello 1.4.2 amd64\n"
    assert os.readlink(root / "bin/cat") == "/bin/busybox"
    assert (root / "srv/data" / ("ü" * 60) / ("long" * 20) / "file.txt").read_text() == "deep\n"
    assert not (root / "srv/data/ignored.log").exists()
    assert int((root / "srv/greeting").stat().st_mtime) == CREATED


def test_docker_loads_and_runs_the_combined_archive_of_an_image(
    tmp_path: Path, built: tuple[BuiltImage, Path], docker_daemon: DockerDaemon
) -> None:
    image, store = built
    archive = tmp_path / "image.tar"
    write_combined_archive(Layout(str(store)), image.digest, "layers-test/app:1.4.2", str(archive))
    docker_daemon.docker("load", "--input", str(archive))
    manifest = document(store, image.digest)
    inspected = json.loads(docker_daemon.docker("inspect", "layers-test/app:1.4.2").stdout)
    assert inspected[0]["Id"] == manifest["config"]["digest"]
    ran = docker_daemon.docker("run", "--rm", "--network", "none", "layers-test/app:1.4.2")
    assert ran.stdout.decode() == "hello 1.4.2 amd64\n1000\n"
    docker_daemon.docker("rmi", "layers-test/app:1.4.2")


def test_skopeo_reads_the_combined_archive_of_an_index_as_an_oci_and_as_a_docker_archive(
    tmp_path: Path,
) -> None:
    require("skopeo")
    project = make_project(tmp_path / "project")
    wanted = request(project, platforms=("linux/arm64", "linux/amd64"), foreign_binaries=("**",))
    image = build(builder(), wanted, tmp_path / "store")
    layout = Layout(str(tmp_path / "store"))
    first, second = tmp_path / "1.tar", tmp_path / "2.tar"
    for path in (first, second):
        write_combined_archive(layout, image.digest, "app:1", str(path), platform="linux/amd64")
    assert first.read_bytes() == second.read_bytes()
    raw = run(program("skopeo"), "inspect", "--raw", f"oci-archive:{first}:1")
    assert json.loads(raw) == document(tmp_path / "store", image.digest)
    daemon = json.loads(run(program("skopeo"), "inspect", "--config", f"docker-archive:{first}"))
    assert daemon["architecture"] == "amd64"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.tar", "2.tar", "project", "store"]


def test_builder_layers_adds_a_file_larger_than_the_allowed_memory(tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as big:
        big.truncate(300 << 20)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY big /\n")
    script = (
        "import resource, sys\n"
        "from tests.integration.build.test_embedded import build, builder, request, Path\n"
        "import release.compression.compress\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (160 << 20, 160 << 20))\n"
        "build(builder(), request(Path(sys.argv[1])), sys.argv[2])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(tmp_path / "store")],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_cancelling_builder_layers_in_a_large_file_leaves_no_partial_blob(tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as big:
        big.truncate(4 << 30)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY big /\n")
    cancel = Cancel()
    timer = threading.Timer(0.2, lambda: cancel.trip(Terminated("terminated")))
    timer.start()
    with pytest.raises(Terminated):
        build(builder(cancel=cancel), request(tmp_path), tmp_path / "store")
    timer.join()
    assert not list((tmp_path / "store").rglob(".partial-*"))


def test_an_undeclared_build_argument_causes_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /\n")
    sink = Collect()
    build(builder(sink), request(tmp_path), tmp_path / "store")
    (note,) = [event for event in sink.events if isinstance(event, Note)]
    assert note.text == "the build argument `VERSION` is declared nowhere in `Dockerfile`"


def test_builder_layers_refuses_run_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCOPY a /\nRUN ["/a"]\n')
    with pytest.raises(BuildError) as caught:
        build(builder(), request(tmp_path), tmp_path / "store")
    assert str(caught.value) == "Dockerfile:3: the builder `layers` does not support `RUN`"
    assert "use `builder: docker`" in str(caught.value.hint)
    found = problem(builder(), request(tmp_path))
    assert found is not None
    assert (found.kind, found.reason, found.hint) == ("lacks", str(caught.value), caught.value.hint)
    assert not (tmp_path / "store").exists()


def test_builder_layers_refuses_names_that_are_not_utf_8_before_the_build(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).write_text("")
    found = problem(builder(), request(tmp_path))
    assert found is not None
    assert (found.kind, found.reason) == ("lacks", "Dockerfile:2: the name 'caf\\udce9' is not UTF-8")


def test_builder_layers_refuses_an_image_without_a_file(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nUSER 1\n")
    with pytest.raises(BuildError, match="would contain no file"):
        build(builder(), request(tmp_path, args={}), tmp_path / "store")


def test_builder_layers_refuses_platforms_of_windows(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    found = problem(builder(), request(tmp_path, platforms=("linux/amd64", "windows/amd64")))
    assert found is not None
    assert (found.kind, found.reason) == ("lacks", "the builder `layers` makes no images for `windows/amd64`")


def test_a_store_that_builder_layers_cannot_write_is_a_build_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /\n")
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(BuildError, match="the image cannot be stored"):
        build(builder(), request(tmp_path, args={}), tmp_path / "store")


def test_an_invalid_platform_is_refused_by_builder_layers(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(BuildError, match="`linux/amd65` is not a platform"):
        build(builder(), request(tmp_path, platforms=("linux/amd65",)), tmp_path / "store")


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
