"""`run --wait`: a run waits for another run of the same image, unless the other run's process is dead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from release.control import Cancel
from release.log.liveness import Presence
from release.log.stores.file.store import FileStore
from release.log.writer import Writer
from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.targets import SystemClock
from tests.support.releases.project import Project

RELEASE = {"1.4.2", "1.4", "1", "latest"}


class Held:
    """A run that is held at its first fixed tag until `go_on` is called."""

    def __init__(self, project: Project, gate: Gate) -> None:
        self._reached = threading.Event()
        self._go = threading.Event()
        gate.before = self._pass
        self.process: subprocess.Popen[bytes] = project.start("run")
        assert self._reached.wait(60)

    def go_on(self) -> None:
        self._go.set()

    def _pass(self, passage: Passage) -> bool:
        if passage.method == "PUT" and passage.path.endswith("/manifests/1.4.2") and not self._go.is_set():
            self._reached.set()
            assert self._go.wait(120)
        return True


class Waiter:
    """A run with `--wait`, whose stderr is read line by line while it runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said: list[str] = []
        self._turn = threading.Condition()
        assert process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()

    def says(self, text: str) -> None:
        """Wait until the run has printed a line with `text`."""
        with self._turn:
            assert self._turn.wait_for(lambda: any(text in line for line in self.said), 60), self.said

    def ended(self) -> int:
        code = self.process.wait(60)
        self._reader.join(10)
        return code

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            with self._turn:
                self.said.append(line.decode())
                self._turn.notify_all()
        with self._turn:
            self._turn.notify_all()


@pytest.fixture
def guarded(make_project: Callable[..., Project], gate: Gate) -> Project:
    """Give a project whose registry is behind the gate, ready to release v1.4.2."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
    project.release_commit("v1.4.2")
    return project


@pytest.fixture
def held(guarded: Project, gate: Gate) -> Iterator[Held]:
    """Give a run of the project that is held at its first fixed tag, and let it go on afterwards."""
    made = Held(guarded, gate)
    yield made
    made.go_on()


def test_run_with_wait_begins_after_the_other_run_has_ended(guarded: Project, held: Held) -> None:
    waiter = Waiter(guarded.start("run", "--wait", env={"USER": "second"}))
    waiter.says("waiting for attempt")
    before = len(guarded.registry.access_log())
    kinds = guarded.kinds()
    assert waiter.process.poll() is None
    assert guarded.kinds() == kinds == ["planned", "built"]
    assert len(guarded.registry.access_log()) == before
    held.go_on()
    assert held.process.wait(60) == 0
    assert waiter.ended() == 0
    assert set(guarded.tags) >= RELEASE
    assert guarded.kinds().count("planned") == 1  # the second found everything done
    assert any("nothing to do" in line for line in waiter.said)
    (line,) = [one for one in waiter.said if "waiting for attempt" in one]
    attempt = guarded.log[0]
    assert attempt["attempt"][:12] in line
    assert attempt["at"] in line


def test_waiting_run_releases_the_commit_that_is_checked_out_after_the_wait(
    guarded: Project, held: Held
) -> None:
    waiter = Waiter(guarded.start("run", "--wait"))
    waiter.says("waiting for attempt")
    guarded.release_commit("v1.4.3")
    held.go_on()
    assert waiter.ended() == 0, waiter.said
    assert guarded.tags["latest"] == guarded.tags["1.4.3"] != guarded.tags["1.4.2"]


def test_two_waiting_runs_that_go_on_together_release_the_version_once(guarded: Project, held: Held) -> None:
    waiters = [Waiter(guarded.start("run", "--wait")) for _ in range(2)]
    for waiter in waiters:
        waiter.says("waiting for attempt")
    guarded.release_commit("v1.4.3")
    held.go_on()
    assert [waiter.ended() for waiter in waiters] == [0, 0], [waiter.said for waiter in waiters]
    assert guarded.kinds().count("released") == 2
    assert guarded.tags["latest"] == guarded.tags["1.4.3"]
    guarded.must("log", "verify")


def test_run_without_wait_releases_while_another_run_is_held(guarded: Project, held: Held) -> None:
    result = guarded("tags")
    assert result.code == 0
    guarded.release_commit("v1.5.0")
    result = guarded.must("run")
    assert "waiting" not in result.stderr
    assert guarded.tags["latest"] == guarded.tags["1.5.0"]


def test_run_with_wait_does_not_wait_for_a_killed_run_of_its_own_workspace(
    guarded: Project, held: Held
) -> None:
    held.process.kill()
    held.process.wait(20)
    assert guarded.kinds() == ["planned", "built"]
    held.go_on()
    started = time.monotonic()
    result = guarded.must("run", "--wait")
    assert "waiting" not in result.stderr
    assert time.monotonic() - started < 60
    assert set(guarded.tags) >= RELEASE


def test_wait_ends_when_the_other_run_is_killed(guarded: Project, held: Held) -> None:
    waiter = Waiter(guarded.start("run", "--wait"))
    waiter.says("waiting for attempt")
    held.process.kill()
    held.process.wait(20)
    held.go_on()
    assert waiter.ended() == 0, waiter.said
    assert set(guarded.tags) >= RELEASE


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_wait_within_five_seconds_and_nothing_is_recorded(
    guarded: Project, held: Held, number: signal.Signals, code: int
) -> None:
    waiter = Waiter(guarded.start("run", "--wait"))
    waiter.says("waiting for attempt")
    struck = time.monotonic()
    os.kill(waiter.process.pid, number)
    assert waiter.ended() == code
    assert time.monotonic() - struck < 5
    assert guarded.kinds() == ["planned", "built"]  # it began nothing, so nothing of it ended


def elsewhere(project: Project, shipmark: Shipmark, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Make a clone of the project with the same config, and return its folder and environment."""
    clone = project.repo.clone(tmp_path / "clone")
    clone.checkout("v1.4.2")
    config = json.loads((project.repo.path / "shipmark.yml").read_text())
    clone.write({"shipmark.yml": json.dumps(config)})
    return clone.path, dict(shipmark.env)


def test_killed_run_on_another_machine_is_waited_for_until_log_recover(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    log = {"store": "file", "path": str(tmp_path / "shared.jsonl")}
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app", log=log)
    project.release_commit("v1.4.2")
    held = Held(project, gate)
    held.process.kill()
    held.process.wait(20)
    held.go_on()
    path, env = elsewhere(project, shipmark, tmp_path)
    waiter = Waiter(shipmark.start("run", "--wait", cwd=path, env=env))
    waiter.says("waiting for attempt")
    attempt = json.loads((tmp_path / "shared.jsonl").read_text().splitlines()[0])["attempt"]
    waiter.says(f"log recover --attempt {attempt}")
    assert waiter.process.poll() is None
    project.must("log", "recover", "--attempt", attempt, "--evidence", "it was killed")
    assert waiter.ended() == 0, waiter.said
    assert set(project.tags) >= RELEASE


def test_run_with_wait_reads_attempts_from_a_git_log(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app", log={"store": "git"})
    project.release_commit("v1.4.2")
    bare = project.repo.clone(tmp_path / "remote.git", "--bare").path
    project.repo.git("remote", "add", "origin", f"file://{bare}")
    held = Held(project, gate)
    path, env = elsewhere(project, shipmark, tmp_path)
    git = ("git", "-C", str(path), "remote", "set-url", "origin", f"file://{bare}")
    subprocess.run(git, check=True)
    waiter = Waiter(shipmark.start("run", "--wait", cwd=path, env=env))
    waiter.says("waiting for attempt")
    assert waiter.process.poll() is None
    held.go_on()
    assert held.process.wait(60) == 0
    assert waiter.ended() == 0, waiter.said
    kinds = [one["kind"] for one in project.must("log", "show", "1.4.2", "--json").json["entries"]]
    assert kinds.count("planned") == kinds.count("released") == 1


def test_wait_ends_at_the_lease_end_of_the_other_attempt(guarded: Project) -> None:
    folder = guarded.repo.path / ".shipmark"
    folder.mkdir(exist_ok=True)
    cancel = Cancel()
    store = FileStore(str(folder / "log.jsonl"), cancel=cancel, monotonic=time.monotonic)
    fact = {
        "kind": "planned",
        "release": "d" * 64,
        "project": "acme/app",
        "commit": "a" * 40,
        "attempt": "somebody",
        "lease_ms": 4000,
        "ci": {"run_url": "https://ci.example.com/7"},
    }
    Writer(store, clock=SystemClock(), cancel=cancel).append([fact])
    result = guarded.must("run", "--wait")
    (line,) = [one for one in result.stderr.splitlines() if "waiting for attempt" in one]
    assert "https://ci.example.com/7" in line
    assert set(guarded.tags) >= RELEASE
    planned = [entry for entry in guarded.log if entry["kind"] == "planned"]
    assert planned[0]["attempt"] == "somebody"
    assert planned[1]["at"] > planned[0]["at"]


def test_the_same_job_of_the_same_ci_run_does_not_wait_for_itself(guarded: Project, gate: Gate) -> None:
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "7",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_JOB": "release",
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/tags/v1.4.2",
    }
    reached, go = threading.Event(), threading.Event()

    def hold(passage: Passage) -> bool:
        if passage.method == "PUT" and passage.path.endswith("/manifests/1.4.2") and not go.is_set():
            reached.set()
            assert go.wait(60)
        return True

    gate.before = hold
    first = guarded.start("run", env=env)
    assert reached.wait(60)
    first.kill()
    first.wait(20)
    go.set()
    for file in (
        guarded.cache / "runs"
    ).iterdir():  # as on another machine, which knows nothing of that process
        file.unlink()
    other = guarded.start("run", "--wait", env={**env, "GITHUB_RUN_ID": "8"})
    waiter = Waiter(other)
    waiter.says("waiting for attempt")
    os.kill(other.pid, signal.SIGTERM)
    assert waiter.ended() == 143
    again = guarded.must("run", "--wait", env={**env, "GITHUB_RUN_ATTEMPT": "2"})
    assert "waiting" not in again.stderr


class TestPresence:
    def test_a_run_counts_as_alive_while_its_presence_file_is_locked(self, tmp_path: Path) -> None:
        presence = Presence(str(tmp_path / "runs"))
        assert presence.is_alive("a") is None
        with presence.announced("a"):
            assert presence.is_alive("a") is True
            assert Presence(str(tmp_path / "runs")).is_alive("a") is True
        assert presence.is_alive("a") is None

    def test_unlocked_presence_file_means_a_killed_process(self, tmp_path: Path) -> None:
        presence = Presence(str(tmp_path))
        (tmp_path / "a").touch()
        assert presence.is_alive("a") is False

    def test_old_unlocked_presence_files_are_deleted(self, tmp_path: Path) -> None:
        presence = Presence(str(tmp_path))
        for name in ("dead", "alive", "young"):
            (tmp_path / name).touch()
        for name in ("dead", "alive"):
            os.utime(tmp_path / name, (0, 0))
        with Presence(str(tmp_path)).announced("alive"):
            os.utime(tmp_path / "alive", (0, 0))
            with presence.announced("new"):
                assert sorted(one.name for one in tmp_path.iterdir()) == ["alive", "new", "young"]

    def test_run_continues_if_no_presence_file_can_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("no folder")
        with Presence(str(tmp_path / "taken" / "runs")).announced("a"):
            pass
