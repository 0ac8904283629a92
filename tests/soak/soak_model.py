"""Runs the stateful model of releases with many more histories than the unit tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.releases.model_machine import explore


def test_thousands_of_histories_of_releases_and_crashes_keep_the_models_invariants(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    explore(monkeypatch, tmp_path, examples=2000, steps=40)
