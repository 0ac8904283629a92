"""The kill matrix in full: every effect of a release, with the disk kept and with the disk lost. Prints the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.command import Shipmark
from tests.support.gate import Gate
from tests.support.kill_matrix import PROJECT, Matrix, table
from tests.support.project import Project


def test_a_release_killed_at_any_effect_ends_as_one_that_never_was(
    make_project: Callable[..., Project], gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    project = make_project(image=f"{gate.host}/acme/app", project=PROJECT)
    project.release_commit("v1.4.2")
    matrix = Matrix(project, gate, shipmark, tmp_path / "matrix")
    expected, points = matrix.learn()
    rows = [matrix.strike(point, expected) for point in points]
    print(f"\n{table(rows)}")
    assert len(points) >= 60
    assert [row.text for row in rows if row.faults] == []
