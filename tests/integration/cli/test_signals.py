"""SIGTERM and SIGINT in every phase: the run ends within five seconds, records its end, and leaves no process."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.registries.gate import Gate, Passage
from tests.support.releases.project import Project
from tests.support.services.docker import DockerDaemon

RELEASE = {"1.4.2", "1.4", "1", "latest"}
LIMIT = 5.0  # seconds


@pytest.fixture
def guarded(make_project: Callable[..., Project], gate: Gate) -> Project:
    """Give a project whose registry is behind the gate, ready to release v1.4.2."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
    project.release_commit("v1.4.2")
    return project


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait, by polling, until a condition holds."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"no sign of {what}"
        time.sleep(0.02)


def gone_in_time(process: subprocess.Popen[bytes], number: signal.Signals, code: int) -> str:
    """Send a signal to the process; assert that it ends with `code` in time, and return its stderr."""
    struck = time.monotonic()
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err.decode()
    assert time.monotonic() - struck < LIMIT
    assert f"{number.name}: stopping" in err.decode()
    return err.decode()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the log file, as another run would."""
    path.parent.mkdir(exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def waits_at(process: subprocess.Popen[bytes], path: Path) -> Callable[[], bool]:
    """Return a function that tells whether the process has the lock file open."""

    def look() -> bool:
        folder = f"/proc/{process.pid}/fd"
        try:
            return any(os.readlink(f"{folder}/{name}") == str(path) for name in os.listdir(folder))
        except OSError:
            return False

    return look


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    "held", ["/blobs/uploads/", "/manifests/sha256:", "/manifests/1.4.2", "/manifests/1"]
)
def test_signal_while_the_registry_does_not_answer_is_recorded_and_the_next_run_finishes(
    guarded: Project, gate: Gate, held: str, number: signal.Signals, code: int
) -> None:
    running: list[subprocess.Popen[bytes]] = []
    said: list[str] = []

    def strike(passage: Passage) -> bool:
        path = passage.path.partition("?")[0]
        is_it = path.endswith(held) or (held.endswith((":", "/")) and held in path)
        if passage.method == "PUT" and is_it and not said:
            said.append("")
            said[0] = gone_in_time(running[0], number, code)
        return not said

    gate.before = strike
    running.append(guarded.start("run"))
    until(lambda: bool(said and said[0]) or running[0].poll() not in {None, code}, f"PUT {held}")
    assert said
    gate.before = lambda passage: True
    assert guarded.kinds()[-1] == "cancelled"
    assert guarded.log[-1]["signal"] == number.name
    assert guarded.kinds().count("cancelled") == 1
    guarded.must("run")
    assert {guarded.tags[tag] for tag in RELEASE} == {guarded.tags["1.4.2"]}
    assert guarded.kinds().count("released") == guarded.kinds().count("built") == 1
    guarded.must("log", "verify")


def test_signal_during_the_first_registry_request_leaves_no_shipmark_folder(
    guarded: Project, gate: Gate
) -> None:
    running: list[subprocess.Popen[bytes]] = []
    said: list[str] = []

    def strike(passage: Passage) -> bool:
        if not said:
            said.append("")
            said[0] = gone_in_time(running[0], signal.SIGTERM, 143)
        return False

    gate.before = strike
    running.append(guarded.start("run"))
    until(lambda: bool(said and said[0]), "the end")
    assert not (guarded.repo.path / ".shipmark").exists()


def test_signal_during_a_docker_build_stops_the_build_in_the_daemon_too(
    guarded: Project, docker_daemon: DockerDaemon, busybox_image: str
) -> None:
    guarded.configure(image=guarded.image, build={"builder": "docker"})
    dockerfile = f"FROM {busybox_image}\nCOPY hello.txt /\nRUN echo it runs now && sleep 300\n"
    guarded.release_commit("v1.5.0", files={"Dockerfile": dockerfile})
    running = guarded.start("run", env={"DOCKER_HOST": docker_daemon.host})
    until(lambda: bool(docker_daemon.docker("ps", "--quiet").stdout.strip()), "the RUN")
    gone_in_time(running, signal.SIGTERM, 143)
    assert guarded.kinds() == ["planned", "cancelled"]
    until(lambda: not docker_daemon.docker("ps", "--quiet").stdout.strip(), "the container's end")
    assert guarded.tags == {}


def test_signal_while_waiting_for_the_log_lock_before_the_first_record_leaves_an_empty_log(
    guarded: Project,
) -> None:
    lock = guarded.repo.path / ".shipmark/log.jsonl.lock"
    with locked(lock):
        running = guarded.start("run")
        until(waits_at(running, lock), "the lock")
        gone_in_time(running, signal.SIGTERM, 143)
    assert guarded.kinds() == []
    assert guarded.tags == {}
    guarded.must("run")
    assert guarded.tags["latest"] == guarded.tags["1.4.2"]


def test_signal_while_the_log_is_locked_after_a_tag_was_pushed_ends_the_run_with_a_warning(
    guarded: Project, gate: Gate
) -> None:
    """The log is locked, so `cancelled` cannot be recorded: the run warns and ends in time; the next run finishes."""
    lock = guarded.repo.path / ".shipmark/log.jsonl.lock"
    held: list[object] = []

    def take(passage: Passage) -> bool:
        if passage.method == "PUT" and passage.path.endswith("/manifests/1.4.2") and not held:
            held.append(locked(lock))
            held[0].__enter__()  # type: ignore[attr-defined]  # left below
        return True

    gate.before = take
    running = guarded.start("run")
    until(lambda: bool(held) and "1.4.2" in guarded.tags, "the tag")
    until(waits_at(running, lock), "the lock")
    try:
        said = gone_in_time(running, signal.SIGTERM, 143)
    finally:
        held[0].__exit__(None, None, None)  # type: ignore[attr-defined]  # see above
    assert "not recorded" in said
    assert guarded.kinds() == ["planned", "built"]
    guarded.must("run")
    assert {guarded.tags[tag] for tag in RELEASE} == {guarded.tags["1.4.2"]}
    assert guarded.kinds().count("released") == guarded.kinds().count("built") == 1


@pytest.mark.parametrize("progress", ["plain", "json"])
def test_signal_ends_the_run_although_nobody_reads_its_output(
    guarded: Project, gate: Gate, progress: str
) -> None:
    """A CI system that stops a job may close its pipes first."""
    running: list[subprocess.Popen[bytes]] = []
    codes: list[int] = []

    def strike(passage: Passage) -> bool:
        if passage.method == "PUT" and "/blobs/uploads/" in passage.path and not codes:
            codes.append(0)
            os.kill(running[0].pid, signal.SIGTERM)
            codes[0] = running[0].wait(20)
        return not codes

    gate.before = strike
    running.append(guarded.start("--progress", progress, "run"))
    assert running[0].stderr is not None
    running[0].stderr.close()
    assert running[0].wait(60) == 143
    assert guarded.kinds()[-1] == "cancelled"


def test_release_succeeds_with_a_closed_stderr(guarded: Project) -> None:
    running = guarded.start("--progress", "json", "run", "--json")
    assert running.stderr is not None
    assert running.stdout is not None
    running.stderr.close()
    said = running.stdout.read()
    assert running.wait(60) == 0
    assert json.loads(said)["exit_code"] == 0
    assert {guarded.tags[tag] for tag in RELEASE} == {guarded.tags["1.4.2"]}
    assert guarded.kinds() == ["planned", "built", "pushed", "released", "moved"]


def test_second_signal_ends_the_process_within_half_a_second(guarded: Project, gate: Gate) -> None:
    """After the first signal the run waits for the lock of the log, which the test holds, to record its end."""
    lock = guarded.repo.path / ".shipmark/log.jsonl.lock"
    reached: list[Passage] = []
    running: list[subprocess.Popen[bytes]] = []
    ended: list[float] = []

    def strike(passage: Passage) -> bool:
        if passage.method == "PUT" and "/manifests/" in passage.path and not reached:
            reached.append(passage)
            with locked(lock):
                os.kill(running[0].pid, signal.SIGTERM)
                assert running[0].stderr is not None
                while b"SIGTERM: stopping" not in running[0].stderr.readline():
                    pass
                until(waits_at(running[0], lock), "its last words")
                struck = time.monotonic()
                os.kill(running[0].pid, signal.SIGTERM)
                running[0].wait(20)
                ended.append(time.monotonic() - struck)
        return not reached

    gate.before = strike
    running.append(guarded.start("run"))
    assert running[0].wait(60) == 143
    until(lambda: bool(ended), "the end")
    assert ended[0] < 0.5


def test_frozen_run_moves_no_tag_back_when_it_continues(guarded: Project, gate: Gate) -> None:
    running: list[subprocess.Popen[bytes]] = []
    others: list[int] = []

    def freeze(passage: Passage) -> bool:
        if passage.method == "PUT" and passage.path.endswith("/manifests/1.4") and not others:
            others.append(-1)
            os.kill(running[0].pid, signal.SIGSTOP)
            # Meanwhile another run finishes this release, and the next version is released as well.
            others[0] = guarded("run").code
            guarded.release_commit("v1.4.3")
            others.append(guarded("run").code)
            os.kill(running[0].pid, signal.SIGCONT)
        return True

    gate.before = freeze
    running.append(guarded.start("run"))
    _, err = running[0].communicate(timeout=120)
    assert running[0].returncode == 0, err.decode()
    assert others == [0, 0]
    tags = guarded.tags
    assert {tags[name] for name in ("1.4", "1", "latest", "1.4.3")} == {tags["1.4.3"]} != {tags["1.4.2"]}
    assert guarded.kinds().count("released") == 2
    guarded.must("log", "verify")


def test_release_succeeds_with_a_closed_stdout(project: Project) -> None:
    process = project.start("run")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert "1.4.2" in project.tags
