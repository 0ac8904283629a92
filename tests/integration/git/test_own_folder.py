"""Workspaces whose author prepared `.shipmark`: nothing is run, read, written or deleted through that folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.git.snapshot import snapshot
from release.programs.processes import Processes
from tests.support.programs.command import Result, Shipmark
from tests.support.releases.git import GitRepo
from tests.support.releases.project import FILES

CONFIG: dict[str, Any] = {"image": "oci:dist/image", "project": "acme/app", "build": {"builder": "layers"}}


@pytest.fixture
def author(make_repo: Callable[[str], GitRepo]) -> GitRepo:
    """Give a repository with v1.4.2 at HEAD; tests commit files of a hostile author by `publish`."""
    repo = make_repo("author")
    repo.commit("first", files={**FILES, "shipmark.yml": json.dumps(CONFIG)})
    return repo


def publish(author: GitRepo, folder: Path) -> GitRepo:
    """Commit everything, ignored or not, tag the commit v1.4.2, and return a clone in `folder`."""
    author.git("add", "--all", "--force")
    author.git("commit", "--quiet", "--allow-empty", "--message=change")
    author.tag("v1.4.2")
    return author.clone(folder)


def refused(result: Result, *words: str) -> None:
    assert result.code == 6, (result.code, result.stdout, result.stderr)
    assert "error: `.shipmark` " in result.stderr
    assert "hint: " in result.stderr
    for word in words:
        assert word in result.stderr


COMMANDS = (("preview",), ("preview", "--offline"), ("log", "list"), ("run",), ("log", "verify"))


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_tracked_repository_in_dot_shipmark_runs_no_program(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path, args: tuple[str, ...]
) -> None:
    pwned = tmp_path / "PWNED"
    inner = author.path / ".shipmark/cache/log.git"
    author.git("init", "--quiet", "--bare", str(inner))
    for folder in ("objects", "refs"):
        (inner / folder / "keep").touch()
    author.git(
        *("config", "-f", str(inner / "config"), "remote.log.uploadpack"), f"touch {pwned}; git-upload-pack"
    )
    author.write({"shipmark.yml": json.dumps({**CONFIG, "log": {"store": "git"}})})
    clone = publish(author, tmp_path / "clone")
    result = shipmark(*args, cwd=clone.path)
    refused(result, ".shipmark/cache/log.git/")
    assert not pwned.exists()
    # Control: git itself, started in that repository, runs the trap.
    trap = ("--git-dir", str(clone.path / ".shipmark/cache/log.git"), "-c", f"remote.log.url={author.path}")
    clone.git(*trap, "fetch", "--quiet", "log", check=False)
    assert pwned.exists()


@pytest.mark.parametrize("where", ["runs", "cache", "cache/images"])
@pytest.mark.parametrize("tagged", [True, False], ids=["release", "nothing to release"])
def test_tracked_symlink_in_dot_shipmark_deletes_no_file(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path, where: str, tagged: bool
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in ("a", "b"):
        (victim / name).write_text("precious")
        os.utime(victim / name, (0, 0))
    link = author.path / ".shipmark" / where
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(victim, link.parent))
    clone = publish(author, tmp_path / "clone")
    if not tagged:
        clone.git("tag", "--delete", "v1.4.2")
    refused(shipmark("run", cwd=clone.path), f".shipmark/{where}")
    assert {path.name: path.read_text() for path in victim.iterdir()} == {"a": "precious", "b": "precious"}


def test_untracked_symlink_in_dot_shipmark_is_not_followed(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    """A cache action or another step of the job may create such a symlink, which git does not track."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "old").write_text("precious")
    os.utime(victim / "old", (0, 0))
    clone = publish(author, tmp_path / "clone")
    (clone.path / ".shipmark").mkdir()
    for name in ("runs", "cache"):
        (clone.path / ".shipmark" / name).symlink_to(victim)
    result = shipmark("run", cwd=clone.path)
    assert result.code == 0, result.stderr
    assert [path.name for path in victim.iterdir()] == ["old"]


def tracked_log(author: GitRepo) -> str:
    author.write({".shipmark/log.jsonl": ""})
    return ".shipmark/log.jsonl"


def tracked_deep(author: GitRepo) -> str:
    author.write({".shipmark/a/b/c": "x"})
    return ".shipmark/a/b/c"


def submodule(author: GitRepo) -> str:
    inner = GitRepo(author.path.parent / "inner", home=Path(author.env["HOME"]))
    inner.commit("x", files={"log.jsonl": ""})
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    author.git(*add, str(inner.path), ".shipmark")
    return "tracks (`.shipmark`)"


def in_index_version_4(author: GitRepo) -> str:
    author.write({".shipmark/log.jsonl": "", ".shipmar/k": ""})
    return ".shipmark/log.jsonl"


MADE = {
    "log": tracked_log,
    "deep": tracked_deep,
    "submodule": submodule,
    "index version 4": in_index_version_4,
    "split index": tracked_log,
}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("args", [("tags",), ("log", "list"), ("preview",)], ids=" ".join)
def test_tracked_path_in_dot_shipmark_is_refused(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path, kind: str, args: tuple[str, ...]
) -> None:
    shown = MADE[kind](author)
    clone = publish(author, tmp_path / "clone")
    if kind == "submodule":
        clone.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    if kind == "index version 4":
        clone.git("update-index", "--index-version=4")
    if kind == "split index":
        clone.git("update-index", "--split-index")
    refused(shipmark(*args, cwd=clone.path), shown, "git rm -r --cached .shipmark")


@pytest.mark.parametrize(
    ("target", "made"),
    [("elsewhere", True), ("nowhere", False), (".git", True)],
    ids=["folder", "dangling", "git"],
)
def test_a_symlink_in_place_of_dot_shipmark_is_refused(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path, target: str, made: bool
) -> None:
    clone = publish_with(author, tmp_path, lambda: None)
    if target == "elsewhere":
        (tmp_path / target).mkdir()
    (clone.path / ".shipmark").symlink_to(".git" if target == ".git" else tmp_path / target)
    refused(shipmark("run", cwd=clone.path), "is a symlink")
    refused(shipmark("tags", cwd=clone.path), "is a symlink")
    assert made or not (tmp_path / target).exists()
    assert not list(tmp_path.glob("elsewhere/*"))


def publish_with(author: GitRepo, tmp_path: Path, change: Callable[[], None]) -> GitRepo:
    author.write({"hello.txt": "changed\n"})
    change()
    return publish(author, tmp_path / "clone")


def test_regular_file_called_dot_shipmark_is_refused(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = publish_with(author, tmp_path, lambda: None)
    (clone.path / ".shipmark").write_text("in the way")
    refused(shipmark("log", "list", cwd=clone.path), "is not a folder")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_dot_shipmark_of_a_third_user_is_refused_and_that_of_the_workspace_owner_accepted(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = publish_with(author, tmp_path, lambda: None)
    (clone.path / ".shipmark").mkdir()
    os.chown(clone.path / ".shipmark", 12345, 12345)
    refused(shipmark("run", cwd=clone.path), "belongs to user id 12345")
    os.chown(clone.path, 12345, 12345)  # as in a container that runs as root on a runner's workspace
    trusted = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    assert shipmark("run", cwd=clone.path, env=trusted).code == 0


def test_gitignore_symlink_in_dot_shipmark_is_refused(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = publish_with(author, tmp_path, lambda: None)
    (clone.path / ".shipmark").mkdir()
    (clone.path / ".shipmark/.gitignore").symlink_to(tmp_path / "made")
    refused(shipmark("run", cwd=clone.path), ".gitignore")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.lock"])
@pytest.mark.parametrize("content", ["", "precious\n"], ids=["empty", "full"])
def test_log_file_that_is_a_symlink_is_refused(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path, name: str, content: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text(content)
    clone = publish_with(author, tmp_path, lambda: None)
    (clone.path / ".shipmark").mkdir()
    (clone.path / ".shipmark" / name).symlink_to(victim)
    result = shipmark("run", cwd=clone.path)
    assert result.code == 6, result.stderr
    assert "symlink" in result.stderr
    assert "hint: " in result.stderr
    assert victim.read_text() == content


def test_log_file_that_is_a_pipe_is_refused_without_blocking(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    clone = publish_with(author, tmp_path, lambda: None)
    (clone.path / ".shipmark").mkdir()
    os.mkfifo(clone.path / ".shipmark/log.jsonl")
    started = time.monotonic()
    for args in (("tags",), ("run",), ("log", "list")):
        result = shipmark(*args, cwd=clone.path)
        assert result.code == 6, result.stderr
        assert "not a regular file" in result.stderr
    assert time.monotonic() - started < 60


def test_changed_tracked_file_in_dot_shipmark_makes_the_tree_dirty(author: GitRepo, tmp_path: Path) -> None:
    author.write({".shipmark/x": "x"})
    clone = publish(author, tmp_path / "clone")
    (clone.path / ".shipmark/x").write_text("changed")
    (clone.path / ".shipmark/untracked").write_text("")
    taken = snapshot(Processes(Cancel()), str(clone.path), env=clone.env)
    assert taken.dirty == (".shipmark/x",)


def test_dot_shipmark_made_by_shipmark_is_accepted_and_not_dirty(
    author: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    # The index contains the name of the folder, so git runs; it lists no tracked file in the folder.
    author.write({"docs/.shipmark/example": "", "dev.shipmark/x": ""})
    clone = publish_with(author, tmp_path, lambda: None)
    assert shipmark("run", cwd=clone.path).code == 0
    assert clone.git("status", "--porcelain", "--ignored") == "!! .shipmark/\n!! dist/"
    again = shipmark("run", cwd=clone.path)
    assert again.code == 0
    assert "nothing to do" in again.stderr
    assert sorted(path.name for path in (clone.path / ".shipmark").iterdir()) == [
        ".gitignore",
        "log.jsonl",
        "log.jsonl.lock",
    ]
