"""What a question reads of a long log depends on the question, not on the length of the log, in every kind of store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from release.log import Entry, Head
from release.log.answers.scope import Scope
from release.log.catalog.index import Index
from release.log.catalog.open import open_catalog
from release.log.catalog.open_index import fill_tables
from release.log.catalog.view import LogView
from release.log.chain import head_of
from release.log.identity import checked, fact_id
from release.log.sealing import seal_all
from release.log.timestamps import timestamp
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.facts import digest, key, whole_release
from tests.support.logs.index_model import short_tails
from tests.support.logs.random_log import OTHER
from tests.support.logs.same_answers import view_of
from tests.support.logs.stores import open_store
from tests.support.logs.tampering import replace

_START = 1_760_000_000_000
#: Each question, of which a million entries took seconds to minutes, and the blocks that its answer stands in.
QUESTIONS: dict[str, tuple[Callable[[LogView], object], int]] = {
    "an old release": (lambda view: view.release(key("0002")), 1),
    "the last three images of a tag": (lambda view: view.holds("latest", 3), 2),
    "what a tag held long ago": (lambda view: view.at("latest", timestamp(_START + 5_500)), 2),
    "the newest releases of one of two projects": (
        lambda view: view.newest(Scope(projects=frozenset({OTHER})), 5),
        3,
    ),
    "an old digest": (lambda view: view.mentions(digest("0003i")), 1),
}


def lines(releases: int) -> list[bytes]:
    """Return a log of five entries a release, of two projects in turns, one release a second."""
    head, found = Head(), list[Entry]()
    for number in range(releases):
        facts = whole_release(f"{number:04x}", f"1.{number % 7}.{number}", f"{number:04x}i")
        if number % 2:
            facts = [{**fact, "project": OTHER} for fact in facts]
        found += seal_all(
            {fact_id(one): checked(one) for one in facts}, head, timestamp(_START + number * 1000)
        )
        head = head_of(found[-1])
    return [entry.raw for entry in found]


@pytest.mark.parametrize("kind", STORES)
def test_questions_read_as_many_blocks_of_a_log_that_is_four_times_as_long(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short_tails(monkeypatch)
    read: list[int] = []
    block = Index._block

    def counted(self: Index, number: int) -> tuple[Entry, ...]:
        read.append(number)
        return block(self, number)

    monkeypatch.setattr(Index, "_block", counted)
    for releases in (52, 208):
        folder = tmp_path / str(releases)
        (folder / ".shipmark").mkdir(parents=True)
        described = describe(kind, request, folder)
        replace(described, lines(releases))
        store = open_store(described)
        fill_tables(store)
        opened = partial(open_catalog, store, partial(str, folder), program="test", worth=1)
        catalog = opened()
        catalog.may_fill()
        catalog.follow(store.read(catalog.head.seq))
        assert catalog.indexed >= releases * 5 - 64
        for name, (ask, most) in QUESTIONS.items():
            fresh = opened()
            fresh.follow(store.read(fresh.head.seq))
            read.clear()
            assert ask(view_of(fresh)), name
            assert len(read) <= most, (name, releases, read)
            if fresh.index is not None:
                fresh.index.close()
        if catalog.index is not None:
            catalog.index.close()
        getattr(store, "close", lambda: None)()
