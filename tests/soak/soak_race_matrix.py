"""The race matrix in full: two adjacent releases, each stopped at every step of the other. Prints a line for each race.

Each of both runs is stopped at every one of its steps while the other runs to its end, and, from the first visible step
on, at every pair of steps of both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.releases.project import Project
from tests.support.releases.race_matrix import HIGHER, LOWER, RaceMatrix, race_all

# Each part is a test of its own, with its own time limit: some forty races take four minutes.
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_log_and_registry_agree_wherever_two_adjacent_releases_are_stopped(
    part: int, make_project: Callable[..., Project], shipmark: Shipmark, tmp_path: Path
) -> None:
    matrix = RaceMatrix(make_project(), shipmark, tmp_path)
    points = {version: matrix.points(version) for version in (LOWER, HIGHER)}
    rows: list[tuple[str, str, str | None]] = [
        (stopped, at, None) for stopped in (LOWER, HIGHER) for at in points[stopped]
    ]
    for stopped, other in ((LOWER, HIGHER), (HIGHER, LOWER)):
        rows += [(stopped, at, until) for at in visible(points[stopped]) for until in visible(points[other])]
    assert len(rows) > 100
    race_all(matrix, rows[part::PARTS])


def visible(steps: list[str]) -> list[str]:
    """Return the steps from the first fixed tag on, which others can see."""
    first = next(place for place, step in enumerate(steps) if step.startswith("tag:"))
    return steps[first:]
