"""Builds drawn Dockerfiles with `layers` and BuildKit: one image, or no image (`SHIPMARK_FUZZ`: how many)."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.corpus import Case
from tests.support.corpus_ground import CorpusGround, corpus_ground
from tests.support.drawn.comparing import ITS_OWN, REFUSED, add_bases, difference
from tests.support.drawn_dockerfiles import draw, make_context
from tests.support.services.buildkit import BuildKitDaemon

COUNT = int(os.environ.get("SHIPMARK_FUZZ") or 200)


@pytest.fixture(scope="module")
def ground(
    tmp_path_factory: pytest.TempPathFactory, buildkit: BuildKitDaemon, dockerfile_syntax: str
) -> Iterator[CorpusGround]:
    del dockerfile_syntax  # the ground has cases that name it
    context = make_context(tmp_path_factory.mktemp("drawn") / "context")
    with corpus_ground(tmp_path_factory.mktemp("ground"), buildkit, context) as made:
        add_bases(made)
        yield made


def test_layers_and_buildkit_make_one_image_of_each_drawn_dockerfile(ground: CorpusGround) -> None:
    start = random.SystemRandom().randrange(1 << 32)
    built = equal = 0
    wrong = []
    for seed in range(start, start + COUNT):
        text = draw(seed)
        found = ground.compare(Case("drawn", "files", {}, None, frozenset(), text), ("layers",))
        built += not found["buildkit"]
        equal += not found["buildkit"] and found.get("layers") == []
        if ITS_OWN.search("\n".join(found["buildkit"])):
            continue
        if [line for line in found.get("layers", ()) if not REFUSED.search(line)]:
            wrong.append(f"seed {seed}: BuildKit: {found['buildkit']}\n{text}{found['layers'][:5]}")
    print(f"{COUNT} drawn: {built} built by BuildKit, {equal} equal, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:5])


def test_layers_and_buildkit_make_one_image_of_each_drawn_project(
    ground: CorpusGround, tmp_path: Path
) -> None:
    start = random.SystemRandom().randrange(1 << 32)
    found = [difference(ground, seed, tmp_path / str(seed)) for seed in range(start, start + COUNT)]
    wrong = [text for _, text in found if text]
    print(f"{COUNT} drawn: {sum(built for built, _ in found)} built by BuildKit, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:5])
