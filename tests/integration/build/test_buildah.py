"""The builders `buildah` and `podman` with the real programs."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, cast

import pytest

from release.build import BuiltImage, Problem
from release.build.buildah.builder import BuildahBuilder, Ground
from release.control import Cancel
from release.errors import BuildError, BuilderUnavailable, Terminated
from release.events import Event, LastLines, Output
from release.oci import OCI_INDEX, OCI_MANIFEST
from release.programs.processes import Processes
from tests.support.disks.confined import filled, small_disk
from tests.support.registries.images import make_image
from tests.support.registries.oci_schemas import check_layout, document
from tests.support.registries.registry import RegistryServer
from tests.support.releases.builds import build, build_of, problem
from tests.support.services.buildah import BUSYBOX, env_of, push

CREATED = 1_700_000_000
TOKEN = "sesame-open-8472"
Name = Literal["buildah", "podman"]


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
    """A folder to build, buildah or podman, and the OCI layout that receives the image."""

    def __init__(self, name: Name, folder: Path, env: dict[str, str]) -> None:
        self.name = name
        self.sink = Collect()
        self.cancel = Cancel()
        self.env = env
        self.folder = folder
        self.store = folder / "store"
        self.root = folder / "project"
        self.root.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def builder(self) -> BuildahBuilder:
        ground = Ground(
            env=self.env,
            process=Processes(self.cancel),
            last=Processes(Cancel()),
            sink=self.sink,
            cancel=self.cancel,
        )
        return BuildahBuilder(self.name, ground)

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
        """Require that neither working folders nor mounts nor processes of builds are left."""
        assert sorted(path.name for path in self.folder.glob("store*")) in ([], ["store"])
        assert str(self.folder) not in Path("/proc/self/mountinfo").read_text()
        assert inside(self.folder) == []


def inside(folder: Path) -> list[str]:
    """Return the processes whose root or working folder is below `folder`."""
    found = []
    for entry in os.listdir("/proc"):
        for name in ("root", "cwd"):
            try:
                place = os.readlink(f"/proc/{entry}/{name}")
            except OSError:
                continue
            if place.startswith(f"{folder}/"):
                found.append(f"{entry} {place}")
    return found


#: What depends on the program, and not only on the buildah that podman has inside.
both = pytest.mark.parametrize("program", ["buildah", "podman"])


@pytest.fixture
def program() -> str:
    return "buildah"


@pytest.fixture
def project(program: str, tmp_path: Path, hub: RegistryServer) -> Iterator[Project]:
    name = cast("Name", program)
    made = Project(name, tmp_path, dict(env_of(name, hub.host, tmp_path / "home")))
    yield made
    made.assert_nothing_left()


@both
@pytest.mark.parametrize("name", [".dockerignore", ".containerignore"])
def test_ignore_file_in_the_context_that_does_not_count_hides_nothing_from_buildah(
    project: Project, name: str
) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
    project.write("Dockerfile.dockerignore", "b\n")
    for path, text in (("a", "a"), ("b", "b"), (name, "a\n")):
        project.write(path, text)
    assert {"a", name} <= project.members(project.build().digest).keys()
    assert "b" not in project.members(project.build().digest)


@both
def test_file_at_an_address_is_refused_as_a_context_by_buildah_which_would_unpack_it(
    project: Project,
) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY --from=web . /\n")
    for address, is_refused in (
        ("https://example.com/a.tar.gz", True),
        ("http://example.com/f?x=1#.git", True),
        ("https://example.com/a.git#main", False),
        ("docker-image://busybox", False),
    ):
        found = project.problem(contexts={"web": address})
        assert (found is not None and "as it is" in found.reason) is is_refused, address


@both
def test_target_in_other_letters_than_in_the_dockerfile_is_found_by_buildah(project: Project) -> None:
    project.write(
        "Dockerfile",
        "FROM scratch AS One\nCOPY a /one\nFROM scratch AS tWO\nCOPY a /two\nFROM scratch\nCOPY a /\n",
    )
    project.write("a", "a")
    for target in ("oNE", "two"):
        image = project.build(target=target)
        assert target.lower() in project.members(image.digest)


@both
def test_buildah_image_is_stored_with_labels_annotations_and_file_times(project: Project) -> None:
    project.write(
        "Dockerfile",
        f"FROM {BUSYBOX} AS one\nRUN echo made > /made\nFROM one AS two\nCOPY a /\nHEALTHCHECK CMD x\n"
        'SHELL ["/bin/sh", "-c"]\nONBUILD RUN x\nFROM two\nRUN false\n',
    )
    project.write("a", "a")
    wanted = {"version": "1.2", "odd": 'a "b", c=d\ne'}
    image = project.build(target="two", labels=wanted, annotations={"note": '1,"2"=3'})
    assert image.media_type == OCI_MANIFEST
    assert [one.digest for one in image.platforms] == [image.digest]
    config = project.config(image.digest)
    assert config["config"]["Labels"] == wanted
    assert config["config"]["Healthcheck"] == {"Test": ["CMD-SHELL", "x"]}
    assert (config["config"]["Shell"], config["config"]["OnBuild"]) == (["/bin/sh", "-c"], ["RUN x"])
    assert config["created"] == "2023-11-14T22:13:20Z"
    assert document(project.store, image.digest)["annotations"] == {"note": '1,"2"=3'}
    copied = project.members(image.digest)["a"]
    assert (copied.name, copied.mode & 0o7777, copied.uid, copied.mtime) == ("a", 0o644, 0, CREATED)
    assert list(image.tools) == [project.name]
    check_layout(project.store)


def test_buildah_gets_the_context_that_every_builder_gets(project: Project) -> None:
    for name in ("kept", "gone", "sub/.dockerignore", ".shipmark/log", "Dockerfile"):
        project.write(name, "x")
    project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
    project.write(".dockerignore", "gone\nsub\n")
    project.write(".containerignore", "kept\n")
    project.write("Dockerfile.dockerignore", "gone\npipe\n")
    (project.root / "link").symlink_to("kept")
    os.mkfifo(project.root / "pipe")
    image = project.build()
    names = {name.rstrip("/") for name in project.members(image.digest)}
    assert names == {
        ".containerignore",
        ".dockerignore",
        "Dockerfile",
        "Dockerfile.dockerignore",
        "kept",
        "link",
        "sub",
        "sub/.dockerignore",
    }
    assert image.context is not None


@both
def test_failed_run_in_a_buildah_build_is_reported_with_its_line_and_last_output(project: Project) -> None:
    # buildah 1.28 with chroot isolation sometimes loses what a command writes right before its end: 4 of 200 plain
    # builds on a busy machine. The command has no way to see that its output was read.
    failing = "RUN for i in $(echo 1 2 3); do echo line-$i; done; sleep 1; exit 9"
    project.write("Dockerfile", f"FROM {BUSYBOX} AS one\nRUN true\nFROM one\n\n{failing}\n")
    error = project.refusal()
    assert str(error) == "Dockerfile:5: the command ended with exit code 9"
    assert not isinstance(error, BuilderUnavailable)
    (last,) = [event for event in project.sink.events if isinstance(event, LastLines)]
    assert last.lines[-3:] == ("line-1", "line-2", "line-3")


def test_missing_file_or_base_in_a_buildah_build_is_reported_with_its_dockerfile_line(
    project: Project,
) -> None:
    project.write("Dockerfile", "FROM scratch\nARG NAME=none\nCOPY $NAME /\n")
    error = project.refusal()
    assert str(error).startswith("Dockerfile:3: ")
    assert "/none" in str(error)
    assert ".dockerignore" in str(error.hint)
    project.write("Dockerfile", "FROM nothing:here\n")
    error = project.refusal()
    assert str(error).startswith("Dockerfile:1: ")
    assert "registry" in str(error.hint)


@both
def test_values_of_build_arguments_appear_in_no_buildah_output_command_line_or_image(
    project: Project,
) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nARG TOKEN\nRUN echo got $TOKEN; sleep 0.3; touch /done\n")
    seen: list[str] = []
    project.sink.on = lambda line: seen.extend(_command_lines()) if "got" in line else None
    image = project.build(args={"TOKEN": TOKEN})
    assert "got ***" in project.sink.text
    assert TOKEN not in project.sink.text
    assert any(project.name in line for line in seen)
    # The shell of RUN has the value in its environment only.
    assert not [line for line in seen if TOKEN in line]
    history = [step["created_by"] for step in project.config(image.digest)["history"]]
    assert any("TOKEN=***" in step for step in history)
    for path in project.store.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
    project.write("Dockerfile", f"FROM {BUSYBOX}\nARG TOKEN\nRUN echo $TOKEN; false\n")
    assert TOKEN not in str(project.refusal(args={"TOKEN": TOKEN}))
    assert TOKEN not in project.sink.text


def _command_lines() -> list[str]:
    found = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            found.append(Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_a_build_argument_named_like_a_variable_that_buildah_reads_is_refused(project: Project) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nARG HTTPS_PROXY\nRUN true\n")
    found = project.problem(args={"HTTPS_PROXY": TOKEN})
    assert found is not None
    assert found.kind == "lacks"
    assert "cannot take the build argument `HTTPS_PROXY` without showing its value" in found.reason


def test_a_platform_of_windows_is_left_to_other_builders_than_buildah(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    found = project.problem(platforms=("windows/amd64",))
    assert found is not None
    assert (found.kind, "makes no images for `windows/amd64`" in found.reason) == ("lacks", True)


@both
def test_a_base_for_another_platform_is_an_error_in_a_buildah_build(project: Project) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nCOPY Dockerfile /\n")
    error = project.refusal(platforms=("linux/arm64",))
    assert str(error) == "Dockerfile:1: the base image is for `linux/amd64`, and `linux/arm64` is to be built"


@both
def test_a_command_for_the_shell_of_a_base_is_an_error_in_a_buildah_build(
    project: Project, hub: RegistryServer
) -> None:
    plain = make_image()
    (config,) = (blob for blob in plain.blobs.values() if blob.startswith(b"{"))
    document = json.loads(config) | {"config": {"Shell": ["/bin/ash", "-ec"]}}
    push(hub, "library/shell", "1", make_image(config=json.dumps(document).encode()))
    project.write("Dockerfile", "FROM shell:1\nCOPY Dockerfile /\nCMD serve\n")
    error = project.refusal()
    assert str(error).startswith("Dockerfile:3: ")
    assert "does not apply the `SHELL` of the base to `CMD`" in str(error)
    assert error.hint == 'write `CMD ["/bin/ash", "-ec", "…"]`'


@both
def test_two_platforms_built_by_buildah_are_joined_into_one_index(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY bin-$TARGETARCH /bin\n")
    for name in ("amd64", "arm64"):
        project.write(f"bin-{name}", name)
    image = project.build(platforms=("linux/arm64", "linux/amd64"), labels={"a": "b"}, annotations={"n": "1"})
    assert image.media_type == OCI_INDEX
    assert [one.platform for one in image.platforms] == ["linux/arm64", "linux/amd64"]
    assert document(project.store, image.digest)["annotations"] == {"n": "1"}
    for one in image.platforms:
        assert project.config(one.digest)["config"]["Labels"] == {"a": "b"}
        (member,) = project.members(one.digest).values()
        assert member.size == len("amd64")
    check_layout(project.store)


def test_buildah_sets_platform_arguments_if_no_platform_is_configured(project: Project) -> None:
    project.write(
        "Dockerfile",
        f"FROM {BUSYBOX}\nARG TARGETARCH\nARG BUILDARCH\nRUN touch /is-$TARGETARCH-on-$BUILDARCH\n",
    )
    members = project.members(project.build().digest)
    assert {"is-amd64-on-amd64", "is-arm64-on-arm64"} & members.keys()


@both
def test_build_secrets_are_mounted_by_buildah_and_appear_in_no_output_and_no_config(project: Project) -> None:
    project.write(
        "Dockerfile",
        f"FROM {BUSYBOX}\nRUN --mount=type=secret,id=a --mount=type=secret,id=b "
        "cat /run/secrets/a; echo; cat /run/secrets/b; echo; touch /done\n",
    )
    project.write("to,ken.txt", TOKEN)
    (project.root / "token.txt").symlink_to("to,ken.txt")
    project.write(".dockerignore", "to*\n")
    project.env["SECRET_B"] = "second-" + TOKEN
    image = project.build(secrets=("id=a,src=token.txt", "id=b,env=SECRET_B"))
    assert project.sink.lines.count("***") == 2
    assert "done" in project.members(image.digest)
    assert TOKEN not in project.sink.text
    assert TOKEN not in json.dumps(project.config(image.digest))


def test_a_named_context_of_a_buildah_build_is_a_folder_or_an_image(project: Project) -> None:
    project.write(
        "Dockerfile", "FROM base AS one\nFROM scratch\nCOPY --from=one /bin/busybox /\nCOPY --from=more b /\n"
    )
    project.write("lib/b", "b")
    image = project.build(contexts={"base": f"docker-image://{BUSYBOX}", "more": "lib"})
    assert "b" in project.members(image.digest)


def test_an_image_name_without_a_registry_is_read_from_docker_hub_by_buildah(project: Project) -> None:
    project.write(
        "Dockerfile",
        f"ARG BASE={BUSYBOX}\nFROM $BASE AS busybox\nFROM busybox\nCOPY --from={BUSYBOX} /bin/busybox /one\n"
        f"RUN --mount=type=bind,from={BUSYBOX},target=/m cp /m/bin/busybox /two\n".replace(
            "cp ", "/bin/busybox cp "
        ),
    )
    image = project.build()
    assert "two" in project.members(image.digest)
    assert "one" in project.members(image.digest, -2)


def test_buildah_gives_one_digest_for_two_clones_of_a_commit(project: Project, tmp_path: Path) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nCOPY . /app\nRUN touch /app/made\n")
    project.write("run", "x")
    project.write("deep/b", "b")
    (project.root / "run").chmod(0o755)
    first = project.build()
    other = Project(project.name, tmp_path / "other", project.env)
    shutil.copytree(project.root, other.root, dirs_exist_ok=True, copy_function=shutil.copy)
    (other.root / "run").chmod(0o700)
    (other.root / "deep/b").chmod(0o664)
    (other.root / "deep").chmod(0o700)
    os.utime(other.root / "deep/b", (5, 5))  # older than the commit
    os.utime(other.root / "run", (CREATED * 2, CREATED * 2))
    second = other.build()
    assert (second.digest, second.context) == (first.digest, first.context)
    other.assert_nothing_left()


@both
def test_a_cancelled_buildah_build_ends_within_a_second(project: Project) -> None:
    project.write("Dockerfile", f"FROM {BUSYBOX}\nRUN echo it runs; sleep 100 & sleep 100\n")
    started = threading.Event()
    project.sink.on = lambda line: started.set() if line == "it runs" else None

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


def test_the_next_buildah_build_removes_the_folder_of_a_killed_build(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    left = project.folder / f"store.{project.name}" / "0123456789abcdef"
    left.mkdir(parents=True)
    (left / "file").touch()
    left.with_name(left.name + ".lock").touch()
    project.build()
    assert not left.exists()


def test_a_full_disk_fails_the_buildah_build_and_leaves_no_folder(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY data /\n")
    (project.root / "data").write_bytes(os.urandom(4 << 20))
    with small_disk(project.folder / "disk", 6 << 20) as disk:
        project.store = disk.path / "store"
        error = project.refusal()
        assert "no space left" in str(error).lower()
        assert "make room on the disk" in str(error.hint)
        assert not list(disk.path.glob("store.*"))
        if disk.mounted:
            project.store = disk.path / "another"
            with filled(disk):
                # Not even the store's folder has room, which is a failed build, too, and no error of a registry.
                assert str(project.refusal()).startswith("the image cannot be stored: ")
