"""Reading a log once for the page gives what the fold of the whole log gives, in any order of its entries."""

from __future__ import annotations

import pytest

from release.log import Entry
from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import of_release
from release.log.fold import fold
from release.log.page import reading
from release.log.page.reading import Reading
from release.log.page.rows import row_of
from release.log.yanked import yanks_of
from tests.support.logs.random_log import random_entries


@pytest.mark.parametrize("quiet", [3, 40, 10_000])
@pytest.mark.parametrize("seed", range(6))
def test_rows_are_those_of_the_fold(seed: int, quiet: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_QUIET", quiet)
    monkeypatch.setattr(reading, "_EVERY", 1)
    entries = random_entries(seed, 400)
    found = _read(entries)
    state = fold(entries)
    assert [row for row, _ in found.spool.rows()] == sorted(
        (row_of(one) for one in state.releases.values()), key=lambda row: row.seq
    )
    assert found.yanks == yanks_of(entries)
    assert found.statuses == state.statuses
    assert found.spool.incomplete() == []


def _read(entries: list[Entry]) -> Reading:
    catalog = Catalog()
    for entry in entries:
        catalog.take(entry)
    found = Reading(lambda key: fold(of_release(catalog, key)).release(key))
    found.read(entries)
    return found


def test_promotions_of_an_image_are_with_its_release() -> None:
    entries = random_entries(1, 400)
    promoted = {
        f"{one.fields['to']}:{tag['name']}"
        for one in entries
        if one.kind == "promoted"
        for tag in one.fields["tags"]
    }
    shown = {place for _, places in _read(entries).spool.rows() for place in places.split()}
    assert shown <= promoted
