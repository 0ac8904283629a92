"""Bad input is refused with a message, a hint and an exit code; nothing is pushed or recorded as released."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.command import Result, Shipmark
from tests.support.releases.git import GitRepo
from tests.support.releases.project import Project
from tests.support.services.required import require

Breakage = Callable[[Project], None]


def refused(project: Project, code: int, *words: str, **more: Any) -> Result:
    """Assert that `preview` and `run` exit with `code`, print `words` and a hint, and change no registry and no log."""
    for command in ("preview", "run"):
        result = project(command, **more)
        assert result.code == code, f"{command}: {result.code}\n{result.stdout}\n{result.stderr}"
        for word in words:
            assert word in result.stderr
        assert result.stderr.startswith(("error: ", "warning: ")) or "\nerror: " in result.stderr
        assert "hint: " in result.stderr
        assert "Traceback" not in result.stderr
    assert project.tags == {}
    assert {"built", "pushed", "released", "moved"}.isdisjoint(project.kinds())
    return result


def test_a_dirty_work_tree_is_refused_and_preview_still_prints_the_tags(project: Project) -> None:
    project.repo.write({"hello.txt": "changed\n"})
    refused(project, 3, "`hello.txt`", "tracked files differ from commit")
    assert "1.4.2" in project("preview").stdout


def test_run_outside_of_a_git_repository_is_refused(shipmark: Shipmark, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    result = shipmark("run", "--image", "localhost:1/app", cwd=folder)
    assert result.code == 3
    assert "hint: " in result.stderr


def test_run_in_a_repository_without_commits_is_refused(
    make_repo: Callable[[str], GitRepo], shipmark: Shipmark
) -> None:
    result = shipmark("run", "--image", "localhost:1/app", cwd=make_repo("empty").path)
    assert result.code == 3
    assert "hint: " in result.stderr


def test_run_on_a_branch_without_commits_is_refused(project: Project) -> None:
    project.repo.git("checkout", "--quiet", "--orphan", "fresh")
    refused(project, 3, "fresh")


def test_run_in_a_bare_repository_is_refused(project: Project, shipmark: Shipmark, tmp_path: Path) -> None:
    bare = project.repo.clone(tmp_path / "bare.git", "--bare")
    result = shipmark("run", "--image", project.image, cwd=bare.path)
    assert result.code == 3
    assert "bare" in result.stderr
    assert "hint: " in result.stderr


def test_repository_of_another_owner_is_refused_with_the_git_setting_that_helps(project: Project) -> None:
    if os.geteuid() != 0:
        require("docker")  # the same need: only root can give a folder away
    os.chown(project.repo.path, 65534, 65534)
    os.chown(project.repo.path / ".git", 65534, 65534)
    refused(project, 3, "safe.directory", str(project.repo.path))


def test_version_in_a_shallow_clone_without_a_tag_at_head_is_an_error(
    make_project: Callable[..., Project], tmp_path: Path
) -> None:
    project = make_project()
    project.release_commit()
    clone = project.repo.clone(tmp_path / "shallow", "--depth=1")
    result = project("version", cwd=clone.path)
    assert result.code == 3
    assert "hint: " in result.stderr
    assert "--unshallow" in result.stderr


def test_two_version_tags_of_equal_precedence_are_refused_and_both_named(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    project.release_commit("v1.4.2+linux", "v1.4.2+windows")
    refused(project, 3, "v1.4.2+linux", "v1.4.2+windows")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("imagee: x\n", ("shipmark.yml:1:1: unknown key `imagee`", "did you mean `image`?")),
        ("image: [a\n", ("shipmark.yml:2:1",)),
    ],
)
def test_a_bad_config_names_file_line_and_column(project: Project, text: str, words: tuple[str, ...]) -> None:
    project.repo.write({"shipmark.yml": text})
    result = project("run")
    assert result.code == 2
    for word in words:
        assert word in result.stderr
    assert project.tags == {}


@pytest.mark.parametrize("image", ["UPPER/case", "host/app:tag", "a b", "-x", "oci:"])
def test_target_that_is_not_a_reference_is_refused(project: Project, image: str) -> None:
    result = project("run", "--image", image)
    assert result.code == 2
    assert "error: " in result.stderr
    assert "hint: " in result.stderr


def test_run_without_a_target_is_refused(make_project: Callable[..., Project]) -> None:
    project = make_project(image=None)
    refused(project, 2, "has no image to go to", "--image")


def _without_dockerfile(project: Project) -> None:
    project.repo.git("rm", "--quiet", "Dockerfile")


def _with_context_outside(project: Project) -> None:
    project.configure(build={"builder": "layers", "context": ".."})


def _with_symlink_outside(project: Project) -> None:
    (project.repo.path / "hello.txt").unlink()
    (project.repo.path / "hello.txt").symlink_to("/etc/hostname")


def _with_run(project: Project) -> None:
    project.repo.write({"Dockerfile": "FROM scratch\nCOPY hello.txt /\nRUN true\n"})


@pytest.mark.parametrize(
    ("breakage", "word"),
    [
        (_without_dockerfile, "Dockerfile"),
        (_with_context_outside, "outside"),
        (_with_run, "Dockerfile:3"),
        (_with_symlink_outside, "hello.txt"),
    ],
)
def test_build_that_layers_cannot_do_is_refused(
    make_project: Callable[..., Project], breakage: Breakage, word: str
) -> None:
    project = make_project()
    breakage(project)
    project.repo.commit("break it")
    project.repo.tag("v1.4.2")
    refused(project, 4, word)


def test_docker_daemon_that_is_down_is_reported(project: Project, tmp_path: Path) -> None:
    project.configure(build={"builder": "docker"})
    project.release_commit("v1.5.0")
    refused(project, 4, "docker", env={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})


@pytest.fixture
def babbler() -> Iterator[str]:
    """Give the address of a server that answers every request with garbage."""
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def babble() -> None:
        while not ended.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(b"\x00\xffthis is no HTTP\r\n\r\n")

    thread = threading.Thread(target=babble, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    ended.set()
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_docker_daemon_that_answers_garbage_is_reported(project: Project, babbler: str) -> None:
    project.configure(build={"builder": "docker"})
    project.release_commit("v1.5.0")
    refused(project, 4, "Docker Engine", env={"DOCKER_HOST": f"tcp://{babbler}"})


def test_registry_that_is_down_is_reported(project: Project) -> None:
    project.registry.stop()
    for command in ("preview", "run"):
        result = project(command)
        assert result.code == 5
        assert project.registry.host in result.stderr
        assert "hint: " in result.stderr
    project.registry.start()
    assert project.tags == {}
    assert project.kinds() == []


def test_wrong_registry_credentials_are_reported(
    make_project: Callable[..., Project], registry_factory: Any, tmp_path: Path
) -> None:
    server = registry_factory(auth="basic")
    project = make_project(image=f"{server.host}/acme/app")
    project.release_commit("v1.4.2")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": "cm9ib3Q6d3Jvbmc="}}}))
    refused(project, 5, server.host, env={"DOCKER_CONFIG": str(tmp_path)})


def test_log_that_was_edited_in_the_middle_is_refused(project: Project) -> None:
    project.must("run")
    path = project.repo.path / ".shipmark/log.jsonl"
    path.write_text(path.read_text().replace('"via":"build"', '"via":"adopt"', 1))
    before = path.read_text()
    project.release_commit("v1.4.3")
    for command in (("run",), ("preview",), ("log", "verify"), ("log", "list")):
        result = project(*command)
        assert result.code == 6, command
        assert "hint: " in result.stderr
    assert path.read_text() == before
    assert "1.4.3" not in project.tags


def test_a_misspelt_command_is_refused_with_the_similar_one(shipmark: Shipmark) -> None:
    result = shipmark("previw")
    assert result.code == 2
    assert "`preview`" in result.stderr


def test_the_hint_of_a_usage_error_names_the_command(shipmark: Shipmark) -> None:
    result = shipmark("run", "--release")
    assert result.code == 2
    assert "`shipmark run --help`" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("log", "list", "--project", "a", "--all-projects"),
        ("log", "list", "--all-projects", "--project", "a"),
        ("log", "list", "-n", "3", "--all"),
        ("log", "history", "latest", "--all", "--limit", "3"),
        ("log", "list", "--json", "--format", "csv"),
        ("tags", "--json", "--format", "env"),
        ("build", "-o", "oci:a", "-o", "oci:b"),
        ("run", "--reason", "a", "--reason", "b"),
        ("preview", "--config", "a.yml", "--config", "b.yml"),
    ],
)
def test_no_option_of_two_that_do_not_go_together_is_lost_in_silence(
    shipmark: Shipmark, words: tuple[str, ...]
) -> None:
    result = shipmark(*words)
    assert (result.code, result.stdout) == (2, "")
    assert "hint: leave one" in result.stderr or "hint: it takes one value" in result.stderr


class TestGoesOn:
    """Unusual states of a repository that do not prevent a release."""

    def test_release_from_a_detached_head_succeeds(self, project: Project) -> None:
        project.repo.checkout("v1.4.2")
        project.must("run")
        assert "latest" in project.tags

    def test_malformed_version_tags_are_reported_once_and_the_release_succeeds(
        self, project: Project
    ) -> None:
        for name in ("vNOT-A-VERSION", "v1", "nightly"):
            project.repo.tag(name)
        result = project.must("run")
        assert result.stderr.count("vNOT-A-VERSION") == 1
        assert "latest" in project.tags

    def test_build_metadata_of_a_version_becomes_part_of_the_image_tag(
        self, make_project: Callable[..., Project]
    ) -> None:
        project = make_project()
        project.release_commit("v1.4.2+build.5")
        project.must("run")
        assert "1.4.2_build.5" in project.tags

    def test_release_from_a_shallow_clone_at_a_tag_succeeds(self, project: Project, tmp_path: Path) -> None:
        clone = project.repo.clone(tmp_path / "shallow", "--depth=1", "--branch=v1.4.2")
        result = project.must("run", cwd=clone.path)
        assert set(project.tags) >= {"1.4.2", "1.4", "1", "latest"}, result.stderr

    def test_release_with_a_torn_last_log_line_succeeds(self, project: Project) -> None:
        project.must("run")
        path = project.repo.path / ".shipmark/log.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole[:-25])
        project.release_commit("v1.4.3")
        project.must("run")
        assert project.tags["1.4.3"] == project.tags["latest"]
        project.must("log", "verify")
