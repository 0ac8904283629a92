"""Runs the stateful models of releases, and of a log with its indexes, with many more histories than the suite."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from release.versions.status import merged
from tests.support.logs.descriptions import STORES
from tests.support.logs.index_model import explore as explore_index
from tests.support.logs.index_model import short_tails
from tests.support.parts import part_of
from tests.support.releases.model_machine import explore
from tests.support.releases.status_model import told_after
from tests.support.releases.statuses import yanked

# Histories of the index of each store; those of git start some 20 programs at each step.
HISTORIES = {"file": 60, "sqlite": 40, "postgresql": 40, "git": 12}
STEPS = 25


def test_thousands_of_histories_of_releases_and_crashes_keep_the_models_invariants(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    explore(monkeypatch, tmp_path, examples=2000, steps=40)


@pytest.mark.parametrize("kind", STORES)
def test_answers_of_a_log_are_right_after_each_step_of_many_histories(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short_tails(monkeypatch)
    ends = [
        explore_index(kind, request, tmp_path / f"history{seed}", seed=seed, steps=STEPS)
        for seed in part_of(range(HISTORIES[kind]))
    ]
    print(f"{kind}: {len(ends)} histories of {STEPS} steps, {max(ends)} entries at most, every answer right")


def test_statuses_of_two_writers_are_there_after_every_order_of_their_requests() -> None:
    """Both make eight requests alone; every order of the first sixteen, with each reply of a write lost or not."""
    first, second = yanked(["1.5.0"]), yanked(["1.6.0"])
    replies = (None, (1, True), (1, False), (2, True))
    count = 0
    for chosen in itertools.combinations(range(16), 8):
        order = [int(number in chosen) for number in range(16)]
        lost = (replies[count % 4], replies[count // 4 % 4])
        assert merged(told_after((first, second), order, lost)) == merged(first, second), (order, lost)
        count += 1
    print(f"{count} orders of the requests of two writers, no status lost")
