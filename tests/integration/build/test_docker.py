"""The docker builder with a real daemon."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest

from release.build import Problem
from release.build.auto import Choice
from release.errors import BuildError, Terminated
from release.image_names.archive_writer import write_combined_archive
from release.layout.layout import Layout
from release.oci import OCI_INDEX
from tests.support.registries.oci_schemas import check_layout, document
from tests.support.releases.builds import problem
from tests.support.releases.docker_project import Collect, DockerProject
from tests.support.services.docker import DockerDaemon


def test_an_image_built_by_the_docker_daemon_is_stored_as_an_oci_image(
    docker_project: DockerProject, docker_daemon: DockerDaemon
) -> None:
    docker_project.write(
        "Dockerfile",
        "ARG BASE=none\nFROM $BASE AS one\nARG VERSION\nRUN echo v$VERSION > /v; printf 'said'\n"
        "FROM one AS two\nCOPY a /a\nFROM two\nRUN false\n",
    )
    docker_project.write("a", "content")
    image = docker_project.build(
        target="two",
        args={"BASE": "busybox:test", "VERSION": "1.4.2"},
        labels={"org.opencontainers.image.version": "1.4.2"},
        annotations={"x": "y"},
    )
    assert len(check_layout(docker_project.store)) == 2
    assert document(docker_project.store, image.digest)["annotations"] == {"x": "y"}
    assert docker_project.config(image)["config"]["Labels"] == {"org.opencontainers.image.version": "1.4.2"}
    assert list(image.tools) == ["docker"]
    assert "said" in docker_project.sink.lines
    assert any(line.startswith("Step 3/") for line in docker_project.sink.lines)
    archive = docker_project.folder / "image.tar"
    write_combined_archive(Layout(str(docker_project.store)), image.digest, "docker-test/one:1", str(archive))
    docker_daemon.docker("load", "--input", str(archive))
    ran = docker_daemon.docker("run", "--rm", "--network", "none", "docker-test/one:1", "cat", "/v", "/a")
    assert ran.stdout.decode() == "v1.4.2\ncontent"
    docker_daemon.docker("rmi", "docker-test/one:1")


def test_values_of_build_arguments_appear_in_no_docker_output_error_or_image(
    docker_project: DockerProject,
) -> None:
    token = "sesame-open-8472"
    docker_project.write(
        "Dockerfile", "FROM busybox:test\nARG TOKEN\nARG PIN\nRUN echo got $TOKEN; touch /done\n"
    )
    image = docker_project.build(args={"TOKEN": token, "PIN": "7"})
    assert "got ***" in docker_project.sink.lines
    assert token not in repr(docker_project.sink.events)
    history = [step.get("created_by", "") for step in docker_project.config(image)["history"]]
    assert any("PIN=*** TOKEN=***" in step for step in history)
    for path in docker_project.store.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()
    docker_project.write("Dockerfile", f"FROM busybox:test\nARG TOKEN\nRUN test x = {token}\n")
    assert "test x = ***" in str(docker_project.refusal(args={"TOKEN": token}))


def test_the_config_digest_of_a_stored_image_is_an_image_id_of_the_docker_daemon(
    docker_project: DockerProject, docker_daemon: DockerDaemon
) -> None:
    docker_project.write("Dockerfile", "FROM busybox:test\nRUN echo id > /id\n")
    docker_daemon.docker("build", "--tag", "docker-test/id:1", str(docker_project.root))
    image = docker_project.build()  # out of the daemon's cache
    config = document(docker_project.store, image.digest)["config"]["digest"]
    assert docker_daemon.api("GET", f"/images/{config}/json")[0] == 200
    docker_daemon.docker("rmi", "docker-test/id:1")


def test_docker_build_of_the_same_files_elsewhere_and_later_has_the_same_layers(
    docker_project: DockerProject, tmp_path: Path, docker_daemon: DockerDaemon
) -> None:
    docker_project.write("Dockerfile", "FROM busybox:test\nCOPY a /a\nRUN date > /d\n")
    docker_project.write("a", "content")
    first = docker_project.build(labels={"x": "same"})
    other = DockerProject(tmp_path / "else where", docker_daemon.host)
    other.write("Dockerfile", "FROM busybox:test\nCOPY a /a\nRUN date > /d\n")
    other.write("a", "content")
    os.chmod(other.root / "a", 0o600)
    os.utime(other.root / "a", (1, 1))
    second = other.build(labels={"x": "same"})
    layers = [
        document(each.store, image.digest)["layers"]
        for each, image in ((docker_project, first), (other, second))
    ]
    assert layers[0] == layers[1]


class TestPlatforms:
    def test_docker_builds_of_several_platforms_become_an_index(self, docker_project: DockerProject) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        docker_project.write("a", "platforms")
        image = docker_project.build(platforms=("linux/arm64", "linux/amd64"))
        assert image.media_type == OCI_INDEX
        assert [each.platform for each in image.platforms] == ["linux/arm64", "linux/amd64"]
        assert len(check_layout(docker_project.store)) == 5

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("FROM scratch\nARG X\nCOPY a /\n", 2),
            ("FROM scratch AS one\nENV A=1\nCOPY a /\nFROM scratch\nCOPY --from=one a /\n", 2),
            ("FROM scratch AS one\nFROM one\nWORKDIR /w\nCOPY a .\n", 3),
        ],
    )
    def test_a_stage_that_the_daemon_builds_for_its_own_platform_only_is_refused_for_another(
        self, docker_project: DockerProject, text: str, line: int
    ) -> None:
        docker_project.write("Dockerfile", text)
        docker_project.write("a", "first")
        refused = problem(docker_project.builder, docker_project.request(platforms=("linux/s390x",)))
        assert refused is not None
        assert refused.kind == "lacks"
        assert refused.reason.startswith(f"Dockerfile:{line}: the Engine API's builder of `linux/")
        assert docker_project.build(platforms=(docker_project.own_platform(),)).digest

    def test_a_docker_build_for_another_operating_system_is_refused_before_the_build(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        docker_project.write("a", "a")
        refused = problem(docker_project.builder, docker_project.request(platforms=("windows/amd64",)))
        assert refused is not None
        assert refused.reason == "the docker daemon builds images for `linux`, and not for `windows/amd64`"

    @pytest.mark.parametrize(
        "text",
        [
            "FROM scratch\nCOPY a /\nARG X\nCOPY a /b\n",
            "FROM scratch AS one\nADD a /\nFROM one\nENV A=1\nCOPY a /b\n",
        ],
    )
    def test_a_stage_that_begins_with_files_is_built_for_another_platform_by_the_daemon(
        self, docker_project: DockerProject, text: str
    ) -> None:
        docker_project.write("Dockerfile", text)
        docker_project.write("a", "first")
        assert docker_project.build(platforms=("linux/s390x",)).platforms[0].platform == "linux/s390x"

    def test_docker_builds_do_not_use_cached_steps_of_another_platform(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        docker_project.write("a", "cache")
        foreign, own = docker_project.build(platforms=("linux/s390x",)), docker_project.build()
        assert [each.platforms[0].platform for each in (foreign, own)] == ["linux/s390x", "linux/amd64"]
        assert docker_project.config(own)["architecture"] == "amd64"

    def test_a_docker_build_on_a_base_of_another_platform_is_refused(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM busybox:test\nCOPY a /\n")
        docker_project.write("a", "")
        error = docker_project.refusal(platforms=("linux/arm64",))
        assert str(error) == "the docker daemon built for `linux/amd64` instead of `linux/arm64`"


class TestFailures:
    def test_failed_run_in_a_docker_build_is_reported_with_its_line(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write(
            "Dockerfile", "# hi\nFROM busybox:test\n\nRUN echo one && \\\n  echo two >&2 && \\\n  exit 7\n"
        )
        error = docker_project.refusal(labels={"a": "b"})
        assert str(error).startswith("Dockerfile:4: The command '/bin/sh -c echo one &&")
        assert str(error).endswith("returned a non-zero code: 7")
        assert error.hint == "see the command's output in the lines above"
        assert {"one", "two"} <= set(docker_project.sink.lines)

    def test_address_that_does_not_answer_in_a_docker_build_has_a_hint_about_the_address(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nADD http://127.0.0.1:9/x /x\n")
        error = docker_project.refusal()
        assert str(error).startswith("Dockerfile:2: ADD failed")
        assert error.hint == "check the address, and that the daemon reaches it"

    def test_missing_copy_source_in_a_docker_build_is_reported_with_its_line(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY gone /\n")
        error = docker_project.refusal()
        assert str(error) == "Dockerfile:2: the context has no `gone`"
        docker_project.write("gone", "")
        docker_project.write(".dockerignore", "go*\n")
        assert (
            str(docker_project.refusal())
            == "Dockerfile:2: the context has no `gone`: .dockerignore:1 hides `gone`"
        )

    def test_missing_base_image_in_a_docker_build_is_reported_with_its_line(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "ARG A\nFROM localhost:1/none:1\n")
        error = docker_project.refusal()
        assert str(error).startswith("Dockerfile:2: ")
        assert "registry" in str(error.hint)

    def test_run_option_that_needs_buildkit_fails_in_a_docker_build_with_a_hint(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM busybox:test\nRUN --mount=type=cache,target=/c true\n")
        error = docker_project.refusal()
        assert str(error).startswith("Dockerfile:2: ")
        assert "BuildKit" in str(error.hint)

    @pytest.mark.parametrize(
        ("text", "flag"),
        [
            ("RUN --mount=type=cache,target=/c true", "RUN --mount=type=cache"),
            ("RUN --network=none true", "RUN --network"),
            ("COPY --link Dockerfile /", "COPY --link"),
            ("COPY --chmod=0700 Dockerfile /", "COPY --chmod=0700"),
            (f"ADD --checksum=sha256:{'0' * 64} http://127.0.0.1:9/a /", "ADD --checksum"),
        ],
    )
    def test_instruction_flags_of_buildkit_are_refused_before_a_docker_build(
        self, docker_project: DockerProject, text: str, flag: str
    ) -> None:
        docker_project.write("Dockerfile", f"FROM busybox:test\n{text}\n")
        lacking = problem(docker_project.builder, docker_project.request())
        assert lacking is not None
        assert lacking.kind == "lacks"
        assert lacking.reason == f"Dockerfile:2: the Engine API's builder does not support `{flag}`"

    def test_a_heredoc_is_refused_by_the_builder_docker(self, docker_project: DockerProject) -> None:
        docker_project.write("Dockerfile", "FROM busybox:test\nRUN <<EOF\ntrue\nEOF\n")
        assert (
            str(docker_project.refusal())
            == "Dockerfile:2: the Engine API's builder does not support here-documents"
        )

    def test_an_unknown_target_stage_is_refused_by_the_builder_docker(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM busybox:test AS one\n")
        assert str(docker_project.refusal(target="two")) == "`Dockerfile` has no stage `two`"

    def test_a_file_that_changes_while_it_is_sent_to_the_docker_daemon_is_named(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        docker_project.write("a", "x")
        prepared = docker_project.builder.prepare(*docker_project.request())
        assert not isinstance(prepared, Problem)
        docker_project.write("a", "longer than it was")
        with pytest.raises(BuildError) as caught:
            prepared.build(str(docker_project.store))
        assert str(caught.value) == f"`{docker_project.root}/a` changed while it was read"


def test_cancelling_a_docker_build_stops_its_container(
    docker_project: DockerProject, docker_daemon: DockerDaemon
) -> None:
    started = threading.Event()
    docker_project.sink = Collect(lambda line: started.set() if "now-sleeping" in line else None)
    docker_project.write("Dockerfile", "FROM busybox:test\nRUN echo now-sleeping && sleep 600\n")

    def trip() -> None:
        assert started.wait(60)
        docker_project.cancel.trip(Terminated("terminated"))

    thread = threading.Thread(target=trip)
    thread.start()
    with pytest.raises(Terminated):
        docker_project.build()
    thread.join()
    stopped = time.monotonic() + 20
    while time.monotonic() < stopped:
        _, containers = docker_daemon.api("GET", "/containers/json")
        if not [each for each in containers if "now-sleeping" in each["Command"]]:
            return
    raise AssertionError("the container still runs")


def test_a_docker_build_step_without_output_is_waited_for(docker_project: DockerProject) -> None:
    docker_project.answer_within = 0.5
    docker_project.write("Dockerfile", "FROM busybox:test\nRUN sleep 1.2\n")
    assert docker_project.build().digest


def test_the_daemon_of_the_docker_context_named_by_a_variable_is_used(
    docker_project: DockerProject, docker_daemon: DockerDaemon
) -> None:
    identifier = hashlib.sha256(b"build-host").hexdigest()
    meta = docker_project.folder / "config/contexts/meta" / identifier
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": docker_daemon.host, "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(json.dumps({"Name": "build-host", "Endpoints": endpoints}))
    docker_project.env = {
        "DOCKER_CONFIG": str(docker_project.folder / "config"),
        "DOCKER_CONTEXT": "build-host",
    }
    docker_project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    assert problem(docker_project.builder, docker_project.request()) is None
    assert docker_project.build().digest


def test_auto_chooses_docker_if_a_daemon_answers(docker_project: DockerProject) -> None:
    docker_project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    choice = docker_project.choose()
    assert isinstance(choice, Choice)
    assert (choice.prepared.builder, choice.passed_over) == ("docker", ())
    assert "docker" in choice.prepared.build(str(docker_project.store)).tools


def test_auto_chooses_layers_for_instructions_that_docker_does_not_support(
    docker_project: DockerProject,
) -> None:
    docker_project.write("Dockerfile", "FROM scratch\nCOPY <<EOF /x\nhi\nEOF\n")
    choice = docker_project.choose()
    assert isinstance(choice, Choice)
    ((name, lacking),) = choice.passed_over
    assert (name, lacking.kind) == ("docker", "lacks")
    assert "does not support here-documents" in lacking.reason
    assert choice.prepared.builder == "layers"
    assert "shipmark" in choice.prepared.build(str(docker_project.store)).tools


def test_auto_chooses_layers_if_no_daemon_answers(tmp_path: Path) -> None:
    docker_project = DockerProject(tmp_path, f"unix://{tmp_path}/none.sock")
    docker_project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    choice = docker_project.choose()
    assert isinstance(choice, Choice)
    assert [(name, passed.kind) for name, passed in choice.passed_over] == [("docker", "unavailable")]
    assert "shipmark" in choice.prepared.build(str(docker_project.store)).tools
    docker_project.write("Dockerfile", "FROM scratch\nRUN x\n")
    refused = docker_project.choose()
    assert isinstance(refused, Problem)
    assert isinstance(refused.error(), BuildError)
    assert "does not answer: no such file or directory" in refused.reason
    assert "`layers`: Dockerfile:2: " in refused.reason
