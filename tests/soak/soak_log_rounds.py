"""Two adjacent releases at the same time, again and again, with each kind of log. Prints what each store ended with."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.stores import open_store
from tests.support.programs.command import Shipmark
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
