"""Images are put back from the first place that has them whole; places with damaged copies are passed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import DigestMismatch, NotFound
from release.events import NullSink
from release.layout.layout import Layout
from release.transfer.repair import put_back
from tests.support.registries.images import make_image, make_index, store

ONE = make_image({"a": b"one"})
INDEX = make_index(ONE, make_image({"a": b"arm"}, platform="linux/arm64"))
LAYER = json.loads(ONE.manifest.raw)["layers"][0]["digest"]


def _places(folder: Path, *names: str) -> list[Layout]:
    places = [Layout(str(folder / name)) for name in names]
    for place in places:
        store(INDEX, place, "1.0")
    return places


def _damage(place: Layout, digest: str) -> None:
    path = Path(place.blob_path(digest))
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("lost", [LAYER, ONE.digest], ids=["layer", "manifest"])
def test_place_with_a_damaged_copy_is_passed_over(tmp_path: Path, lost: str) -> None:
    target, damaged, whole = _places(tmp_path, "target", "damaged", "whole")
    _damage(damaged, LAYER)
    Path(target.blob_path(lost)).unlink()
    Path(target.blob_path(LAYER)).unlink(missing_ok=True)
    assert put_back(target, INDEX.digest, [damaged, whole], sink=NullSink(), cancel=Cancel()) >= 1
    for digest in (lost, LAYER):
        assert Path(target.blob_path(digest)).read_bytes() == Path(whole.blob_path(digest)).read_bytes()


def test_image_that_every_place_has_damaged_is_an_error(tmp_path: Path) -> None:
    target, damaged = _places(tmp_path, "target", "damaged")
    _damage(damaged, LAYER)
    Path(target.blob_path(LAYER)).unlink()
    with pytest.raises((DigestMismatch, NotFound)):
        put_back(target, INDEX.digest, [damaged], sink=NullSink(), cancel=Cancel())
