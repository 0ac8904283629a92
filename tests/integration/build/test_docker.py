"""The docker builder with a real daemon."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.build import BuiltImage, Problem
from release.build.auto import Choice, builders, choose
from release.build.context.contexts import Contexts
from release.build.docker import image_build
from release.build.docker.builder import DockerBuilder
from release.control import Cancel
from release.docker.engine import ANSWER_WITHIN, connect
from release.docker.saved_images import store_archive
from release.errors import BuildError, Terminated
from release.events import Event, Output
from release.git.work_tree import WorkTree
from release.image_names.archive_writer import write_combined_archive
from release.layout.layout import Layout
from release.oci import OCI_INDEX
from release.process import Processes
from tests.support.registries.oci_schemas import check_layout, document
from tests.support.releases.builds import Build, build, build_of, problem
from tests.support.releases.git import GitRepo
from tests.support.services.docker import DockerDaemon

CREATED = 1_700_000_000


class Collect:
    """Event sink that keeps its events; `on` is called with each output line."""

    def __init__(self, on: Callable[[str], None] = lambda line: None) -> None:
        self.events: list[Event] = []
        self._on = on

    def emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Output):
            self._on(event.line)

    @property
    def lines(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, Output)]


class Project:
    """A folder with a Dockerfile, and a builder for the docker daemon of the tests."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder
        self.env = {"DOCKER_HOST": host, "HOME": str(folder)}
        self.sink = Collect()
        self.cancel = Cancel()
        self.answer_within = ANSWER_WITHIN
        self.store = folder / "store"
        self.root = folder / "project"
        self.root.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def build(self, **more: Any) -> BuiltImage:
        return build(self.builder, self.request(**more), self.store)

    def refusal(self, **more: Any) -> BuildError:
        with pytest.raises(BuildError) as caught:
            self.build(**more)
        return caught.value

    @property
    def builder(self) -> DockerBuilder:
        return DockerBuilder(self.env, sink=self.sink, cancel=self.cancel, answer_within=self.answer_within)

    def request(self, **more: Any) -> Build:
        return build_of(self.root, **{"created": CREATED, **more})

    def choose(self) -> Choice | Problem:
        """Choose a builder as `builder: auto` does if only `docker` and `layers` exist."""
        process = Processes(self.cancel)
        table = builders(
            self.env, process=process, last=process, sink=self.sink, cancel=self.cancel, version="1"
        )
        return choose((table["docker"], table["layers"]), *self.request())

    def own_platform(self) -> str:
        """Return the platform of the docker daemon."""
        with connect(self.env, self.cancel) as engine:
            return str(engine.platform)

    def config(self, image: BuiltImage) -> Any:
        manifest = document(self.store, image.platforms[0].digest)
        return document(self.store, manifest["config"]["digest"])

    def names(self, image: BuiltImage) -> list[str]:
        """Return the names of the entries in the image's last layer."""
        layer = document(self.store, image.digest)["layers"][-1]["digest"]
        with tarfile.open(self.store / "blobs" / layer.replace(":", "/")) as tar:
            return sorted(tar.getnames())


@pytest.fixture
def project(tmp_path: Path, docker_daemon: DockerDaemon, busybox_image: str) -> Project:
    return Project(tmp_path, docker_daemon.host)


def test_an_image_built_by_the_docker_daemon_is_stored_as_an_oci_image(
    project: Project, docker_daemon: DockerDaemon
) -> None:
    project.write(
        "Dockerfile",
        "ARG BASE=none\nFROM $BASE AS one\nARG VERSION\nRUN echo v$VERSION > /v; printf 'said'\n"
        "FROM one AS two\nCOPY a /a\nFROM two\nRUN false\n",
    )
    project.write("a", "content")
    image = project.build(
        target="two",
        args={"BASE": "busybox:test", "VERSION": "1.4.2"},
        labels={"org.opencontainers.image.version": "1.4.2"},
        annotations={"x": "y"},
    )
    assert len(check_layout(project.store)) == 2
    assert document(project.store, image.digest)["annotations"] == {"x": "y"}
    assert project.config(image)["config"]["Labels"] == {"org.opencontainers.image.version": "1.4.2"}
    assert list(image.tools) == ["docker"]
    assert "said" in project.sink.lines
    assert any(line.startswith("Step 3/") for line in project.sink.lines)
    archive = project.folder / "image.tar"
    write_combined_archive(Layout(str(project.store)), image.digest, "docker-test/one:1", str(archive))
    docker_daemon.docker("load", "--input", str(archive))
    ran = docker_daemon.docker("run", "--rm", "--network", "none", "docker-test/one:1", "cat", "/v", "/a")
    assert ran.stdout.decode() == "v1.4.2\ncontent"
    docker_daemon.docker("rmi", "docker-test/one:1")


def test_the_config_digest_of_a_stored_image_is_an_image_id_of_the_docker_daemon(
    project: Project, docker_daemon: DockerDaemon
) -> None:
    project.write("Dockerfile", "FROM busybox:test\nRUN echo id > /id\n")
    docker_daemon.docker("build", "--tag", "docker-test/id:1", str(project.root))
    image = project.build()  # out of the daemon's cache
    config = document(project.store, image.digest)["config"]["digest"]
    assert docker_daemon.api("GET", f"/images/{config}/json")[0] == 200
    docker_daemon.docker("rmi", "docker-test/id:1")


def test_docker_build_of_the_same_files_elsewhere_and_later_has_the_same_layers(
    project: Project, tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    project.write("Dockerfile", "FROM busybox:test\nCOPY a /a\nRUN date > /d\n")
    project.write("a", "content")
    first = project.build(labels={"x": "same"})
    other = Project(tmp_path / "else where", docker_daemon.host)
    other.write("Dockerfile", "FROM busybox:test\nCOPY a /a\nRUN date > /d\n")
    other.write("a", "content")
    os.chmod(other.root / "a", 0o600)
    os.utime(other.root / "a", (1, 1))
    second = other.build(labels={"x": "same"})
    layers = [
        document(each.store, image.digest)["layers"] for each, image in ((project, first), (other, second))
    ]
    assert layers[0] == layers[1]


PLATFORM_ARGUMENTS = (
    "TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT"
)


class TestPlatformArguments:
    """Platform arguments such as `TARGETPLATFORM`, which the daemon's classic builder leaves empty."""

    def said(self, project: Project, **more: Any) -> str:
        shown = ";".join(f"${{{name}}}" for name in PLATFORM_ARGUMENTS.split())
        declared = "".join(f"ARG {name}\n" for name in PLATFORM_ARGUMENTS.split())
        project.write("Dockerfile", f'FROM busybox:test\n{declared}RUN echo "said:{shown}"\n')
        project.build(**more)
        return next(line for line in project.sink.lines if line.startswith("said:")).removeprefix("said:")

    def test_platform_arguments_have_the_platform_of_the_daemon(self, project: Project) -> None:
        own = project.own_platform()
        system, architecture, *_ = own.split("/")
        assert self.said(project) == f"{own};{system};{architecture};;{own};{system};{architecture};"

    def test_given_build_argument_overrides_a_platform_argument(self, project: Project) -> None:
        assert self.said(project, args={"TARGETARCH": "mine"}).split(";")[2] == "mine"

    def test_from_may_use_platform_arguments_without_a_declaration(self, project: Project) -> None:
        text = (
            "# escape=\\\n# a comment\nFROM --platform=$BUILDPLATFORM busybox:test AS one\n"
            "RUN echo $((1 + 1)) > /two\nFROM scratch\nCOPY --from=one /two /two\nCOPY Dockerfile /\n"
        )
        project.write("Dockerfile", text)
        image = project.build(platforms=(project.own_platform(),))
        layer = document(project.store, image.digest)["layers"][-1]["digest"]
        with tarfile.open(project.store / "blobs" / layer.replace(":", "/")) as tar:
            copied = tar.extractfile("Dockerfile")
            assert copied is not None
            assert copied.read().decode() == text

    def test_errors_have_the_users_line_numbers_if_arg_lines_were_added(self, project: Project) -> None:
        project.write("Dockerfile", "FROM --platform=$BUILDPLATFORM busybox:test\nRUN true\nRUN exit 3\n")
        assert str(project.refusal()).startswith("Dockerfile:3: ")


class TestLeftImages:
    """Which images a build removes from the docker daemon: only the untagged one that it made."""

    def labelled(self, daemon: DockerDaemon, label: str) -> list[str]:
        found = daemon.docker("images", "--all", "--quiet", "--filter", f"label=docker-test={label}")
        return found.stdout.decode().split()

    def test_built_image_is_removed_from_the_daemon_after_its_export(
        self, project: Project, docker_daemon: DockerDaemon
    ) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
        project.build(labels={"docker-test": "gone"})
        assert self.labelled(docker_daemon, "gone") == []

    def test_build_cache_of_the_docker_daemon_is_kept_after_a_build(self, project: Project) -> None:
        project.write("Dockerfile", "FROM busybox:test\nRUN echo once; date +%N > /n\n")
        project.build(labels={"docker-test": "one"})
        project.sink.events.clear()
        project.build(labels={"docker-test": "two"})
        assert "once" not in project.sink.lines

    def test_image_that_existed_before_the_build_is_not_removed(
        self, project: Project, docker_daemon: DockerDaemon
    ) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
        docker_daemon.docker("build", "--label", "docker-test=before", str(project.root))
        before = self.labelled(docker_daemon, "before")
        assert len(before) == 1
        project.build(labels={"docker-test": "before"})
        assert self.labelled(docker_daemon, "before") == before

    def test_base_image_built_without_a_change_is_not_removed(
        self, project: Project, docker_daemon: DockerDaemon
    ) -> None:
        project.write("Dockerfile", "FROM busybox:test\n")
        project.build()
        assert docker_daemon.api("GET", "/images/busybox:test/json")[0] == 200

    def test_failed_export_leaves_no_image_in_the_daemon(
        self, project: Project, docker_daemon: DockerDaemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")

        def fail(*_: Any, **__: Any) -> Any:
            raise BuildError("the disk is full")

        monkeypatch.setattr(image_build, "store_archive", fail)
        project.refusal(labels={"docker-test": "failed"})
        assert self.labelled(docker_daemon, "failed") == []

    def test_signal_after_the_build_leaves_no_image_in_the_daemon(
        self, project: Project, docker_daemon: DockerDaemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")

        def trip(*_: Any, **__: Any) -> Any:
            project.cancel.trip(Terminated("terminated"))
            project.cancel.check()

        monkeypatch.setattr(image_build, "store_archive", trip)
        with pytest.raises(Terminated):
            project.build(labels={"docker-test": "stopped"})
        assert self.labelled(docker_daemon, "stopped") == []

    def test_built_image_that_was_tagged_meanwhile_is_not_removed(
        self, project: Project, docker_daemon: DockerDaemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")

        def tag(*args: Any, **options: Any) -> Any:
            (made,) = self.labelled(docker_daemon, "tagged")
            docker_daemon.docker("tag", made, "docker-test/tagged:1")
            return store_archive(*args, **options)

        monkeypatch.setattr(image_build, "store_archive", tag)
        project.build(labels={"docker-test": "tagged"})
        assert docker_daemon.api("GET", "/images/docker-test/tagged:1/json")[0] == 200
        docker_daemon.docker("rmi", "docker-test/tagged:1")


def test_a_docker_build_leaves_no_container_and_no_tag(project: Project, docker_daemon: DockerDaemon) -> None:
    before = _tags(docker_daemon)
    project.write("Dockerfile", "FROM busybox:test\nRUN echo leave > /l\nRUN exit 3\n")
    project.refusal()
    project.write("Dockerfile", "FROM busybox:test\nRUN echo leave > /l\n")
    project.build()
    assert _tags(docker_daemon) == before
    _, containers = docker_daemon.api("GET", "/containers/json?all=1")
    assert not [each for each in containers if "leave" in each["Command"] or "exit 3" in each["Command"]]


def _tags(daemon: DockerDaemon) -> set[str]:
    """Return every image name in the docker daemon."""
    _, images = daemon.api("GET", "/images/json")
    return {tag for image in images for tag in image["RepoTags"] or ()} - {"<none>:<none>"}


class TestContext:
    def test_ignored_files_are_not_sent_to_the_daemon(self, project: Project) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY . /x/\n")
        project.write(".dockerignore", "*.log\nDockerfile\n.dockerignore\n!keep.log\nempty\n")
        project.write("drop.log", "")
        project.write("keep.log", "")
        project.write("empty/x", "")
        project.write(".shipmark/log.jsonl", "")
        project.write("a b/ü", "")
        assert project.names(project.build()) == ["x", "x/a b", "x/a b/ü", "x/keep.log"]

    def test_the_dockerfile_of_a_docker_build_may_be_anywhere_in_the_context(self, project: Project) -> None:
        project.write("docker/app.Dockerfile", "FROM scratch\nCOPY a /\n")
        project.write("docker/app.Dockerfile.dockerignore", "b\n")
        project.write("a", "")
        assert project.names(project.build(dockerfile=str(project.root / "docker/app.Dockerfile"))) == ["a"]

    def test_the_dockerfile_of_a_docker_build_may_be_outside_of_the_context(self, project: Project) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        project.write("app/a", "")
        project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        assert project.names(project.build(context=str(project.root / "app"))) == ["a"]

    def test_with_files_tracked_an_untracked_dockerfile_is_used_and_not_copied(
        self, project: Project
    ) -> None:
        repo = GitRepo(project.root, home=project.folder)
        repo.commit(files={"a": ""})
        project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        work_tree = WorkTree(Processes(project.cancel), repo.env)
        contexts = Contexts(work_tree=work_tree)
        builder = DockerBuilder(project.env, sink=project.sink, cancel=project.cancel, contexts=contexts)
        image = build(builder, project.request(files="tracked"), project.store)
        assert project.names(image) == ["a"]
        assert image.context is not None
        assert image.context.untracked == 0

    def test_a_dockerfile_whose_name_has_glob_characters_can_be_ignored(self, project: Project) -> None:
        project.write("#[a]*.file", "FROM scratch\nCOPY . /\n")
        project.write(".dockerignore", "*\n!a\n")
        project.write("a", "")
        assert project.names(project.build(dockerfile=str(project.root / "#[a]*.file"))) == ["a"]

    def test_symlinks_in_the_context_are_sent_to_the_docker_daemon_as_symlinks(
        self, project: Project
    ) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        os.symlink("/nowhere/at/all", project.root / "link")
        assert project.names(project.build()) == ["Dockerfile", "link"]

    def test_a_pipe_in_the_context_is_refused_if_it_is_copied_and_else_not_sent_to_the_daemon(
        self, project: Project
    ) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        os.mkfifo(project.root / "pipe")
        assert "`pipe` is a device, pipe or socket" in str(project.refusal())
        project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        project.write("a", "")
        assert project.names(project.build()) == ["a"]

    def test_files_larger_than_a_chunk_are_sent_to_the_docker_daemon_whole(self, project: Project) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY big /\n")
        content = hashlib.shake_256(b"seed").digest(3_000_001)
        (project.root / "big").write_bytes(content)
        image = project.build()
        layer = document(project.store, image.digest)["layers"][0]["digest"]
        with tarfile.open(project.store / "blobs" / layer.replace(":", "/")) as tar:
            member = tar.extractfile("big")
            assert member is not None
            assert member.read() == content

    def test_argument_source_date_epoch_of_a_docker_build_is_the_commits_time(self, project: Project) -> None:
        project.write(
            "Dockerfile", "FROM busybox:test\nARG SOURCE_DATE_EPOCH\nRUN echo at $SOURCE_DATE_EPOCH\n"
        )
        project.build()
        assert f"at {CREATED}" in project.sink.lines


class TestPlatforms:
    def test_docker_builds_of_several_platforms_become_an_index(self, project: Project) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        project.write("a", "platforms")
        image = project.build(platforms=("linux/arm64", "linux/amd64"))
        assert image.media_type == OCI_INDEX
        assert [each.platform for each in image.platforms] == ["linux/arm64", "linux/amd64"]
        assert len(check_layout(project.store)) == 5

    def test_docker_builds_do_not_use_cached_steps_of_another_platform(self, project: Project) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        project.write("a", "cache")
        foreign, own = project.build(platforms=("linux/s390x",)), project.build()
        assert [each.platforms[0].platform for each in (foreign, own)] == ["linux/s390x", "linux/amd64"]
        assert project.config(own)["architecture"] == "amd64"

    def test_a_docker_build_on_a_base_of_another_platform_is_refused(self, project: Project) -> None:
        project.write("Dockerfile", "FROM busybox:test\nCOPY a /\n")
        project.write("a", "")
        error = project.refusal(platforms=("linux/arm64",))
        assert str(error) == "the docker daemon built for `linux/amd64` instead of `linux/arm64`"


class TestFailures:
    def test_failed_run_in_a_docker_build_is_reported_with_its_line(self, project: Project) -> None:
        project.write(
            "Dockerfile", "# hi\nFROM busybox:test\n\nRUN echo one && \\\n  echo two >&2 && \\\n  exit 7\n"
        )
        error = project.refusal(labels={"a": "b"})
        assert str(error).startswith("Dockerfile:4: The command '/bin/sh -c echo one &&")
        assert str(error).endswith("returned a non-zero code: 7")
        assert error.hint == "see the command's output in the lines above"
        assert {"one", "two"} <= set(project.sink.lines)

    def test_missing_copy_source_in_a_docker_build_is_reported_with_its_line(self, project: Project) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY gone /\n")
        error = project.refusal()
        assert str(error) == "Dockerfile:2: the context has no `gone`"
        project.write("gone", "")
        project.write(".dockerignore", "go*\n")
        assert (
            str(project.refusal()) == "Dockerfile:2: the context has no `gone`: .dockerignore:1 hides `gone`"
        )

    def test_missing_base_image_in_a_docker_build_is_reported_with_its_line(self, project: Project) -> None:
        project.write("Dockerfile", "ARG A\nFROM localhost:1/none:1\n")
        error = project.refusal()
        assert str(error).startswith("Dockerfile:2: ")
        assert "registry" in str(error.hint)

    def test_run_option_that_needs_buildkit_fails_in_a_docker_build_with_a_hint(
        self, project: Project
    ) -> None:
        project.write("Dockerfile", "FROM busybox:test\nRUN --mount=type=cache,target=/c true\n")
        error = project.refusal()
        assert str(error).startswith("Dockerfile:2: ")
        assert "BuildKit" in str(error.hint)

    @pytest.mark.parametrize(
        ("text", "flag"),
        [
            ("RUN --mount=type=cache,target=/c true", "RUN --mount=type=cache"),
            ("RUN --network=none true", "RUN --network"),
            ("COPY --link Dockerfile /", "COPY --link"),
            ("COPY --chmod=0700 Dockerfile /", "COPY --chmod=0700"),
            ("ADD --checksum=sha256:0 Dockerfile /", "ADD --checksum"),
        ],
    )
    def test_instruction_flags_of_buildkit_are_refused_before_a_docker_build(
        self, project: Project, text: str, flag: str
    ) -> None:
        project.write("Dockerfile", f"FROM busybox:test\n{text}\n")
        lacking = problem(project.builder, project.request())
        assert lacking is not None
        assert lacking.kind == "lacks"
        assert lacking.reason == f"Dockerfile:2: the Engine API's builder does not support `{flag}`"

    def test_a_heredoc_is_refused_by_the_builder_docker(self, project: Project) -> None:
        project.write("Dockerfile", "FROM busybox:test\nRUN <<EOF\ntrue\nEOF\n")
        assert (
            str(project.refusal()) == "Dockerfile:2: the Engine API's builder does not support here-documents"
        )

    def test_an_unknown_target_stage_is_refused_by_the_builder_docker(self, project: Project) -> None:
        project.write("Dockerfile", "FROM busybox:test AS one\n")
        assert str(project.refusal(target="two")) == "`Dockerfile` has no stage `two`"

    def test_a_file_that_changes_while_it_is_sent_to_the_docker_daemon_is_named(
        self, project: Project
    ) -> None:
        project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        project.write("a", "x")
        prepared = project.builder.prepare(*project.request())
        assert not isinstance(prepared, Problem)
        project.write("a", "longer than it was")
        with pytest.raises(BuildError) as caught:
            prepared.build(str(project.store))
        assert str(caught.value) == f"`{project.root}/a` changed while it was read"


def test_cancelling_a_docker_build_stops_its_container(project: Project, docker_daemon: DockerDaemon) -> None:
    started = threading.Event()
    project.sink = Collect(lambda line: started.set() if "now-sleeping" in line else None)
    project.write("Dockerfile", "FROM busybox:test\nRUN echo now-sleeping && sleep 600\n")

    def trip() -> None:
        assert started.wait(60)
        project.cancel.trip(Terminated("terminated"))

    thread = threading.Thread(target=trip)
    thread.start()
    with pytest.raises(Terminated):
        project.build()
    thread.join()
    stopped = time.monotonic() + 20
    while time.monotonic() < stopped:
        _, containers = docker_daemon.api("GET", "/containers/json")
        if not [each for each in containers if "now-sleeping" in each["Command"]]:
            return
    raise AssertionError("the container still runs")


def test_a_docker_build_step_without_output_is_waited_for(project: Project) -> None:
    project.answer_within = 0.5
    project.write("Dockerfile", "FROM busybox:test\nRUN sleep 1.2\n")
    assert project.build().digest


def test_the_daemon_of_the_docker_context_named_by_a_variable_is_used(
    project: Project, docker_daemon: DockerDaemon
) -> None:
    identifier = hashlib.sha256(b"build-host").hexdigest()
    meta = project.folder / "config/contexts/meta" / identifier
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": docker_daemon.host, "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(json.dumps({"Name": "build-host", "Endpoints": endpoints}))
    project.env = {"DOCKER_CONFIG": str(project.folder / "config"), "DOCKER_CONTEXT": "build-host"}
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    assert problem(project.builder, project.request()) is None
    assert project.build().digest


def test_auto_chooses_docker_if_a_daemon_answers(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    choice = project.choose()
    assert isinstance(choice, Choice)
    assert (choice.prepared.builder, choice.passed_over) == ("docker", ())
    assert "docker" in choice.prepared.build(str(project.store)).tools


def test_auto_chooses_layers_for_instructions_that_docker_does_not_support(project: Project) -> None:
    project.write("Dockerfile", "FROM scratch\nCOPY <<EOF /x\nhi\nEOF\n")
    choice = project.choose()
    assert isinstance(choice, Choice)
    ((name, lacking),) = choice.passed_over
    assert (name, lacking.kind) == ("docker", "lacks")
    assert "does not support here-documents" in lacking.reason
    assert choice.prepared.builder == "layers"
    assert "shipmark" in choice.prepared.build(str(project.store)).tools


def test_auto_chooses_layers_if_no_daemon_answers(tmp_path: Path) -> None:
    project = Project(tmp_path, f"unix://{tmp_path}/none.sock")
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    choice = project.choose()
    assert isinstance(choice, Choice)
    assert [(name, passed.kind) for name, passed in choice.passed_over] == [("docker", "unavailable")]
    assert "shipmark" in choice.prepared.build(str(project.store)).tools
    project.write("Dockerfile", "FROM scratch\nRUN x\n")
    refused = project.choose()
    assert isinstance(refused, Problem)
    assert isinstance(refused.error(), BuildError)
    assert "does not answer: no such file or directory" in refused.reason
    assert "`layers`: Dockerfile:2: " in refused.reason


def test_build_uses_the_dockerfile_as_it_was_prepared(project: Project) -> None:
    """The Dockerfile is read once, when the build is prepared; a later change of the file has no effect."""
    project.write("Dockerfile", "FROM scratch\nCOPY a /prepared\n")
    project.write("a", "")
    choice = project.choose()
    assert isinstance(choice, Choice)
    project.write("Dockerfile", "FROM scratch\nCOPY a /later\n")
    assert project.names(choice.prepared.build(str(project.store))) == ["prepared"]
