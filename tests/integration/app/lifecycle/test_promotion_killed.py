"""Promotions and rollbacks that are killed at any request: repeating the command ends as without the kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


class Slain:
    """Kills a command at its n-th writing request: before the registry gets it, or with `late` after it."""

    def __init__(self, project: Project, gate: Gate) -> None:
        self.project, self.gate = project, gate

    def strike(self, number: int, *, late: bool, command: tuple[str, ...]) -> bool:
        """Run the command; return whether it sent `number` writing requests, and so was killed."""
        running: list[subprocess.Popen[bytes]] = []
        seen, killed = [0], [False]

        def pass_on(passage: Passage) -> bool:
            if passage.number and not killed[0]:
                seen[0] += 1
                if seen[0] == number:
                    killed[0] = True
                    os.killpg(running[0].pid, signal.SIGKILL)
                    running[0].wait(10)
            return not killed[0]

        with self._watched("after" if late else "before", pass_on):
            running.append(self.project.start(*command))
            running[0].communicate(timeout=120)
        return killed[0]

    @contextmanager
    def _watched(self, side: str, act: Callable[[Passage], bool]) -> Iterator[None]:
        setattr(self.gate, side, act)
        try:
            yield
        finally:
            self.gate.before = self.gate.after = lambda passage: True


def kinds(project: Project, before: int) -> list[str]:
    return project.kinds()[before:]


def test_rollback_killed_at_any_writing_request_is_finished_by_repeating_it(
    released: Project, gate: Gate
) -> None:
    command = ("rollback", "--to", "1.4.1", "--reason", "bad")
    log = released.repo.path / ".shipmark" / "log.jsonl"
    kept, entries, tags = log.read_bytes(), len(released.log), released.tags
    _, raw = released.registry.manifest(released.name, "1.4.2")
    points = 0
    for number in range(1, 20):
        for late in (False, True):
            struck = Slain(released, gate).strike(number, late=late, command=command)
            released.must(*command)
            told = released.tags["shipmark-status"]
            wanted = {**tags, **dict.fromkeys(MOVING, tags["1.4.1"]), "shipmark-status": told}
            assert released.tags == wanted, (number, late)
            assert kinds(released, entries) == ["yanked", "moved"], (number, late)
            assert "the chain is whole" in released.must("log", "verify").stdout
            if not struck:
                assert points >= 8
                return
            points += 1
            log.write_bytes(kept)
            shutil.rmtree(log.parent / "index", ignore_errors=True)
            released.registry.request("DELETE", f"/v2/{released.name}/manifests/{told}")
            for tag in MOVING:
                path = f"/v2/{released.name}/manifests/{tag}"
                kind = {"Content-Type": json.loads(raw)["mediaType"]}
                released.registry.request("PUT", path, body=raw, headers=kind)
    raise AssertionError("the rollback never ended")


def test_promotion_killed_at_any_writing_request_is_finished_by_repeating_it(
    released: Project, gate: Gate
) -> None:
    log = released.repo.path / ".shipmark" / "log.jsonl"
    kept, entries, digest = log.read_bytes(), len(released.log), released.tags["1.4.2"]
    for number in range(1, 40):
        late = bool(number % 2)
        name = f"acme/prod{number}"
        command = ("promote", f"{released.image}:1.4.2", "--to", f"{gate.host}/{name}")
        struck = Slain(released, gate).strike(number, late=late, command=command)
        released.must(*command)
        assert released.registry.tags(name) == dict.fromkeys(("1.4.2", *MOVING), digest), number
        assert kinds(released, entries) == ["promoted"], number
        if not struck:
            assert number > 8
            return
        log.write_bytes(kept)
    raise AssertionError("the promotion never ended")
