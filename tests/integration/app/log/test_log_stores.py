"""Releases whose config puts the version log into a git ref, a database, or a mirrored store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.releases.project import Project

KINDS = ["planned", "built", "pushed", "released", "moved"]


@pytest.fixture
def remote(tmp_path: Path) -> Callable[[Project], Path]:
    """Give a function that makes a bare clone of the project and adds it to the project as remote `origin`."""

    def make(project: Project) -> Path:
        bare = project.repo.clone(tmp_path / "remote.git", "--bare").path
        project.repo.git("remote", "add", "origin", f"file://{bare}")
        return bare

    return make


def kinds(project: Project) -> list[str]:
    entries = project.must("log", "show", "1.4.2", "--json").json["entries"]
    return [entry["kind"] for entry in entries]


def test_a_version_log_in_a_git_ref_is_read_in_a_new_clone(
    make_project: Callable[..., Project], remote: Callable[[Project], Path], tmp_path: Path
) -> None:
    project = make_project(log={"store": "git"})
    project.release_commit("v1.4.2")
    remote(project)
    project.must("run")
    assert kinds(project) == KINDS
    refs = project.repo.git("for-each-ref", "--format=%(refname)")
    project.lose_disk()
    project.must("run")
    assert kinds(project) == KINDS
    assert project.repo.git("for-each-ref", "--format=%(refname)") == refs
    assert project.repo.git("ls-remote", "origin", "refs/shipmark/log")
    assert "at origin" in project.must("log", "verify").stdout


def test_a_version_log_in_a_database_must_be_created_by_log_migrate(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(log={"store": "sql", "url": "sqlite:///${LOG_FILE}"})
    project.release_commit("v1.4.2")
    env = {"LOG_FILE": str(project.repo.path / ".git" / "log.sqlite")}
    refused = project("run", env=env)
    assert refused.code != 0
    assert "shipmark log migrate" in refused.stderr
    assert project.tags == {}
    project.must("log", "migrate", env=env)
    project.must("run", env=env)
    shown = project.must("log", "show", "1.4.2", "--json", env=env).json["entries"]
    assert [entry["kind"] for entry in shown] == KINDS


def test_mirror_of_a_version_log_has_the_same_bytes(
    make_project: Callable[..., Project], remote: Callable[[Project], Path]
) -> None:
    project = make_project(log=["git", "file"])
    project.release_commit("v1.4.2")
    remote(project)
    project.must("run")
    assert project.kinds() == KINDS
    project.must("log", "copy", "--from", "git:origin", "--to", "file:.git/copy.jsonl")
    copied = (project.repo.path / ".git/copy.jsonl").read_bytes()
    assert copied == (project.repo.path / ".shipmark/log.jsonl").read_bytes()
    again = project.must("log", "copy", "--from", "git:origin", "--to", "file:.git/copy.jsonl")
    assert again.stdout.startswith("0 entries copied")
    for source in ("file:.git/copi.jsonl", "file:./.git/copy.jsonl"):
        refused = project("log", "copy", "--from", source, "--to", "file:.git/copy.jsonl")
        assert (refused.code, refused.stdout) == (2, "")


def test_release_stops_before_anything_is_visible_if_the_logs_remote_is_missing(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(log={"store": "git"})
    project.release_commit("v1.4.2")
    result = project("run")
    assert result.code == 2
    assert "hint: " in result.stderr
    assert project.tags == {}


def test_log_migrate_hides_a_sqlite_log_in_shipmarks_folder_from_git(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(log={"store": "sql", "url": "sqlite:///.shipmark/logs/log.db"})
    project.release_commit("v1.4.2")
    project.must("log", "migrate")
    project.must("run")
    assert project.repo.git("status", "--porcelain") == ""
    project.repo.git("add", "-A")
    project.must("run")


def test_log_migrate_names_the_folder_that_it_cannot_make(make_project: Callable[..., Project]) -> None:
    project = make_project(log={"store": "sql", "url": "sqlite:////proc/none/log.db"})
    project.release_commit("v1.4.2")
    done = project("log", "migrate")
    assert done.code == 1
    assert "folder `/proc/none` of the version log cannot be made: no such file or directory" in done.stderr


def test_log_migrate_makes_the_tables_of_each_database_in_the_config(
    make_project: Callable[..., Project],
) -> None:
    stores = [{"store": "sql", "url": f"sqlite:///.shipmark/{name}.db"} for name in ("first", "second")]
    project = make_project(log=[stores[0], "file", stores[1]])
    project.release_commit("v1.4.2")
    made = project.must("log", "migrate").stdout
    assert made.splitlines() == [
        "the tables were at nothing and are at 0002",
        "copy sqlite:.shipmark/second.db: the tables were at nothing and are at 0002",
    ]
    project.must("run")
    copies = project.must("log", "verify", "--json").json["copies"]
    assert [one["finding"] for one in copies] == ["same", "same"]
