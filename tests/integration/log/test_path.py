"""`log.path` must name a log or a new file: any other file is refused and stays unchanged."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Result
from tests.support.releases.project import Project

NOT_LOGS = {
    "shell": b"alias ll='ls -l'\n",
    "one line without its end": b"export A=1",
    "yaml": b"image: oci:dist/image\n",
    "json": b'{\n  "name": "app"\n}\n',
    "one line of json": b'{"apiVersion":"v1","kind":"Pod"}\n',
    "one line of json without its end": b'{"apiVersion":"v1","kind":"Pod"}',
    "json lines": b'{"at":"2026-01-01T00:00:00.000Z","event":"x"}\n{"at":"y"}\n',
    "zeros first, as in an image of a disk": b"\0" * 4096 + b"\x01CD001\x01" + b"\0" * 64,
    "binary": b"\x7fELF\x02\x01\x01" + bytes(range(256)),
    "a newline": b"\n",
    "latin": b"caf\xe9\n",
    "long": b"x" * 700_000,
}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(result: Result, *words: str, code: int) -> None:
    assert result.code == code, (result.code, result.stdout, result.stderr)
    assert "hint: " in result.stderr
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("content", NOT_LOGS.values(), ids=NOT_LOGS)
def test_file_that_is_not_a_log_is_refused_and_left_unchanged(
    make_project: Callable[..., Project], tmp_path: Path, content: bytes
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "bashrc").write_bytes(content)
    project = make_project(log={"store": "file", "path": str(victim / "bashrc")})
    project.release_commit("v1.4.2")
    refused(project("run"), "is not a version log", "left untouched", code=6)
    assert files_of(victim) == {"bashrc": content}
    assert project.tags == {}
    refused(project("log", "list"), "is not a version log", code=6)
    refused(project("tags"), "is not a version log", code=6)


@pytest.mark.parametrize("path", ["../victim/bashrc", "a/../../victim/bashrc", "..", "./../victim/bashrc"])
def test_log_path_outside_the_repository_is_refused(
    make_project: Callable[..., Project], tmp_path: Path, path: str
) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim/bashrc").write_text("alias ll='ls -l'\n")
    project = make_project(log={"store": "file", "path": path})
    project.release_commit("v1.4.2")
    refused(project("run"), "shipmark.yml:1:", "`log.path` leaves the repository", code=2)
    refused(project("config", "check"), "`log.path` leaves the repository", code=2)
    assert files_of(tmp_path / "victim") == {"bashrc": b"alias ll='ls -l'\n"}


@pytest.mark.parametrize(
    "path", [".git/info/attributes", ".GIT/x", "sub/.git/hooks/pre-push", "", ".", "a/", "a\0b"]
)
def test_log_path_in_the_git_folder_or_without_a_file_name_is_refused(
    make_project: Callable[..., Project], path: str
) -> None:
    project = make_project(log={"store": "file", "path": path})
    project.release_commit("v1.4.2")
    before = files_of(project.repo.path / ".git/info")
    result = project("run")
    assert result.code == 2, result.stderr
    assert files_of(project.repo.path / ".git/info") == before


def test_mirror_path_outside_the_repository_is_refused(make_project: Callable[..., Project]) -> None:
    mirror = {"store": "file", "path": "../mirror.jsonl"}
    project = make_project(log=["file", mirror])
    project.release_commit("v1.4.2")
    refused(project("run"), "`log.path` leaves the repository", code=2)


def test_mirror_that_is_not_a_log_causes_a_warning_and_stays_unchanged(
    make_project: Callable[..., Project], tmp_path: Path
) -> None:
    victim = tmp_path / "notes.txt"
    victim.write_text("precious\n")
    project = make_project(log=["file", {"store": "file", "path": str(victim)}])
    project.release_commit("v1.4.2")
    result = project.must("run")
    assert "is not a version log" in result.stderr
    assert victim.read_text() == "precious\n"


@pytest.mark.parametrize("name", ["link", "folder/log.jsonl"])
def test_symlink_in_the_log_path_is_refused(
    make_project: Callable[..., Project], tmp_path: Path, name: str
) -> None:
    """The symlink is tracked by git, and lies on the path that the config names."""
    victim = tmp_path / "victim"
    victim.mkdir()
    project = make_project(log={"store": "file", "path": name})
    link = project.repo.path / name.split("/", maxsplit=1)[0]
    link.symlink_to(victim / "made" if name == "link" else victim)
    project.release_commit("v1.4.2")
    refused(project("run"), "symlink", code=6)
    assert files_of(victim) == {}


def test_lock_file_name_used_by_another_file_is_refused(make_project: Callable[..., Project]) -> None:
    project = make_project(log={"store": "file", "path": "yarn"})
    lock = b"# yarn lockfile v1\n"
    project.release_commit("v1.4.2", files={"yarn.lock": lock})
    refused(project("run"), "yarn.lock", "holds something else", code=6)
    assert (project.repo.path / "yarn.lock").read_bytes() == lock
    assert project.tags == {}


def test_new_log_is_created_at_an_absolute_path(make_project: Callable[..., Project], tmp_path: Path) -> None:
    path = tmp_path / "logs" / "app.jsonl"
    project = make_project(log={"store": "file", "path": str(path)})
    project.release_commit("v1.4.2")
    project.must("run")
    project.must("log", "verify")
    assert json.loads(path.read_text().splitlines()[0])["kind"] == "planned"


@pytest.mark.parametrize(
    ("mode", "kept"), [(0o644, 0o600), (0o600, 0o600), (0o640, 0o600), (0o400, 0o400), (0o200, 0o200)]
)
def test_copy_of_a_torn_tail_is_readable_by_its_owner_only(project: Project, mode: int, kept: int) -> None:
    project.must("run")
    log = project.repo.path / ".shipmark/log.jsonl"
    log.write_bytes(log.read_bytes() + b'{"at":"2026')
    log.chmod(mode)
    if os.geteuid() != 0 and mode & 0o600 != 0o600:
        pytest.skip("only root writes a file that its owner may not write")
    project.release_commit("v1.4.3")
    project.must("run")
    (torn,) = log.parent.glob("log.jsonl.torn-*")
    assert torn.read_bytes() == b'{"at":"2026'
    assert stat.S_IMODE(torn.stat().st_mode) == kept
    project.must("log", "verify")


@pytest.mark.parametrize(
    "torn", [b"{", b'{"a', b'{"at":"2026-01-01', b"\0" * 4096, b'{"at":"20\0\0\0"x":1}\n']
)
def test_torn_first_append_is_copied_and_cut_off(project: Project, torn: bytes) -> None:
    folder = project.repo.path / ".shipmark"
    folder.mkdir()
    (folder / "log.jsonl").write_bytes(torn)
    project.must("run")
    (aside,) = folder.glob("log.jsonl.torn-0-*")
    assert aside.read_bytes() == torn
    project.must("log", "verify")
