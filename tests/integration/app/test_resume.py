"""The next run finishes a killed release: with the same digest, one release in the log, and no second build."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.registries.gate import Gate, Passage
from tests.support.releases.project import Project

RELEASE = {"1.4.2", "1.4", "1", "latest"}


@pytest.fixture
def guarded(make_project: Callable[..., Project], gate: Gate) -> Project:
    """Give a project whose registry is behind the gate, ready to release v1.4.2."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
    project.release_commit("v1.4.2")
    return project


def kill_at(project: Project, gate: Gate, chosen: Callable[[Passage], bool], *, late: bool = False) -> None:
    """Start a run and SIGKILL it at the first request that `chosen` picks: before the registry gets it, or after."""
    running: list[subprocess.Popen[bytes]] = []
    killed: list[Passage] = []

    def strike(passage: Passage) -> bool:
        if not killed and chosen(passage):
            killed.append(passage)
            os.killpg(running[0].pid, signal.SIGKILL)
            running[0].wait(10)
        return not killed

    setattr(gate, "after" if late else "before", strike)
    running.append(project.start("run"))
    assert running[0].wait(60) == -signal.SIGKILL
    assert killed
    gate.before = gate.after = lambda passage: True


def is_put_of(tag: str) -> Callable[[Passage], bool]:
    return lambda passage: passage.method == "PUT" and passage.path.endswith(f"/manifests/{tag}")


def kinds_of_steps(result: Any) -> set[str]:
    return {step["kind"] for step in result.json["releases"][0]["steps"]}


def test_release_killed_between_fixed_and_moving_tags_is_finished_by_the_next_run(
    guarded: Project, gate: Gate
) -> None:
    kill_at(guarded, gate, is_put_of("1.4"))
    assert "1.4.2" in guarded.tags
    assert "latest" not in guarded.tags
    digest = guarded.tags["1.4.2"]
    result = guarded.must("run", "--json")
    assert "build-image" not in kinds_of_steps(result)
    assert {guarded.tags[tag] for tag in RELEASE} == {digest}
    assert guarded.kinds().count("released") == 1
    assert guarded.kinds().count("built") == 1
    listed = guarded.must("log", "list", "--json").json["releases"]
    assert [(one["version"], one["state"]) for one in listed] == [("1.4.2", "released")]
    guarded.must("log", "verify")


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("tag", ["1.4.2", "1.4", "latest"])
def test_release_killed_before_or_after_it_puts_a_tag_is_finished_although_the_disk_is_lost(
    guarded: Project, gate: Gate, tag: str, late: bool
) -> None:
    kill_at(guarded, gate, is_put_of(tag), late=late)
    guarded.lose_disk()
    guarded.must("run")
    assert {guarded.tags[name] for name in RELEASE} == {guarded.tags["1.4.2"]}
    assert guarded.kinds().count("released") == 1


def test_release_killed_while_uploading_leaves_nothing_visible_and_its_digest_is_resumed(
    guarded: Project, gate: Gate
) -> None:
    kill_at(guarded, gate, lambda passage: passage.method == "PUT" and "/blobs/uploads/" in passage.path)
    assert guarded.tags == {}
    recorded = next(entry["image"]["digest"] for entry in guarded.log if entry["kind"] == "built")
    result = guarded.must("run", "--json")
    assert "build-image" not in kinds_of_steps(result)
    assert set(guarded.tags.values()) == {recorded}
    assert guarded.kinds().count("built") == 1


def test_release_is_built_again_if_a_power_cut_lost_the_blobs_of_the_local_store(
    guarded: Project, gate: Gate
) -> None:
    """A power cut can leave the index of the local store without the blobs that it lists."""
    kill_at(guarded, gate, lambda passage: passage.method == "PUT" and "/blobs/uploads/" in passage.path)
    recorded = next(entry["image"]["digest"] for entry in guarded.log if entry["kind"] == "built")
    blobs = guarded.cache / "images/blobs/sha256"
    for blob in blobs.iterdir():
        blob.write_bytes(b"")
    result = guarded.must("run", "--json")
    assert "build-image" in kinds_of_steps(result)
    assert {guarded.tags[tag] for tag in RELEASE} == {recorded}
    lost = [entry["lost"] for entry in guarded.log if entry["kind"] == "abandoned"]
    assert lost == [recorded]
    guarded.must("log", "verify")
    assert "released" in guarded.must("log", "list").stdout


def test_images_that_version_0_1_0_left_in_the_workspace_are_not_read(guarded: Project, gate: Gate) -> None:
    """Version 0.1.0 stored images that were built and not pushed in the workspace, where its author can write."""
    kill_at(guarded, gate, lambda passage: passage.method == "PUT" and "/blobs/uploads/" in passage.path)
    recorded = next(entry["image"]["digest"] for entry in guarded.log if entry["kind"] == "built")
    (guarded.repo.path / ".shipmark/cache").mkdir()
    (guarded.cache / "images").rename(guarded.repo.path / ".shipmark/cache/images")
    result = guarded.must("run", "--json")
    assert "build-image" in kinds_of_steps(result)
    assert [entry["lost"] for entry in guarded.log if entry["kind"] == "abandoned"] == [recorded]
    assert f"nobody has the bytes of {recorded} any more" in result.stderr
    assert {guarded.tags[tag] for tag in RELEASE} == {recorded}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_within_five_seconds_and_is_recorded_in_the_log(
    guarded: Project, gate: Gate, number: signal.Signals, code: int
) -> None:
    struck: list[float] = []
    running: list[subprocess.Popen[bytes]] = []

    def hold(passage: Passage) -> bool:
        if passage.method == "PUT" and "/blobs/uploads/" in passage.path and not struck:
            struck.append(time.monotonic())
            os.kill(running[0].pid, number)
            running[0].wait(20)
        return not struck

    gate.before = hold
    running.append(guarded.start("run"))
    assert running[0].wait(30) == code
    assert time.monotonic() - struck[0] < 5
    gate.before = lambda passage: True
    assert guarded.kinds() == ["planned", "built", "cancelled"]
    assert guarded.log[-1]["signal"] == number.name
    guarded.must("log", "verify")
    guarded.must("run")
    assert {guarded.tags[tag] for tag in RELEASE} == {guarded.tags["1.4.2"]}
    assert guarded.kinds().count("built") == 1


def test_lost_reply_to_putting_a_tag_is_settled_by_reading_the_tag(guarded: Project, gate: Gate) -> None:
    lost: list[Passage] = []

    def lose(passage: Passage) -> bool:
        if is_put_of("1.4.2")(passage) and not lost:
            lost.append(passage)
            return False
        return True

    gate.after = lose
    guarded.must("run")
    assert lost
    assert {guarded.tags[tag] for tag in RELEASE} == {guarded.tags["1.4.2"]}
