"""The build arguments and the Dockerfile that the classic builder of a Docker daemon gets."""

from __future__ import annotations

from pathlib import Path

from release.build.context.tree import Tree
from release.build.docker.input import SentDockerfile, build_arguments, sent_dockerfile
from release.build.task_input import TaskInput, read_input
from release.compression.entries import Node
from release.oci.image_json import parse_platform
from tests.support.releases.builds import build_of


def read(folder: Path, text: str, **more: str) -> TaskInput:
    (folder / "Dockerfile").write_text(text)
    return read_input(*build_of(folder, args=more, created=7))


def sent_of(input_: TaskInput, *hidden: str) -> SentDockerfile:
    files = {path: Node(kind="file") for path in ("Dockerfile", "in/Dockerfile") if path not in hidden}
    return sent_dockerfile(input_.context, Tree(files))


def arguments(input_: TaskInput) -> dict[str, str]:
    return build_arguments(
        input_,
        sent_of(input_),
        target=parse_platform("linux/arm/v7"),
        build=parse_platform("linux/amd64"),
    )


def test_platform_arguments_are_passed_where_they_are_declared(tmp_path: Path) -> None:
    names = "TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT"
    declared = "".join(f"ARG {name}\n" for name in names.split())
    assert arguments(read(tmp_path, f"FROM scratch\n{declared}")) == {
        "TARGETPLATFORM": "linux/arm/v7",
        "TARGETOS": "linux",
        "TARGETARCH": "arm",
        "TARGETVARIANT": "v7",
        "BUILDPLATFORM": "linux/amd64",
        "BUILDOS": "linux",
        "BUILDARCH": "amd64",
        "BUILDVARIANT": "",
    }
    assert arguments(read(tmp_path, "FROM scratch\nARG TARGETARCH SOURCE_DATE_EPOCH\n", A="1")) == {
        "SOURCE_DATE_EPOCH": "7",
        "TARGETARCH": "arm",
        "A": "1",
    }


def test_given_build_arguments_override_platform_arguments(tmp_path: Path) -> None:
    assert arguments(read(tmp_path, "FROM scratch\nARG TARGETARCH\n", TARGETARCH="x")) == {"TARGETARCH": "x"}


def test_a_dockerfile_whose_from_uses_only_declared_names_is_sent_unchanged(tmp_path: Path) -> None:
    text = "ARG BUILDPLATFORM\nFROM --platform=$BUILDPLATFORM scratch\n"
    sent = sent_of(read(tmp_path, text))
    assert (sent.path, sent.text, sent.added) == ("Dockerfile", text.encode(), ())


def test_undeclared_platform_arguments_of_from_are_declared_after_the_directives(tmp_path: Path) -> None:
    text = "\ufeff# escape=`\r\n# a comment\r\nFROM --platform=${BUILDPLATFORM} a:$TARGETARCH\r\nFROM b$TARGETARCHS\r\n"
    input_ = read(tmp_path, text)
    sent = sent_of(input_)
    assert sent.added == ("TARGETARCH", "BUILDPLATFORM")
    assert sent.path != "Dockerfile"
    assert sent.text.decode().split("\n")[:5] == [
        "# escape=`\r",
        "# a comment\r",
        "ARG TARGETARCH",
        "ARG BUILDPLATFORM",
        "FROM --platform=${BUILDPLATFORM} a:$TARGETARCH\r",
    ]
    assert arguments(input_) == {"BUILDPLATFORM": "linux/amd64", "TARGETARCH": "arm"}


def test_a_dockerfile_that_the_ignore_file_hides_leaves_no_folder_in_the_sent_context(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/Dockerfile").write_text("FROM scratch\n")
    input_ = read_input(*build_of(tmp_path, dockerfile="in/Dockerfile"))
    assert sent_of(input_).path == "in/Dockerfile"
    assert "/" not in sent_of(input_, "in/Dockerfile").path
