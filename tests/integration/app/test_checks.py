"""`checks:` are run on the image before it is pushed; a failure ends the release."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.releases.project import Project
from tests.support.services.docker import DockerDaemon

#: A request whose head the CI does not tell: not trusted.
FORK = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REPOSITORY": "acme/app"}
RELEASE = {"1.4.2", "1.4", "1", "latest"}


def check(name: str, script: str, **more: Any) -> dict[str, Any]:
    """Return the configuration of a check that runs a shell script; `$1` is the path of the OCI layout."""
    return {"name": name, "run": ["sh", "-c", script, name, "{{layout}}"], **more}


@pytest.fixture
def checked(make_project: Callable[..., Project]) -> Callable[..., Project]:
    """Give a function that makes a project at v1.4.2 with these checks."""

    def make(*checks: dict[str, Any], **settings: Any) -> Project:
        project = make_project(checks=list(checks), **settings)
        project.release_commit("v1.4.2")
        return project

    return make


def test_a_check_gets_the_image_that_is_released_and_is_recorded_as_passed(
    checked: Callable[..., Project], tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    project = checked(check("smoke", f"cat $1/index.json > {shlex.quote(str(seen))}"))
    project.must("run")
    (entry,) = json.loads(seen.read_text())["manifests"][-1:]
    assert entry["digest"] == project.tags["1.4.2"]
    built = next(entry for entry in project.log if entry["kind"] == "built")
    assert built["checks"] == [{"name": "smoke", "result": "passed"}]


def test_a_failed_image_check_ends_the_release_before_any_tag_is_pushed(
    checked: Callable[..., Project],
) -> None:
    project = checked(check("scan", "echo CVE-2026-1 in hello; exit 3"), check("smoke", "true"))
    result = project("run")
    assert result.code == 4
    assert "CVE-2026-1 in hello" in result.stderr
    assert "check `scan` failed: `sh` exited 3" in result.stderr
    assert project.tags == {}
    assert project.kinds() == ["planned", "failed"]
    assert project.log[-1]["error"]["step"] == "check-image:app:scan"


def test_run_after_a_failed_image_check_was_repaired_releases_the_image(
    checked: Callable[..., Project], tmp_path: Path
) -> None:
    switch = tmp_path / "switch"
    project = checked(check("smoke", f"test -e {shlex.quote(str(switch))}"))
    assert project("run").code == 4
    switch.touch()
    project.must("run")
    assert set(project.tags) >= RELEASE
    assert project.kinds().count("released") == 1


def test_pushed_image_is_not_checked_again(checked: Callable[..., Project], tmp_path: Path) -> None:
    count = tmp_path / "count"
    project = checked(check("smoke", f"echo x >> {shlex.quote(str(count))}"))
    project.must("run")
    project.must("run")
    assert count.read_text() == "x\n"


def test_preview_lists_image_checks_and_runs_none(checked: Callable[..., Project], tmp_path: Path) -> None:
    count = tmp_path / "count"
    project = checked(check("smoke", f"echo x >> {shlex.quote(str(count))}"))
    document = json.loads(project.must("preview", "--json").stdout)
    steps = {step["id"]: step["state"] for step in document["releases"][0]["steps"]}
    assert steps["check-image:app:smoke"] == "free"
    assert not count.exists()


def test_image_given_by_option_from_is_checked(checked: Callable[..., Project]) -> None:
    project = checked(check("scan", "exit 1"))
    project.repo.commit("ignore", files={".gitignore": "dist/\npart/\n"})
    project.must("build", "-o", "oci:part")
    result = project("run", "--from", "oci:part")
    assert (result.code, project.tags) == (4, {})
    assert "check `scan` failed" in result.stderr


@pytest.mark.parametrize(
    ("run", "timeout", "said"),
    [
        (["no-such-program"], 60, "there is no program `no-such-program`"),
        (["sleep", "60"], 1, "did not end within 1 seconds"),
        (["/"], 60, "`/` cannot be started"),
    ],
)
def test_image_check_that_cannot_start_or_end_is_an_error_with_the_reason(
    checked: Callable[..., Project], run: list[str], timeout: int, said: str
) -> None:
    project = checked({"name": "smoke", "run": run, "timeout": timeout})
    result = project("run")
    assert result.code == 4, result.stderr
    assert said in result.stderr
    assert "hint: " in result.stderr
    assert project.tags == {}


def test_image_checks_leave_no_temporary_files(checked: Callable[..., Project], tmp_path: Path) -> None:
    place = tmp_path / "place"
    project = checked(check("smoke", f"echo $1 > {shlex.quote(str(place))}"))
    project.must("run")
    assert not Path(place.read_text().strip()).parent.exists()


def test_sigterm_ends_a_running_image_check_and_the_release(
    checked: Callable[..., Project], tmp_path: Path
) -> None:
    fifo = tmp_path / "started"
    project = checked(check("slow", f"echo > {shlex.quote(str(fifo))}; exec sleep 600"))
    os.mkfifo(fifo)
    running = project.start("run")
    fifo.read_text()
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 143, err.decode()
    assert project.tags == {}
    assert project.kinds() == ["planned", "cancelled"]


def test_two_image_checks_of_one_name_are_refused(checked: Callable[..., Project]) -> None:
    project = checked(check("smoke", "true"), check("smoke", "false"))
    result = project("preview")
    assert result.code == 2
    assert "two checks called `smoke`" in result.stderr


def test_an_untrusted_run_ignores_the_configured_image_checks(
    checked: Callable[..., Project], tmp_path: Path
) -> None:
    count = tmp_path / "count"
    project = checked(check("smoke", f"echo x >> {shlex.quote(str(count))}"))
    for command in ("preview", "run"):
        result = project(command, env=FORK)
        assert result.code == 0, result.stderr
        assert "`checks`" in result.stderr
        assert "check-image" not in result.stdout
    assert not count.exists()


def test_an_image_check_can_use_the_image_in_the_docker_daemon_and_it_is_removed_afterwards(
    checked: Callable[..., Project], docker_daemon: DockerDaemon
) -> None:
    project = checked({"name": "look", "run": ["docker", "image", "inspect", "{{image}}"]})
    project.must("run", env={"DOCKER_HOST": docker_daemon.host})
    assert set(project.tags) >= RELEASE
    left = docker_daemon.docker("images", "--quiet", "shipmark-check").stdout
    assert not left.strip()
