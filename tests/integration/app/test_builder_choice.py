"""`builder: auto` without a Docker daemon, with a daemon that does not answer, and without any usable builder."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.releases.project import Project

RUN = "FROM scratch\nCOPY hello.txt /\nRUN true\n"


class Listener:
    """Server that closes every connection after its first line; `asked` keeps these lines."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder}/d.sock"
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(f"{folder}/d.sock")
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                line = connection.recv(4096).decode("latin-1").partition("\r\n")[0]
                self.asked += [line] if line else []

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path)
    yield made
    made.close()


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """Give a project with `builder: auto`, whose HEAD has a release tag."""
    made = make_project(build={"builder": "auto"})
    made.release_commit("v1.4.2", files={"Dockerfile": "FROM scratch\nCOPY hello.txt /\n"})
    return made


def env(tmp_path: Path) -> dict[str, str]:
    return {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}


def row(result: Any, step: str) -> Any:
    return next(one for one in result.json["releases"][0]["steps"] if one["id"] == step)


def test_preview_names_the_chosen_builder_and_why_no_other_was_taken(
    project: Project, tmp_path: Path
) -> None:
    result = project.must("preview", "--json", env=env(tmp_path))
    assert result.json["releases"][0]["builder"] == "layers"
    text = row(result, "obtain:app")["reason"]
    assert text.startswith("build `Dockerfile` in `.` (auto: layers; `buildkit`: neither `buildx` nor")
    assert "; `docker`: the docker daemon at " in text
    assert "does not answer: no such file or directory" in text
    assert text in project.must("preview", env=env(tmp_path)).stdout


def test_run_builds_with_the_chosen_builder_and_records_its_name(project: Project, tmp_path: Path) -> None:
    result = project.must("run", "--json", env=env(tmp_path))
    assert result.json["releases"][0]["builder"] == "layers"
    assert "building with `layers`" in result.stderr
    (built,) = [entry for entry in project.log if entry["kind"] == "built"]
    assert built["builder"] == "layers"
    again = project.must("run", "--json", env=env(tmp_path))
    assert again.json["releases"][0]["builder"] is None


def test_preview_and_run_contact_the_docker_daemon_once_each(project: Project, listener: Listener) -> None:
    project.must("preview", env={"DOCKER_HOST": listener.url})
    assert listener.asked == ["GET /version HTTP/1.1"]
    project.must("run", env={"DOCKER_HOST": listener.url})
    assert listener.asked == ["GET /version HTTP/1.1"] * 2


def test_the_docker_daemon_is_not_contacted_offline_or_when_nothing_is_built(
    project: Project, listener: Listener, tmp_path: Path
) -> None:
    offline = project.must("preview", "--offline", "--json", env={"DOCKER_HOST": listener.url})
    assert offline.json["releases"][0]["builder"] is None
    assert row(offline, "obtain:app")["reason"] == "build `Dockerfile` in `.` (auto)"
    project.must("run", env=env(tmp_path))
    project.must("run", env={"DOCKER_HOST": listener.url})
    assert listener.asked == []


def test_missing_dockerfile_is_found_offline_and_without_contacting_the_daemon(
    project: Project, listener: Listener
) -> None:
    (project.repo.path / "Dockerfile").unlink()
    project.release_commit("v1.4.3")
    for options in (["--offline"], []):
        result = project("preview", *options, "--json", env={"DOCKER_HOST": listener.url})
        assert (result.code, result.json["exit_code"]) == (4, 4)
        assert "error: there is no Dockerfile at `" in result.stderr
        assert row(result, "check-builder:app")["state"] == "unknown"
    assert listener.asked == []


@pytest.mark.parametrize(
    ("builder", "own"),
    [
        ("docker", "hint: start the daemon, or set `DOCKER_HOST` to one that runs"),
        ("layers", "hint: use `builder: docker`"),
    ],
)
def test_hint_does_not_name_builder_auto_if_no_builder_could_build(
    project: Project, tmp_path: Path, builder: str, own: str
) -> None:
    project.configure(build={"builder": builder})
    project.release_commit("v1.4.3", files={"Dockerfile": RUN})
    result = project("preview", env=env(tmp_path))
    assert result.code == 4
    assert own in result.stderr
    assert "builder: auto" not in result.stderr


def test_run_without_a_usable_builder_names_the_reason_of_each_and_records_nothing(
    project: Project, tmp_path: Path
) -> None:
    project.release_commit("v1.4.3", files={"Dockerfile": RUN})
    for command in ("preview", "run"):
        result = project(command, "--json", env=env(tmp_path))
        assert (result.code, result.json["exit_code"]) == (4, 4)
        assert "error: no builder can make this image: `buildkit`: neither `buildx` nor" in result.stderr
        assert "; `docker`: the docker daemon at " in result.stderr
        assert "`layers`: Dockerfile:3: the builder `layers` does not support `RUN`" in result.stderr
        assert "hint: install buildx or start a docker daemon; or make the files" in result.stderr
        assert row(result, "check-builder:app")["state"] == "unknown"
    assert project.log == []


def test_preview_with_builder_auto_names_the_missing_target_stage(project: Project, tmp_path: Path) -> None:
    project.configure(build={"builder": "auto", "target": "none"})
    project.release_commit("v1.4.3")
    result = project("preview", env=env(tmp_path))
    assert result.code == 4
    assert "error: `Dockerfile` has no stage `none`\n" in result.stderr
    assert "hint: name a stage with `FROM … AS name`" in result.stderr


def test_builder_named_in_the_config_is_not_replaced_by_another(project: Project, tmp_path: Path) -> None:
    project.configure(build={"builder": "docker"})
    project.release_commit("v1.4.3")
    result = project("preview", "--json", env=env(tmp_path))
    assert result.code == 4
    assert result.json["releases"][0]["builder"] == "docker"
    assert "does not answer: no such file or directory" in result.stderr
    assert "hint: `builder: auto` takes whichever builder can do it" in result.stderr


def test_plan_names_the_builder_and_stays_valid_on_a_machine_with_another_builder(
    project: Project, tmp_path: Path, listener: Listener
) -> None:
    project.must("preview", "-o", "plan.json", env=env(tmp_path))
    plan = json.loads((project.repo.path / "plan.json").read_text())["plan"]
    (operands,) = [step["operands"] for step in plan["steps"] if step["kind"] == "build-image"]
    assert (operands["builder"], operands["spec"].get("builder")) == ("layers", None)
    project.must("run", "--plan", "plan.json", env={"DOCKER_HOST": listener.url})
    assert "released" in project.kinds()


def test_builder_layers_builds_on_a_base_image_that_an_earlier_release_pushed(
    project: Project, tmp_path: Path
) -> None:
    project.must("run", env=env(tmp_path))
    digest = project.tags["1.4.2"]
    base = f"{project.image}@{digest}"
    project.release_commit("v1.5.0", files={"Dockerfile": f"FROM {base}\nCOPY hello.txt /again\n"})
    previewed = project.must("preview", "--json", env=env(tmp_path))
    assert previewed.json["releases"][0]["builder"] == "layers"
    result = project.must("run", "-v", env=env(tmp_path))
    assert f"Dockerfile:1: the base `{base}` is `{base}` for `linux/amd64`" in result.stderr
    layers = {
        version: json.loads(project.registry.manifest(project.name, version)[1])["layers"]
        for version in ("1.4.2", "1.5.0")
    }
    assert layers["1.5.0"][:-1] == layers["1.4.2"]


def test_a_missing_base_image_is_an_error_in_preview_and_run(project: Project, tmp_path: Path) -> None:
    base = f"{project.registry.host}/none:1"
    project.release_commit("v1.5.0", files={"Dockerfile": f"FROM {base}\nCOPY hello.txt /\n"})
    for command in ("preview", "run"):
        result = project(command, env=env(tmp_path))
        assert result.code == 4
        assert f"`layers`: Dockerfile:1: the base `{base}` cannot be read: " in result.stderr
    assert project.log == []


@pytest.mark.parametrize(
    ("build", "dockerfile", "section"),
    [
        ({"builder": "layers"}, RUN, "builder-feature"),
        ({"builder": "layers", "network": "host"}, "FROM scratch\n", "builder-feature"),
        ({"builder": "layers"}, "FROM scratch\nCOPY nothing /\n", "build-context"),
        ({"builder": "layers"}, "FROM scratch\nCOPPY a /\n", "dockerfile"),
        ({"builder": "layers"}, "FROM localhost:1/base\nCOPY hello.txt /\n", "base-image"),
        ({"builder": "layers", "platforms": ["linux/amd65"]}, "FROM scratch\n", "platform"),
        ({"builder": "docker"}, "FROM scratch\n", "docker-daemon"),
        ({"builder": "buildkit"}, "FROM scratch\n", "builder-unavailable"),
    ],
)
def test_reason_why_nothing_is_built_names_the_section_of_its_own_kind(
    make_project: Callable[..., Project], tmp_path: Path, build: dict[str, Any], dockerfile: str, section: str
) -> None:
    project = make_project(build=build)
    project.release_commit("v1.4.2", files={"Dockerfile": dockerfile})
    for command in ("preview", "build"):
        result = project(command, env={**env(tmp_path), "SHIPMARK_BUILDX": ""})
        assert (result.code, f"docs/errors.md#{section} in" in result.stderr) == (4, True), result.stderr
