"""Copies a few odd images to and from registries, layouts and archives; `soak_copy_matrix.py` copies all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.registries.copy_matrix import Bench, made
from tests.support.registries.registry import RegistryFactory
from tests.support.services.required import require


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_some_odd_images_are_copied_to_and_from_registries_layouts_and_archives_as_by_skopeo(
    registry_factory: RegistryFactory, tmp_path: Path
) -> None:
    require("skopeo")
    bench = Bench(tmp_path, {"registry 2.8": registry_factory(foreign=True)})
    names = ("foreign platform first", "foreign layer", "buildkit cache index")
    found = [outcome for name in names for outcome in bench.run(made(tmp_path, name))]
    assert [one for one in found if not one.is_right] == []
    assert sum(one.verdict == "equal" for one in found) >= 24
