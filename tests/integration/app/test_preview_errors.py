"""`preview` ends with the error that `run` would end with, and finds it without changing anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from release.app.releases.request import RunRequest
from release.app.releases.results import RunResult
from release.app.releases.run import preview, run
from release.app.session import Session
from release.app.workspace import open_workspace
from release.errors import ReleaseError
from tests.support.releases.git import GitRepo

CONFIG = "image: oci:dist/image\nbuild: {builder: layers}\n"
IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "a file for the layout": lambda top: write(top / "dist/image"),
    "a file for a folder above": lambda top: write(top / "dist"),
    "a file for the blobs": lambda top: write(top / "dist/image/blobs"),
    "a symlink for the layout": lambda top: link(top / "dist/image"),
    "a symlink for a folder above": lambda top: link(top / "dist"),
}
WRONG_TREES: dict[str, Callable[[Path], object]] = {
    "a log that is none": lambda top: write(top / ".shipmark/log.jsonl"),
    "a component without an image": lambda top: (top / "shipmark.yml").write_text(
        "build: {builder: layers}\n"
    ),
    "a Dockerfile that is gone": lambda top: (top / "Dockerfile").unlink(),
}


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("something else\n")


def link(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path.parent.parent)


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    files = {
        "Dockerfile": "FROM scratch\nCOPY a /a\n",
        "a": "1",
        ".gitignore": "dist\n",
        "shipmark.yml": CONFIG,
    }
    git_repo.commit(files=files)
    git_repo.tag("v1.0.0")
    return git_repo


def error_of(
    act: Callable[[Session, RunRequest], RunResult], repo: GitRepo, request: RunRequest
) -> ReleaseError:
    try:
        error = act(open_workspace(str(repo.path), env=repo.env), request).error
    except ReleaseError as raised:
        error = raised
    assert error is not None
    return error


def require_equal_errors(repo: GitRepo, request: RunRequest | None = None) -> ReleaseError:
    request = request or RunRequest()
    before = {path: path.lstat().st_mtime_ns for path in repo.path.rglob("*") if ".git" not in path.parts}
    shown = error_of(preview, repo, request)
    after = {path: path.lstat().st_mtime_ns for path in repo.path.rglob("*") if ".git" not in path.parts}
    assert after == before
    ran = error_of(run, repo, request)
    assert (type(shown), shown.message, shown.hint) == (type(ran), ran.message, ran.hint)
    return shown


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_preview_finds_what_is_in_the_way_of_a_layout(repo: GitRepo, name: str) -> None:
    IN_THE_WAY[name](repo.path)
    assert "shipmark does not go through it" in require_equal_errors(repo).message


@pytest.mark.parametrize("name", WRONG_TREES)
def test_preview_of_uncommitted_changes_refuses_them_before_anything_else_as_run_does(
    repo: GitRepo, name: str
) -> None:
    WRONG_TREES[name](repo.path)
    repo.write({"a": "2"})
    assert "tracked files differ" in require_equal_errors(repo).message


def test_preview_of_uncommitted_changes_refuses_them_before_a_missing_reason(repo: GitRepo) -> None:
    repo.write({"a": "2"})
    asked = RunRequest(allow_backward=True)
    assert "tracked files differ" in require_equal_errors(repo, asked).message


def test_preview_without_a_commit_says_that_first(git_repo: GitRepo) -> None:
    assert "has no commit yet" in require_equal_errors(git_repo).message
