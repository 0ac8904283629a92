"""Random histories of a log and its indexes on two machines: every answer is that of a fold of the entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.logs.descriptions import STORES
from tests.support.logs.index_model import explore, short_tails


@pytest.mark.parametrize("kind", STORES)
def test_answers_of_a_log_are_right_after_each_step_of_a_random_history(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One short history; `tests/soak/soak_model.py` has many."""
    short_tails(monkeypatch)
    assert explore(kind, request, tmp_path / "history", seed=5, steps=4) > 0
