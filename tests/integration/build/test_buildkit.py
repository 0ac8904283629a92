"""The builder `buildkit` with a real daemon, through `buildctl` and through `buildx`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.build import BuiltImage, Problem
from release.build.buildkit.builder import BuildKitBuilder
from release.build.embedded.bases import StoredBase, find_stored
from release.control import Cancel
from release.errors import BuildError, BuilderUnavailable, Terminated
from release.events import Event, LastLines, Output
from release.layout.layout import Layout
from release.oci import OCI_INDEX, OCI_MANIFEST
from release.oci.image_json import Platform
from release.programs.processes import Processes
from tests.support.disks.confined import small_disk
from tests.support.programs.environment import scrubbed
from tests.support.registries.images import make_image, store
from tests.support.registries.oci_schemas import check_layout, document
from tests.support.registries.tls import Authority
from tests.support.releases.builds import build, build_of, problem
from tests.support.services.buildkit import BUSYBOX, BuildKitDaemon

CREATED = 1_700_000_000
TOKEN = "sesame-open-8472"


class Collect:
    """Event sink that keeps its events; `on` is called with each output line."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.on: Callable[[str], None] = lambda line: None

    def emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Output):
            self.on(event.line)

    @property
    def lines(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, Output)]

    @property
    def text(self) -> str:
        return repr(self.events)


class Project:
    """A folder to build, a BuildKit daemon, and the OCI layout that receives the image."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.sink = Collect()
        self.cancel = Cancel()
        self.env = {**scrubbed(folder), **env}
        self.folder = folder
        self.store = folder / "store"
        self.root = folder / "project"
        self.root.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def builder(self) -> BuildKitBuilder:
        return BuildKitBuilder(self.env, process=Processes(self.cancel), sink=self.sink, cancel=self.cancel)

    def build(self, **more: Any) -> BuiltImage:
        return build(self.builder, build_of(self.root, **{"created": CREATED, **more}), self.store)

    def problem(self, **more: Any) -> Problem | None:
        return problem(self.builder, build_of(self.root, **more))

    def refusal(self, **more: Any) -> BuildError:
        with pytest.raises(BuildError) as caught:
            self.build(**more)
        return caught.value

    def config(self, digest: str) -> Any:
        return document(self.store, document(self.store, digest)["config"]["digest"])

    def members(self, digest: str, layer: int = -1) -> dict[str, tarfile.TarInfo]:
        """Return the tar entries of one layer of an image by name."""
        found = document(self.store, digest)["layers"][layer]["digest"]
        with tarfile.open(self.store / "blobs" / found.replace(":", "/")) as tar:
            return {member.name: member for member in tar.getmembers()}

    def assert_nothing_left(self) -> None:
        """Require that no working folder and no started program is left."""
        assert sorted(path.name for path in self.folder.glob("store*")) in ([], ["store"])
        assert _children() == []


def _children() -> list[str]:
    raw = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    names = [Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode() for pid in raw.split()]
    return [name for name in names if name.endswith(("buildctl", "buildx"))]


@pytest.fixture(params=["buildctl", "buildx"])
def project(request: pytest.FixtureRequest, tmp_path: Path, buildkit: BuildKitDaemon) -> Iterator[Project]:
    """Give a project whose builder finds the daemon through buildx and through buildctl in turn."""
    is_buildx = request.param == "buildx"
    env = buildkit.buildx_env(tmp_path / "docker") if is_buildx else buildkit.env
    made = Project(tmp_path, env)
    yield made
    made.assert_nothing_left()


def test_buildkit_image_is_stored_with_labels_annotations_and_file_times(project: Project) -> None:
    project.write(
        "Dockerfile",
        f"FROM {BUSYBOX} AS one\nRUN echo made > /made\nFROM one AS two\nCOPY a /\nFROM two\nRUN false\n",
    )
    project.write("a", "a")
    image = project.build(
        target="two", labels={"version": "1.2", "odd": 'a "b", c=d\ne'}, annotations={"note": '1,"2"=3'}
    )
    assert image.media_type == OCI_MANIFEST
    assert [one.digest for one in image.platforms] == [image.digest]
    config = project.config(image.digest)
    assert config["config"]["Labels"] == {"version": "1.2", "odd": 'a "b", c=d\ne'}
    assert config["created"] == "2023-11-14T22:13:20Z"
    manifest = document(project.store, image.digest)
    assert manifest["annotations"]["note"] == '1,"2"=3'
    (copied,) = project.members(image.digest).values()
    assert (copied.name, copied.mode, copied.uid, copied.mtime) == ("a", 0o644, 0, CREATED)
    assert image.tools["buildkit"] == "0.34.2"
    layer = project.store / "blobs" / manifest["layers"][-1]["digest"].replace(":", "/")
    assert layer.read_bytes()[8] == 4  # XFL of gzip's header (RFC 1952): the fastest level
    check_layout(project.store)


def test_buildkit_builds_heredocs_and_mounts(project: Project) -> None:
    project.write("old", "")
    os.utime(project.root / "old", (5, 5))  # older than the commit, so it is copied
    project.write(
        "Dockerfile",
        f"FROM {BUSYBOX}\nRUN <<EOF\necho one > /one\necho two >> /one\nEOF\n"
        "RUN --mount=type=cache,target=/c --mount=type=bind,target=/in --mount=type=tmpfs,target=/t "
        "cat /in/Dockerfile > /d && test /d -nt /in/old\n"
        "COPY --link --chmod=600 <<robots /html/\nnone\nrobots\n",
    )
    image = project.build()
    assert "html/robots" in project.members(image.digest)


def test_buildkit_uses_the_frontend_image_of_the_syntax_directive(
    project: Project, dockerfile_syntax: str
) -> None:
    project.write(
        "Dockerfile",
        f"# syntax={dockerfile_syntax}\nFROM {BUSYBOX}\nARG TOKEN\nRUN echo {project.folder.name} $TOKEN > /made\n",
    )
    image = project.build(args={"TOKEN": TOKEN}, labels={"a": "b"})
    assert project.config(image.digest)["config"]["Labels"] == {"a": "b"}
    assert any("docker/dockerfile:1" in line for line in project.sink.lines)
    assert TOKEN not in project.sink.text
    project.write("Dockerfile", f"# syntax={dockerfile_syntax}\nFROM {BUSYBOX}\nRUN exit 3\n")
    assert str(project.refusal()).startswith("Dockerfile:3: process ")


def test_buildkit_gets_the_context_that_every_builder_gets(project: Project) -> None:
    for name in ("kept", "gone", "sub/.dockerignore", ".shipmark/log", "Dockerfile"):
        project.write(name, "x")
    project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
    project.write(".dockerignore", "gone\nsub\n")
    project.write("Dockerfile.dockerignore", "gone\npipe\n")
    (project.root / "link").symlink_to("kept")
    os.mkfifo(project.root / "pipe")
    names = set(project.members(project.build().digest))
    assert (
        names
        == {
            ".dockerignore",
            "Dockerfile",
            "Dockerfile.dockerignore",
            "kept",
            "link",
            "sub",
            "sub/.dockerignore",
        }
        | {"sub/"} & names
    )


def test_failed_run_in_a_buildkit_build_is_reported_with_its_line_and_last_output(project: Project) -> None:
    project.write(
        "Dockerfile", f"FROM {BUSYBOX}\n\nRUN for i in $(echo 1 2 3); do echo line-$i; done; exit 9\n"
    )
    error = project.refusal()
    assert str(error).startswith("Dockerfile:3: process ")
    assert str(error).endswith("did not complete successfully: exit code: 9")
    assert not isinstance(error, BuilderUnavailable)
    (last,) = [event for event in project.sink.events if isinstance(event, LastLines)]
    assert last.lines[-3:] == ("line-1", "line-2", "line-3")


def test_missing_file_in_a_buildkit_build_is_reported_with_its_dockerfile_line(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY none /\n")
    assert str(project.refusal()) == "Dockerfile:2: the context has no `none`"
    project.write("Dockerfile", "FROM scratch\nARG NAME=none\nCOPY $NAME /\n")
    error = project.refusal()
    assert str(error).startswith("Dockerfile:3: ")
    assert "/none" in str(error)
    assert ".dockerignore" in str(error.hint)


def test_missing_base_image_in_a_buildkit_build_is_reported_with_its_dockerfile_line(
    project: Project,
) -> None:
    project.write("Dockerfile", "FROM nothing:here\n")
    error = project.refusal()
    assert str(error).startswith("Dockerfile:1: ")
    assert "registry" in str(error.hint)


def test_values_of_build_arguments_appear_in_no_buildkit_output_and_no_image(project: Project) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nARG TOKEN\nRUN echo got $TOKEN; touch /done\n")
    image = project.build(args={"TOKEN": TOKEN})
    assert "got ***" in project.sink.text
    assert TOKEN not in project.sink.text
    history = [step["created_by"] for step in project.config(image.digest)["history"]]
    assert any("TOKEN=***" in step for step in history)
    for path in project.store.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
    project.write("Dockerfile", f"FROM {BUSYBOX}\nARG TOKEN\nRUN echo $TOKEN; false\n")
    assert TOKEN not in str(project.refusal(args={"TOKEN": TOKEN}))
    assert TOKEN not in project.sink.text


@pytest.mark.parametrize("name", ["Do\ncker", "D\u00f6cker file,x=1"])
def test_a_dockerfile_with_any_name_is_built_by_buildkit(project: Project, name: str) -> None:
    project.write(name, "FROM scratch\nCOPY a /\n")
    project.write("a", "a")
    assert "a" in project.members(project.build(dockerfile=name).digest)


def test_a_base_for_another_platform_is_refused_where_the_frontend_would_not_tell(
    project: Project, tmp_path: Path
) -> None:
    hub = Layout.create(str(tmp_path / "hub"))
    store(make_image(), hub, "latest")
    builder = BuildKitBuilder(
        project.env,
        process=Processes(project.cancel),
        sink=project.sink,
        cancel=project.cancel,
        bases=_Hub(hub),
    )
    text = "FROM acme/base\nFROM --platform=linux/amd64 acme/base AS tool\nFROM acme/base AS last\nCOPY a /\n"
    project.write("a", "a")
    for syntax, is_refused in (("1.4", True), ("1.7.1", True), ("1.8", False), ("1", False)):
        project.write("Dockerfile", f"# syntax=docker/dockerfile:{syntax}\n{text}")
        found = problem(builder, build_of(project.root, platforms=("linux/arm64",)))
        assert (found is not None) is is_refused, syntax
        if found is not None:
            assert found.kind == "lacks"
            assert found.reason == "Dockerfile:4: the base `acme/base` does not exist for `linux/arm64`"
        assert problem(builder, build_of(project.root, platforms=("linux/amd64",))) is None
        assert problem(builder, build_of(project.root, platforms=("linux/arm64",), target="tool")) is None


class _Hub:
    """Finds base images in a layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def find(self, name: str, platform: Platform) -> StoredBase:
        return find_stored(name, self._layout, lambda: self._layout.manifest("latest"), platform)


def test_a_base_for_another_platform_is_an_error_in_a_buildkit_build(project: Project) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nCOPY Dockerfile /\n")
    error = project.refusal(platforms=("linux/arm64",))
    assert str(error).startswith("Dockerfile:1: Base image busybox:1.36 was pulled with platform")
    assert 'expected "linux/arm64"' in str(error)


def test_buildkit_makes_one_index_of_two_platforms(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY bin-$TARGETARCH /bin\n")
    for name in ("amd64", "arm64"):
        project.write(f"bin-{name}", name)
    image = project.build(platforms=("linux/arm64", "linux/amd64"), labels={"a": "b"}, annotations={"n": "1"})
    assert image.media_type == OCI_INDEX
    assert [one.platform for one in image.platforms] == ["linux/arm64", "linux/amd64"]
    assert document(project.store, image.digest)["annotations"] == {"n": "1"}
    for one in image.platforms:
        assert project.config(one.digest)["config"]["Labels"] == {"a": "b"}
    check_layout(project.store)


def test_attestations_of_buildkit_follow_their_image_in_the_index_and_count_as_no_platform(
    project: Project,
) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    image = project.build(platforms=("linux/amd64",), provenance="max")
    assert [one.platform for one in image.platforms] == ["linux/amd64"]
    entries = document(project.store, image.digest)["manifests"]
    assert [entry["platform"]["os"] for entry in entries] == ["linux", "unknown"]
    check_layout(project.store)


def test_build_secrets_are_mounted_by_buildkit_and_appear_in_no_output_and_no_config(
    project: Project,
) -> None:
    project.write(
        "Dockerfile",
        f"FROM {BUSYBOX}\nRUN echo {project.folder.name}\nRUN --mount=type=secret,id=a --mount=type=secret,id=b,env=B "
        "cat /run/secrets/a; echo; echo $B; touch /done\n",
    )
    project.write("token.txt", TOKEN)
    project.write(".dockerignore", "token.txt\n")
    project.env["SECRET_B"] = "second-" + TOKEN
    image = project.build(secrets=("id=a,src=token.txt", "id=b,env=SECRET_B"))
    assert [line.partition(" ")[2] for line in project.sink.lines].count("***") == 2
    assert TOKEN not in project.sink.text
    assert TOKEN not in json.dumps(project.config(image.digest))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id=a,env=NOT_SET", "the variable `NOT_SET` for the secret `a` is not set"),
        ("id=a,src=none", "it does not exist"),
        ("id=a", "`id=a` is not understood"),
        ("id=a,src=x,env=y", "is not understood"),
    ],
)
def test_a_missing_build_secret_is_an_input_error_before_the_build(
    project: Project, text: str, reason: str
) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    found = project.problem(secrets=(text,))
    assert found is not None
    assert found.kind == "input"
    assert reason in found.reason


def test_a_run_of_a_buildkit_build_can_use_the_forwarded_ssh_agent(project: Project) -> None:
    project.write(
        "Dockerfile", f"FROM {BUSYBOX}\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && touch /done\n"
    )
    assert "SSH_AUTH_SOCK is not set" in str(project.refusal(ssh=("default",)))
    path = project.folder / "agent"
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(path))
        agent.listen()
        project.env["SSH_AUTH_SOCK"] = str(path)
        image = project.build(ssh=("default",))
    assert "done" in project.members(image.digest)


def test_a_named_context_of_a_buildkit_build_is_a_folder_or_an_image(project: Project) -> None:
    project.write(
        "Dockerfile", "FROM base AS one\nFROM scratch\nCOPY --from=one /bin/busybox /\nCOPY --from=more b /\n"
    )
    project.write("lib/b", "b")
    project.write("lib/hidden", "b")
    project.write("lib/.dockerignore", "hidden\n")
    image = project.build(contexts={"base": f"docker-image://{BUSYBOX}", "more": "lib"})
    assert "b" in project.members(image.digest)
    found = project.problem(contexts={"more": "../elsewhere"})
    assert found is not None
    assert found.kind == "input"


@pytest.mark.parametrize("kind", ["local", "registry"])
def test_buildkit_cache_of_one_build_is_used_by_the_next(
    project: Project, buildkit: BuildKitDaemon, kind: str
) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nRUN cat /proc/sys/kernel/random/uuid > /made\n")
    reference = f"{buildkit.registry.host}/cache:{project.folder.name}"
    write, read = {
        "local": ("type=local,dest=cache,mode=max", "type=local,src=cache"),
        "registry": (f"type=registry,ref={reference},mode=max", f"type=registry,ref={reference}"),
    }[kind]
    first = project.build(cache_to=(write,))
    buildkit.run("buildctl", "prune", "--all")
    project.sink.events.clear()
    second = project.build(cache_from=(read,))
    assert first.digest == second.digest  # the command writes something else each time that it runs


def test_buildkit_gives_one_digest_for_two_clones_of_a_commit(
    project: Project, buildkit: BuildKitDaemon, tmp_path: Path
) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY . /app\n")
    project.write("run", "x")
    project.write("deep/b", "b")
    (project.root / "run").chmod(0o755)
    first = project.build()
    other = Project(tmp_path / "other", project.env)
    shutil.copytree(project.root, other.root, dirs_exist_ok=True, copy_function=shutil.copy)
    (other.root / "run").chmod(0o700)
    (other.root / "deep/b").chmod(0o664)
    (other.root / "deep").chmod(0o700)
    os.utime(other.root / "deep/b", (5, 5))  # older than the commit
    os.utime(other.root / "run", (CREATED * 2, CREATED * 2))
    buildkit.run("buildctl", "prune", "--all")
    assert other.build().digest == first.digest


def test_buildkit_builds_anew_for_a_changed_file_of_the_same_size_and_time(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
    digests = set()
    for text in ("one", "two"):
        project.write("a", text)
        os.utime(project.root / "a", (5, 5))
        digests.add(project.build().digest)
    assert len(digests) == 2


def test_a_cancelled_buildkit_build_ends_within_a_second(project: Project, buildkit: BuildKitDaemon) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nRUN echo it runs; sleep 100\n")
    started = threading.Event()
    project.sink.on = lambda line: started.set() if "it runs" in line and "RUN" not in line else None

    def stop() -> None:
        started.wait(60)
        moments.append(time.monotonic())
        project.cancel.trip(Terminated("stopped"))

    moments: list[float] = []
    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(Terminated):
        project.build()
    took = time.monotonic() - moments[0]
    thread.join()
    assert took < 1.0
    _await(lambda: buildkit.running() == [])


def test_a_buildkit_daemon_that_dies_is_reported_as_unavailable(
    project: Project, buildkit_programs: Path, buildkit: BuildKitDaemon, tmp_path: Path
) -> None:
    own = BuildKitDaemon(buildkit_programs, buildkit.registry)
    try:
        is_buildx = "BUILDX_BUILDER" in project.env
        project.env |= own.buildx_env(tmp_path / "own") if is_buildx else own.env
        project.write("Dockerfile", f"FROM {BUSYBOX}\nRUN echo it runs; sleep 100\n")
        project.sink.on = lambda line: own.kill() if "it runs" in line and "RUN" not in line else None
        error = project.refusal()
        assert isinstance(error, BuilderUnavailable)
        assert "BuildKit does not answer" in str(error)
        found = project.problem()
        assert found is not None
        assert found.kind == "unavailable"
    finally:
        own.stop()


def test_a_buildkit_daemon_over_tls_builds_with_a_client_certificate_and_refuses_others(
    buildkit_programs: Path, buildkit: BuildKitDaemon, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    remote = BuildKitDaemon(buildkit_programs, buildkit.registry, authority=authority)
    try:
        certificate, key = authority.issue("client")
        env = {
            "SHIPMARK_BUILDX": str(buildkit_programs / "buildx"),
            "DOCKER_CONFIG": str(tmp_path / "docker"),
        }
        for name, options in (
            ("remote", f"cacert={authority.path},cert={certificate},key={key},servername=127.0.0.1"),
            ("stranger", f"cacert={authority.path},servername=127.0.0.1"),
        ):
            made = ("create", "--name", name, "--driver", "remote", "--driver-opt", options, remote.host)
            remote.run("buildx", *made, env=env)
        project = Project(tmp_path / "project", env)
        project.write("Dockerfile", f"FROM {BUSYBOX}\nRUN touch /done\n")
        image = project.build(builder_name="remote")
        assert "done" in project.members(image.digest)
        assert "session started" in remote.service.log.read_text()
        found = project.problem(builder_name="stranger")
        assert found is not None
        assert found.kind == "unavailable"
        project.assert_nothing_left()
    finally:
        remote.stop()


def test_without_buildx_and_buildctl_the_builder_buildkit_is_unavailable(tmp_path: Path) -> None:
    project = Project(tmp_path, {"PATH": str(tmp_path)})
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    found = project.problem()
    assert found is not None
    assert found.kind == "unavailable"
    assert found.reason.startswith("neither `buildx` nor")


def test_the_next_buildkit_build_removes_the_folder_of_a_killed_build(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    left = project.folder / "store.buildkit" / "0123456789abcdef"
    left.mkdir(parents=True)
    (left / "file").touch()
    left.with_name(left.name + ".lock").touch()
    project.build()
    assert not left.exists()


@pytest.mark.parametrize("size", [2, 5])
def test_a_full_disk_fails_the_buildkit_build_and_leaves_no_folder(project: Project, size: int) -> None:
    """The build context has 4 MiB: a disk of 2 MiB is too small for its copy, one of 5 MiB for the image."""
    project.write("Dockerfile", "FROM scratch\nCOPY data /\n")
    (project.root / "data").write_bytes(os.urandom(4 << 20))
    with small_disk(project.folder / "disk", size << 20) as disk:
        project.store = disk.path / "store"
        error = project.refusal()
        assert "no space left" in str(error).lower()
        assert str(disk.path) in str(error)
        assert str(error.hint).startswith("make room on the disk")
        assert not list(disk.path.glob("store.buildkit"))


def _await(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
