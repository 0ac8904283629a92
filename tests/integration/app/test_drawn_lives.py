"""Some random lives of projects on two machines; tests/soak/soak_lives.py leads many more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.lives.life import faults_of
from tests.support.registries.registry import RegistryServer


@pytest.mark.parametrize("seed", range(4))
def test_tags_are_right_after_each_act_of_a_random_life(
    seed: int, tmp_path: Path, registry_server: RegistryServer
) -> None:
    assert faults_of(tmp_path / "life", seed, registry_server, steps=10) == []
