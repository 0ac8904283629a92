"""`shipmark dockerfile new` writes two files, replaces none, and its templates build."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from release.app.setup.new_dockerfile import ignore_file_of
from tests.support.programs.command import Shipmark
from tests.support.releases.project import Project
from tests.support.services.required import program, require

NEW = ("dockerfile", "new", "--template")


def test_new_dockerfile_is_written_with_its_ignore_file(shipmark: Shipmark, tmp_path: Path) -> None:
    done = shipmark(*NEW, "static", cwd=tmp_path)
    assert (done.code, done.stdout, done.stderr) == (0, "Dockerfile\n.dockerignore\n", "")
    assert "FROM scratch\n" in (tmp_path / "Dockerfile").read_text()
    assert "\n*\n!dist\n" in (tmp_path / ".dockerignore").read_text()


def test_new_dockerfile_of_another_name_gets_an_ignore_file_of_its_own(
    shipmark: Shipmark, tmp_path: Path
) -> None:
    shipmark(*NEW, "static", cwd=tmp_path)
    done = shipmark(*NEW, "go", "--file", "docker/api.Dockerfile", "--json", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.json["schema"] == "shipmark.dockerfile/1"
    assert done.json["ignore_file"] == "docker/api.Dockerfile.dockerignore"
    assert (tmp_path / done.json["dockerfile"]).is_file()
    assert (tmp_path / done.json["ignore_file"]).is_file()
    assert "`docker.io/library/golang:1.25` is not pinned" in done.stderr


@pytest.mark.parametrize(
    ("file", "ignore"),
    [
        ("Dockerfile", ".dockerignore"),
        ("./Dockerfile", "./.dockerignore"),
        ("docker/Dockerfile", "docker/Dockerfile.dockerignore"),
    ],
)
def test_ignore_file_counts_for_the_context_of_this_folder(file: str, ignore: str) -> None:
    assert ignore_file_of(file) == ignore


def test_sources_that_the_new_dockerfile_copies_and_the_folder_lacks_are_named(
    shipmark: Shipmark, tmp_path: Path
) -> None:
    (tmp_path / "package.json").write_text("{}\n")
    done = shipmark(*NEW, "node", "--json", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert [one["path"] for one in done.json["missing"]] == ["package-lock.json"]
    assert "warning: the Dockerfile copies `package-lock.json`, which is not here" in done.stderr
    assert "hint: `npm install --package-lock-only` makes it" in done.stderr
    python = shipmark(*NEW, "python", "--name", "my-app", "--file", "py.Dockerfile", cwd=tmp_path)
    assert "copies `requirements.txt`" in python.stderr
    assert "hint: put the package `my_app` into it" in python.stderr


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
@pytest.mark.parametrize("kind", ["file", "folder", "dangling symlink"])
def test_dockerfile_new_replaces_no_existing_file_and_then_writes_nothing(
    shipmark: Shipmark, tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / "work" / name
    path.parent.mkdir()
    if kind == "file":
        path.write_text("mine\n")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    done = shipmark(*NEW, "static", cwd=path.parent)
    assert done.code == 2
    assert f"`{name}` exists, and is not replaced" in done.stderr
    assert "hint: move it away" in done.stderr
    assert [one.name for one in path.parent.iterdir()] == [name]
    assert not (tmp_path / "elsewhere").exists()
    assert kind != "file" or path.read_text() == "mine\n"
    again = shipmark(*NEW, "static", "--file", "NAME", cwd=path.parent)
    assert again.code == 0, again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "alpine"), "names no stage"),
        (("--base", "run=alpine"), "is not an image with a digest"),
        (("--base", "run=a", "--base", "run=b"), "is given twice"),
        (("--name", "a b"), "cannot name the program"),
        (("--file", "docker/"), "`docker/` is a folder"),
        (("--file", "api.dockerignore"), "is the name of an ignore file"),
    ],
)
def test_bad_option_of_dockerfile_new_is_refused_with_a_hint(
    shipmark: Shipmark, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = shipmark(*NEW, "static", *arguments, cwd=tmp_path)
    assert (done.code, [*tmp_path.glob("*ocker*")]) == (2, [])
    assert message in done.stderr
    assert "hint: " in done.stderr


@pytest.mark.parametrize(
    ("template", "source", "entry"),
    [("static", "dist/index.html", None), ("binary", "dist/linux-amd64/app", ["/app"])],
)
def test_dockerfile_templates_without_run_are_built_by_layers(
    project: Project, template: str, source: str, entry: list[str] | None
) -> None:
    require("busybox")
    folder = project.repo.path
    for old in ("Dockerfile", ".dockerignore"):
        (folder / old).unlink(missing_ok=True)
    project.must(*NEW, template)
    (folder / source).parent.mkdir(parents=True)
    shutil.copy(program("busybox"), folder / source)
    project.configure(build={"builder": "layers", "args": {"VERSION": "{{version}}"}})
    (folder / ".gitignore").write_text("part\n")
    project.repo.git("add", "-A")
    project.repo.git("commit", "-q", "-m", "files")
    project.repo.tag("v9.0.0")
    digest = project.must("build", "-o", "oci:part", "--json").json["digest"]
    blobs = folder / "part/blobs/sha256"
    manifest = json.loads((blobs / digest.removeprefix("sha256:")).read_text())
    config = json.loads((blobs / manifest["config"]["digest"].removeprefix("sha256:")).read_text())["config"]
    assert config["User"] == "65532:65532"
    assert "APP_VERSION=9.0.0" in config["Env"]
    assert config.get("Entrypoint") == entry
