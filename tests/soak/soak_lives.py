"""Leads many random lives of projects, and compares the registry with what must be there after each act."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.lives.life import faults_of
from tests.support.parts import part_of
from tests.support.registries.registry import RegistryServer

LIVES = 400
STEPS = 16


def test_tags_are_right_after_each_act_of_many_random_lives(
    tmp_path: Path, registry_server: RegistryServer
) -> None:
    seeds = part_of(range(LIVES))
    for seed in seeds:
        folder = tmp_path / str(seed)
        assert faults_of(folder, seed, registry_server, steps=STEPS) == []
        shutil.rmtree(folder)
    print(f"{len(seeds)} lives of {STEPS} acts: every tag was right after each act")
