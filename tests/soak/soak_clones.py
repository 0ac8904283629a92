"""Compares clones of many random histories with complete clones of them."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.parts import part_of
from tests.support.releases.drawn_histories import differences

HISTORIES = 600


def test_answers_in_any_clone_of_many_histories_are_those_of_a_complete_clone(tmp_path: Path) -> None:
    seeds = part_of(range(HISTORIES))
    for seed in seeds:
        folder = tmp_path / str(seed)
        assert differences(folder, seed, clones=4) == []
        shutil.rmtree(folder)
    print(f"{len(seeds)} histories with four clones each: every answer is that of a complete clone")
