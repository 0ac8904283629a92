"""Some random projects, each built with `layers` and BuildKit; `tests/soak/soak_drawn_builds.py` draws many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.corpus_ground import CorpusGround, corpus_ground
from tests.support.drawn.comparing import add_bases, difference
from tests.support.services.buildkit import BuildKitDaemon


@pytest.fixture(scope="module")
def ground(
    tmp_path_factory: pytest.TempPathFactory, buildkit: BuildKitDaemon, dockerfile_syntax: str
) -> Iterator[CorpusGround]:
    del dockerfile_syntax  # some projects name it
    with corpus_ground(tmp_path_factory.mktemp("ground"), buildkit) as made:
        add_bases(made)
        yield made


@pytest.mark.parametrize("seed", range(12))
def test_layers_and_buildkit_make_one_image_of_a_drawn_project(
    seed: int, ground: CorpusGround, tmp_path: Path
) -> None:
    assert difference(ground, seed, tmp_path / "project")[1] == ""
