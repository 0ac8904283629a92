"""Every kind of clone of random histories gives the versions, tags and changed components of a complete clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.releases.drawn_histories import differences


@pytest.mark.parametrize("seed", [5, 14, 15, 18, 28, 32])
def test_answers_in_any_clone_are_those_of_a_complete_clone(tmp_path: Path, seed: int) -> None:
    assert differences(tmp_path, seed, clones=3) == []
