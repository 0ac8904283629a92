"""A stateful model of releases, crashes, recovery and several runners; many more histories: `make soak`."""

from __future__ import annotations

import pytest

from tests.support.releases.model_machine import explore


def test_any_history_of_releases_and_crashes_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    explore(monkeypatch, examples=60, steps=30)
