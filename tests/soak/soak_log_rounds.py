"""Two commands at the same time, again and again: adjacent releases with each kind of log, and a yank and a restore.

Prints how many rounds ended wrong.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.effects.version_status import read_status
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.stores import open_store
from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.project import Project
from tests.support.releases.race_matrix import RaceMatrix

# Twenty minutes for four stores. A part of them: `SOAK_ROUNDS=20`, and another part with another `SOAK_SEED`.
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "200"))
SEED = int(os.environ.get("SOAK_SEED", "14"))
# Seconds between both starts at most: a run takes about one.
_APART = 0.5


@pytest.mark.parametrize("kind", STORES)
def test_two_releases_at_once_end_right_and_exit_0(
    kind: str,
    make_project: Callable[..., Project],
    shipmark: Shipmark,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    described = describe(kind, request, tmp_path)
    logs: dict[str, dict[str, Any]] = {
        "file": {"store": "file", "path": described.get("path")},
        "git": {"store": "git", "remote": f"file://{described.get('url')}"},
    }
    log = logs.get(kind, {"store": "sql", "url": described.get("url")})
    store = open_store(described)
    matrix = RaceMatrix(make_project(), shipmark, tmp_path, log, store)
    luck = random.Random(SEED)
    wrong = []
    for number in range(ROUNDS):
        delay = luck.uniform(-_APART, _APART)
        if found := matrix.together(delay):
            wrong.append("\n".join([f"round {number}, {delay:.2f} s apart", *found]))
            print(wrong[-1])
    wrong += matrix.verify()
    getattr(store, "close", lambda: None)()
    print(f"{kind}: {ROUNDS} rounds, {len(wrong)} wrong")
    assert not wrong, "\n\n".join(wrong)


def test_rollback_and_restore_at_once_keep_both_statuses_though_replies_are_lost(
    make_project: Callable[..., Project], gate: Gate, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    """Two clones, each with its own log, decide about two versions; one reply in five is lost."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
    project.must("run")
    for git_tag in ("v1.4.2", "v1.5.0"):
        project.release_commit(git_tag)
        project.must("run")
    project.must("rollback", "--to", "1.4.2", "--reason", "it eats data")
    before = project.tags
    wanted = {**before, "1.4": before["1.4.1"], "1": before["1.5.0"], "latest": before["1.5.0"]}
    del wanted["shipmark-status"]
    stored = gate.registry.root / "docker/registry/v2/repositories/acme/app"
    shutil.copytree(stored, tmp_path / "kept")
    repository = make_targets().open(f"{gate.host}/acme/app")
    luck = random.Random(SEED)

    def is_kept(passage: Passage) -> bool:
        return passage.method != "PUT" or "shipmark-status" not in passage.path or luck.random() > 0.1

    wrong = []
    for number in range(ROUNDS):
        shutil.rmtree(stored)
        shutil.copytree(tmp_path / "kept", stored)
        gate.before = gate.after = is_kept
        delay = luck.uniform(-0.1, 0.1)
        found = _decided(project, tmp_path, delay)
        gate.before = gate.after = lambda passage: True
        told = sorted((one.version, one.number, one.status) for one in read_status(repository).statuses)
        tags = {tag: digest for tag, digest in project.tags.items() if tag != "shipmark-status"}
        if found or tags != wanted or told != [("1.4.2", 1, "yanked"), ("1.5.0", 2, "restored")]:
            wrong.append(f"round {number}, {delay:.2f} s apart: {told}, {tags}, {found}")
            print(wrong[-1])
    print(f"statuses: {ROUNDS} rounds, {len(wrong)} wrong")
    assert not wrong, "\n\n".join(wrong)


def _decided(project: Project, folder: Path, delay: float) -> list[str]:
    """Run both commands in fresh clones, the second one `delay` seconds later or earlier; return what failed.

    A command that exits 7 says that it is to be repeated, and is.
    """
    commands = [
        ("restore", "1.5.0", "--reason", "it was the disk"),
        ("rollback", "--to", "1.4.1", "--line", "1.4", "--reason", "it is slow"),
    ]
    running = []
    for command in commands if delay > 0 else commands[::-1]:
        clone = folder / command[0]
        shutil.rmtree(clone, ignore_errors=True)
        shutil.copytree(project.repo.path, clone, symlinks=True)
        running.append((command, clone, project.start(*command, cwd=clone)))
        time.sleep(abs(delay) if len(running) == 1 else 0)
    failed = []
    for command, clone, process in running:
        text, code = process.communicate()[1].decode(), process.returncode
        if code == 7:
            again = project(*command, cwd=clone)
            text, code = again.stderr, again.code
        verified = project("log", "verify", cwd=clone)
        failed += [f"{command[0]} exits {code}: {text[-600:]}"] if code else []
        failed += [f"log verify: {verified.stderr}"] if verified.code else []
    return failed
