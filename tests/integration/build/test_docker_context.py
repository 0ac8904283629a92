"""What the builder `docker` sends to the daemon: the context, the Dockerfile and platform arguments."""

from __future__ import annotations

import hashlib
import os
import tarfile
from typing import Any

from release.build.auto import Choice
from release.build.context.contexts import Contexts
from release.build.docker.builder import DockerBuilder
from release.git.work_tree import WorkTree
from release.programs.processes import Processes
from tests.support.registries.oci_schemas import document
from tests.support.releases.builds import build
from tests.support.releases.docker_project import CREATED, DockerProject
from tests.support.releases.git import GitRepo

PLATFORM_ARGUMENTS = (
    "TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT"
)


class TestPlatformArguments:
    """Platform arguments such as `TARGETPLATFORM`, which the daemon's classic builder leaves empty."""

    def said(self, docker_project: DockerProject, **more: Any) -> str:
        shown = ";".join(f"${{{name}}}" for name in PLATFORM_ARGUMENTS.split())
        declared = "".join(f"ARG {name}\n" for name in PLATFORM_ARGUMENTS.split())
        docker_project.write("Dockerfile", f'FROM busybox:test\n{declared}RUN echo "said:{shown}"\n')
        docker_project.build(**more)
        return next(line for line in docker_project.sink.lines if line.startswith("said:")).removeprefix(
            "said:"
        )

    def test_platform_arguments_have_the_platform_of_the_daemon(self, docker_project: DockerProject) -> None:
        own = docker_project.own_platform()
        system, architecture, *_ = own.split("/")
        assert self.said(docker_project) == f"{own};{system};{architecture};;{own};{system};{architecture};"

    def test_given_build_argument_overrides_a_platform_argument(self, docker_project: DockerProject) -> None:
        # A value of three characters: longer ones are hidden in the output.
        assert self.said(docker_project, args={"TARGETARCH": "x86"}).split(";")[2] == "x86"

    def test_from_may_use_platform_arguments_without_a_declaration(
        self, docker_project: DockerProject
    ) -> None:
        text = (
            "# escape=\\\n# a comment\nFROM --platform=$BUILDPLATFORM busybox:test AS one\n"
            "RUN echo $((1 + 1)) > /two\nFROM scratch\nCOPY --from=one /two /two\nCOPY Dockerfile /\n"
        )
        docker_project.write("Dockerfile", text)
        image = docker_project.build(platforms=(docker_project.own_platform(),))
        layer = document(docker_project.store, image.digest)["layers"][-1]["digest"]
        with tarfile.open(docker_project.store / "blobs" / layer.replace(":", "/")) as tar:
            copied = tar.extractfile("Dockerfile")
            assert copied is not None
            assert copied.read().decode() == text

    def test_errors_have_the_users_line_numbers_if_arg_lines_were_added(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write(
            "Dockerfile", "FROM --platform=$BUILDPLATFORM busybox:test\nRUN true\nRUN exit 3\n"
        )
        assert str(docker_project.refusal()).startswith("Dockerfile:3: ")


class TestContext:
    def test_ignored_files_are_not_sent_to_the_daemon(self, docker_project: DockerProject) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY . /x/\n")
        docker_project.write(".dockerignore", "*.log\nDockerfile\n.dockerignore\n!keep.log\nempty\n")
        docker_project.write("drop.log", "")
        docker_project.write("keep.log", "")
        docker_project.write("empty/x", "")
        docker_project.write(".shipmark/log.jsonl", "")
        docker_project.write("a b/ü", "")
        assert docker_project.names(docker_project.build()) == ["x", "x/a b", "x/a b/ü", "x/keep.log"]

    def test_the_dockerfile_of_a_docker_build_may_be_anywhere_in_the_context(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("docker/app.Dockerfile", "FROM scratch\nCOPY a /\n")
        docker_project.write("docker/app.Dockerfile.dockerignore", "b\n")
        docker_project.write("a", "")
        assert docker_project.names(
            docker_project.build(dockerfile=str(docker_project.root / "docker/app.Dockerfile"))
        ) == ["a"]

    def test_the_dockerfile_of_a_docker_build_may_be_outside_of_the_context(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        docker_project.write("app/a", "")
        docker_project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        assert docker_project.names(docker_project.build(context=str(docker_project.root / "app"))) == ["a"]

    def test_with_files_tracked_an_untracked_dockerfile_is_used_and_not_copied(
        self, docker_project: DockerProject
    ) -> None:
        repo = GitRepo(docker_project.root, home=docker_project.folder)
        repo.commit(files={"a": ""})
        docker_project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        work_tree = WorkTree(Processes(docker_project.cancel), repo.env)
        contexts = Contexts(work_tree=work_tree)
        builder = DockerBuilder(
            docker_project.env, sink=docker_project.sink, cancel=docker_project.cancel, contexts=contexts
        )
        image = build(builder, docker_project.request(files="tracked"), docker_project.store)
        assert docker_project.names(image) == ["a"]
        assert image.context is not None
        assert image.context.untracked == 0

    def test_a_dockerfile_whose_name_has_glob_characters_can_be_ignored(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("#[a]*.file", "FROM scratch\nCOPY . /\n")
        docker_project.write(".dockerignore", "*\n!a\n")
        docker_project.write("a", "")
        assert docker_project.names(
            docker_project.build(dockerfile=str(docker_project.root / "#[a]*.file"))
        ) == ["a"]

    def test_symlinks_in_the_context_are_sent_to_the_docker_daemon_as_symlinks(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        os.symlink("/nowhere/at/all", docker_project.root / "link")
        assert docker_project.names(docker_project.build()) == ["Dockerfile", "link"]

    def test_a_pipe_in_the_context_is_refused_if_it_is_copied_and_else_not_sent_to_the_daemon(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        os.mkfifo(docker_project.root / "pipe")
        assert "`pipe` is a device, pipe or socket" in str(docker_project.refusal())
        docker_project.write("Dockerfile", "FROM scratch\nCOPY a /\n")
        docker_project.write("a", "")
        assert docker_project.names(docker_project.build()) == ["a"]

    def test_files_larger_than_a_chunk_are_sent_to_the_docker_daemon_whole(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY big /\n")
        content = hashlib.shake_256(b"seed").digest(3_000_001)
        (docker_project.root / "big").write_bytes(content)
        image = docker_project.build()
        layer = document(docker_project.store, image.digest)["layers"][0]["digest"]
        with tarfile.open(docker_project.store / "blobs" / layer.replace(":", "/")) as tar:
            member = tar.extractfile("big")
            assert member is not None
            assert member.read() == content

    def test_argument_source_date_epoch_of_a_docker_build_is_the_commits_time(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write(
            "Dockerfile", "FROM busybox:test\nARG SOURCE_DATE_EPOCH\nRUN echo at $SOURCE_DATE_EPOCH\n"
        )
        docker_project.build()
        assert f"at {CREATED}" in docker_project.sink.lines


def test_build_uses_the_dockerfile_as_it_was_prepared(docker_project: DockerProject) -> None:
    """The Dockerfile is read once, when the build is prepared; a later change of the file has no effect."""
    docker_project.write("Dockerfile", "FROM scratch\nCOPY a /prepared\n")
    docker_project.write("a", "")
    choice = docker_project.choose()
    assert isinstance(choice, Choice)
    docker_project.write("Dockerfile", "FROM scratch\nCOPY a /later\n")
    assert docker_project.names(choice.prepared.build(str(docker_project.store))) == ["prepared"]
