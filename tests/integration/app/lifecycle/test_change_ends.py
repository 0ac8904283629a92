"""A promotion or a rollback that fails or is stopped: its end is recorded, and no fact is lost."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.registries.gate import Gate, Passage
from tests.support.releases.project import Project

MOVING = ("1.4", "1", "latest")


@pytest.fixture
def released(make_project: Callable[..., Project], gate: Gate) -> Project:
    """Give a project whose registry is behind the gate, with v1.4.1 and v1.4.2 released."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
    project.must("run")
    project.release_commit("v1.4.2")
    project.must("run")
    return project


def is_put_of(passage: Passage, tag: str) -> bool:
    return passage.method == "PUT" and passage.path.endswith(f"/manifests/{tag}")


def ends_of(project: Project) -> list[dict[str, Any]]:
    return [entry for entry in project.log if entry["kind"] in {"failed", "cancelled"}]


def promotion(project: Project, gate: Gate) -> tuple[str, ...]:
    return ("promote", f"{project.image}:1.4.2", "--to", f"{gate.host}/acme/prod")


def rollback() -> tuple[str, ...]:
    return ("rollback", "--to", "1.4.1", "--reason", "it eats data")


@pytest.mark.parametrize("what", ["promote", "rollback"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_promotion_or_rollback_ended_by_a_signal_is_recorded_as_cancelled_and_can_be_repeated(
    released: Project, gate: Gate, what: str, number: signal.Signals, code: int
) -> None:
    command = promotion(released, gate) if what == "promote" else rollback()
    reached, go = threading.Event(), threading.Event()

    def hold(passage: Passage) -> bool:
        if is_put_of(passage, "1") and not go.is_set():
            reached.set()
            assert go.wait(60)
        return True

    gate.before = hold
    process = released.start(*command)
    assert reached.wait(60)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    go.set()
    assert process.returncode == code, err
    (end,) = ends_of(released)
    assert (end["kind"], end["signal"]) == ("cancelled", number.name)
    assert end["release"] in {entry["release"] for entry in released.log if entry["kind"] == "released"}
    assert end["project"] == "acme/app"
    assert "the chain is whole" in released.must("log", "verify").stdout
    before = len(released.log)
    released.must(*command)
    done = {"promote": "promoted", "rollback": "moved"}[what]
    assert [entry["kind"] for entry in released.log[before:]] == [done]
    assert end["attempt"] not in {entry["attempt"] for entry in released.log[before:]}


def test_a_promotion_that_fails_in_the_middle_is_recorded_as_failed(released: Project, gate: Gate) -> None:
    gate.before = lambda passage: not is_put_of(passage, "latest")
    result = released(*promotion(released, gate), "--result-file", "dist/result.env")
    assert result.code == 7, result.stderr
    (end,) = ends_of(released)
    assert end["kind"] == "failed"
    told = (released.repo.path / "dist/result.env").read_text()
    assert f"\nSHIPMARK_LOG_ENTRY={end['seq']}:{end['hash']}\n" in told
    assert end["error"]["exit"] == 7
    assert end["error"]["step"] == f"move:{gate.host}/acme/prod:latest"


def test_a_promotion_that_is_refused_before_it_began_records_nothing(released: Project, gate: Gate) -> None:
    before = len(released.log)
    result = released("promote", f"{released.image}:1.4.1", "--to", f"{released.image}:1.4.2")
    assert result.code == 6, result.stderr
    assert len(released.log) == before


@pytest.mark.parametrize("what", ["promote", "rollback"])
def test_promotion_and_rollback_keep_unrecorded_facts_in_a_file_that_log_import_accepts(
    released: Project, gate: Gate, what: str
) -> None:
    command = promotion(released, gate) if what == "promote" else rollback()
    lock = released.repo.path / ".shipmark" / "log.jsonl.lock"

    def lose_the_log(passage: Passage) -> bool:
        if is_put_of(passage, "latest") and lock.is_file():
            lock.unlink()
            lock.mkdir()
        return True

    gate.after = lose_the_log
    result = released(*command)
    assert result.code == 7, result.stderr
    assert "shipmark log import" in result.stderr
    error = next(line for line in result.stderr.splitlines() if line.startswith("error: "))
    kept = next(word for word in error.split("`") if "unrecorded-" in word)
    facts = [json.loads(line)["fact"] for line in Path(released.repo.path / kept).read_text().splitlines()]
    done = {"promote": "promoted", "rollback": "moved"}[what]
    assert [fact["kind"] for fact in facts] == [done, "failed"]
    assert {tag["name"] for tag in facts[0]["tags"]} >= set(MOVING)
    lock.rmdir()
    before = len(released.log)
    assert released.must("log", "import", kept, "--json").json["added"] == 2
    assert [entry["kind"] for entry in released.log[before:]] == [done, "failed"]
    released.must("log", "verify")
    again = released.must(*command, "--json").json
    assert {step["state"] for step in again["steps"]} == {"done"}
    assert len(released.log) == before + 2
