"""Runs the commands of each row in a hostile workspace, which must do no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.hostile import (
    rows_config,
    rows_environment,
    rows_faults,
    rows_links,
    rows_repositories,
)
from tests.integration.hostile.listener import Listener
from tests.integration.hostile.scene import COMMANDS, Case, Forks, Scene, changed

CASES = (
    *rows_faults.CASES,
    *rows_links.CASES,
    *rows_repositories.CASES,
    *rows_config.CASES,
    *rows_environment.CASES,
)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hostile_workspace_leaks_no_secret_and_changes_no_file_outside(
    case: Case, tmp_path: Path, listener: Listener, forks: Forks
) -> None:
    listener.take()
    scene = Scene(case, tmp_path / "scene", listener)
    before = scene.workspace_state()
    for command in case.commands:
        scene.judge(forks.run(scene, command))
    assert changed(before, scene.workspace_state()) == []
    if case.check is not None:
        case.check(scene)


def test_every_credential_variable_is_tested_with_every_command() -> None:
    for name in rows_environment.VARIABLES:
        rows = [case for case in rows_environment.CASES if name in case.env and len(case.env) == 1]
        assert {command for case in rows for command in case.commands} == set(COMMANDS)
        assert all("run" in case.commands for case in rows)


def test_names_of_hostile_workspaces_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
