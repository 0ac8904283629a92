"""Two adjacent releases at the same time, stopped in the middle: registry and log agree at the end, and both exit 0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.programs.command import Shipmark
from tests.support.releases.project import Project
from tests.support.releases.race_matrix import HIGHER, LOWER, RaceMatrix, race_all


def test_log_and_registry_agree_after_races_of_two_adjacent_releases(
    make_project: Callable[..., Project], shipmark: Shipmark, tmp_path: Path
) -> None:
    """The form with few points; `tests/soak/soak_race_matrix.py` stops both at every step."""
    matrix = RaceMatrix(make_project(), shipmark, tmp_path)
    steps = matrix.points(LOWER)
    moves = [step for step in steps if step.startswith("move:")]
    (record,) = [step for step in steps if step.startswith("record:moved")]
    assert len(moves) == 3
    # Stopped after its first move, the lower run would record that its tags still hold its image.
    race_all(matrix, [(LOWER, moves[1], None), (LOWER, record, None), (HIGHER, moves[-1], None)])
