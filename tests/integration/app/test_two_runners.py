"""Two runners at the same time: they make one release, and a moving tag ends on the higher version."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.releases.git import GitRepo
from tests.support.releases.project import Project

RELEASE = {"1.4.2", "1.4", "1", "latest"}


class Runner:
    """Runs shipmark in its own clone; the shared registry is reached under the runner's own address."""

    def __init__(self, shipmark: Shipmark, path: Path, host: str) -> None:
        self._shipmark = shipmark
        self._argv = ("run", "--json", "--image", f"{host}/acme/app")
        self.path = path

    def start(self, **env: str) -> subprocess.Popen[bytes]:
        return self._shipmark.start(*self._argv, cwd=self.path, env=env)

    def run(self, **env: str) -> tuple[int, str]:
        result = self._shipmark(*self._argv, cwd=self.path, env=env)
        return result.code, result.stderr

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.path / ".shipmark/log.jsonl").read_text().splitlines()]

    def verify(self) -> None:
        verified = self._shipmark("log", "verify", cwd=self.path)
        assert verified.code == 0, verified.stderr


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, err = process.communicate(timeout=120)
    return process.returncode, err.decode()


def is_put_of(tag: str) -> Callable[[Passage], bool]:
    return lambda passage: passage.method == "PUT" and passage.path.endswith(f"/manifests/{tag}")


class Hold:
    """Holds the requests that `chosen` picks until `release` is called. `late`: holds the answers instead."""

    def __init__(self, gate: Gate, chosen: Callable[[Passage], bool], *, late: bool = False) -> None:
        self._chosen = chosen
        self.reached = threading.Event()
        self._go = threading.Event()
        setattr(gate, "after" if late else "before", self._pass)

    def _pass(self, passage: Passage) -> bool:
        if self._chosen(passage) and not self._go.is_set():
            self.reached.set()
            assert self._go.wait(120)
        return True

    def release(self) -> None:
        self._go.set()


@pytest.fixture
def released(make_project: Callable[..., Project]) -> Project:
    """Give a project ready to release v1.4.2; its `project` name does not depend on the registry's address."""
    project = make_project(
        project="acme/app", build={"builder": "layers", "args": {"VERSION": "${BUILD_OF}"}}
    )
    project.repo.write({"shipmark.yml": (project.repo.path / "shipmark.yml").read_text()})
    project.release_commit("v1.4.2")
    return project


Clones = Callable[..., Runner]


@pytest.fixture
def clone(released: Project, shipmark: Shipmark, tmp_path: Path) -> Clones:
    """Give a function that makes runners, each in a fresh clone at `ref`, with a tag that only the clone has."""
    made: list[GitRepo] = []

    def make(host: str, ref: str = "v1.4.2", git_tag: str | None = None) -> Runner:
        repo = released.repo.clone(tmp_path / f"clone{len(made)}")
        repo.checkout(ref)
        if git_tag is not None:
            repo.tag(git_tag)
        made.append(repo)
        return Runner(shipmark, repo.path, host)

    return make


def test_two_concurrent_runs_in_one_clone_with_one_log_make_one_release(
    released: Project, shipmark: Shipmark
) -> None:
    runner = Runner(shipmark, released.repo.path, released.registry.host)
    ends = [ended(one) for one in [runner.start(BUILD_OF="x"), runner.start(BUILD_OF="x")]]
    assert [code for code, _ in ends] == [0, 0], ends
    assert {released.tags[tag] for tag in RELEASE} == {released.tags["1.4.2"]}
    runner.verify()
    kinds = [entry["kind"] for entry in runner.log]
    assert kinds.count("released") == 1
    before = len(released.registry.access_log())
    assert runner.run(BUILD_OF="x")[0] == 0
    assert {request.method for request in released.registry.access_log()[before:]} <= {"GET", "HEAD"}


def test_two_concurrent_runs_in_two_clones_with_two_logs_make_one_image(
    released: Project, clone: Clones
) -> None:
    runners = [clone(released.registry.host), clone(released.registry.host)]
    ends = [ended(one) for one in [runner.start(BUILD_OF="x") for runner in runners]]
    assert [code for code, _ in ends] == [0, 0], ends
    assert {released.tags[tag] for tag in RELEASE} == {released.tags["1.4.2"]}
    for runner in runners:
        runner.verify()
        assert [entry["kind"] for entry in runner.log].count("released") == 1


@pytest.mark.parametrize("where", ["blobs/uploads/", "manifests/sha256:"])
def test_of_two_concurrent_releases_with_different_images_the_first_released_one_stays(
    released: Project, clone: Clones, gate: Gate, where: str
) -> None:
    slow, fast = clone(gate.host), clone(released.registry.host)
    hold = Hold(gate, lambda passage: passage.method == "PUT" and where in passage.path)
    running = slow.start(BUILD_OF="slow")
    assert hold.reached.wait(30)
    assert fast.run(BUILD_OF="fast")[0] == 0
    first = released.tags
    hold.release()
    code, err = ended(running)
    assert code in {0, 6, 7}, err
    assert released.tags == first
    assert slow.run(BUILD_OF="slow")[0] == 0
    assert released.tags == first
    digests = {entry["image"]["digest"] for entry in slow.log if entry["kind"] in {"pushed", "released"}}
    assert digests == {first["1.4.2"]}
    slow.verify()


def test_a_run_frozen_before_it_puts_the_version_tag_does_not_overwrite_that_of_another_run(
    released: Project, clone: Clones, gate: Gate
) -> None:
    """The run finds the version tag free and is frozen; meanwhile another run puts the tag."""
    slow, fast = clone(gate.host), clone(released.registry.host)
    has_content: list[Passage] = []

    def is_last_look(passage: Passage) -> bool:
        if passage.method == "PUT" and "/manifests/sha256:" in passage.path:
            has_content.append(passage)
        is_of_tag = "/manifests/" in passage.path and "/sha256:" not in passage.path
        return bool(has_content) and passage.method == "HEAD" and is_of_tag

    hold = Hold(gate, is_last_look, late=True)
    running = slow.start(BUILD_OF="slow")
    assert hold.reached.wait(30)
    assert fast.run(BUILD_OF="fast")[0] == 0
    first = released.tags
    hold.release()
    code, err = ended(running)
    assert code in {0, 6, 7}, err
    assert slow.run(BUILD_OF="slow")[0] == 0
    assert released.tags == first


@pytest.mark.parametrize("late", [False, True], ids=["overtaken", "overtaking"])
@pytest.mark.parametrize("tag", ["1", "latest"])
def test_latest_ends_on_the_higher_version_whoever_writes_last(
    released: Project, clone: Clones, gate: Gate, tag: str, late: bool
) -> None:
    lower = clone(gate.host)
    hold = Hold(gate, is_put_of(tag), late=late)
    running = lower.start(BUILD_OF="x")
    assert hold.reached.wait(30)
    released.release_commit("v1.5.0")  # after the lower run asked the remote for its git tags
    higher = clone(released.registry.host, "v1.5.0")
    assert higher.run(BUILD_OF="x")[0] == 0
    hold.release()
    code, err = ended(running)
    assert code == 0, err
    tags = released.tags
    assert tags["1.4.2"] == tags["1.4"] != tags["1.5.0"]
    assert {tags[name] for name in ("1.5.0", "1.5", "1", "latest")} == {tags["1.5.0"]}
    moved = next(entry for entry in lower.log if entry["kind"] == "moved")
    results = {one["name"]: one["result"] for one in moved["tags"]}
    assert results["latest"] == "withheld"
    assert lower.run(BUILD_OF="x")[0] == 0
    assert released.tags == tags


@pytest.mark.parametrize("disk", ["kept", "lost"])
def test_latest_goes_back_to_the_higher_version_after_a_kill_in_the_middle_of_the_race(
    released: Project, clone: Clones, gate: Gate, disk: str
) -> None:
    """The run of the lower version puts `latest` last and is killed; its next run moves `latest` back."""
    lower = clone(gate.host)
    hold = Hold(gate, is_put_of("latest"))
    after = Hold(gate, is_put_of("latest"), late=True)
    running = lower.start(BUILD_OF="x")
    assert hold.reached.wait(30)
    released.release_commit("v1.5.0")  # after the lower run asked the remote for its git tags
    higher = clone(released.registry.host, "v1.5.0")
    assert higher.run(BUILD_OF="x")[0] == 0
    hold.release()
    assert after.reached.wait(30)
    running.kill()
    running.wait(20)
    after.release()
    assert released.tags["latest"] == released.tags["1.4.2"]
    again = lower if disk == "kept" else clone(gate.host)
    code, err = again.run(BUILD_OF="x")
    assert code == 0, err
    assert released.tags["latest"] == released.tags["1.5.0"] != released.tags["1.4.2"]
    again.verify()
    before = len(released.registry.access_log())
    assert again.run(BUILD_OF="x")[0] == 0
    assert {request.method for request in released.registry.access_log()[before:]} <= {"GET", "HEAD"}


def test_the_higher_version_takes_latest_back_when_a_lower_one_overtook_it(
    released: Project, clone: Clones, gate: Gate
) -> None:
    lower = clone(released.registry.host)
    released.release_commit()
    higher = clone(gate.host, "main", git_tag="v1.5.0")  # not on the remote, which the lower run asks
    hold = Hold(gate, lambda passage: passage.method == "PUT" and "manifests/1.5.0" in passage.path)
    running = higher.start(BUILD_OF="x")
    assert hold.reached.wait(30)
    assert lower.run(BUILD_OF="x")[0] == 0  # 1.5.0 is nowhere yet: latest is rightly 1.4.2's
    assert released.tags["latest"] == released.tags["1.4.2"]
    hold.release()
    assert ended(running)[0] == 0
    assert released.tags["latest"] == released.tags["1.5.0"]
    assert released.tags["1.4"] == released.tags["1.4.2"]


def test_a_branch_tag_ends_on_the_newer_commit_although_the_older_ones_run_writes_last(
    released: Project, clone: Clones, gate: Gate
) -> None:
    released.release_commit()
    older = clone(gate.host, "main")
    hold = Hold(gate, is_put_of("main"))
    running = older.start(BUILD_OF="x")
    assert hold.reached.wait(30)
    released.release_commit()
    newer = clone(released.registry.host, "main")
    assert newer.run(BUILD_OF="x")[0] == 0
    tip = released.tags["main"]
    hold.release()
    code, err = ended(running)
    assert code == 0, err
    assert released.tags["main"] == tip == released.tags[f"sha-{released.repo.head[:12]}"]
