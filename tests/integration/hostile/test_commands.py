"""Every command in every hostile workspace."""

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
def test_hostile_workspace_harms_nobody(case: Case, tmp_path: Path, listener: Listener, forks: Forks) -> None:
    listener.take()
    scene = Scene(case, tmp_path / "scene", listener)
    before = scene.workspace_state()
    for command in COMMANDS:
        scene.judge(forks.run(scene, command))
    assert changed(before, scene.workspace_state()) == []
    if case.check is not None:
        case.check(scene)


def test_names_are_different() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
