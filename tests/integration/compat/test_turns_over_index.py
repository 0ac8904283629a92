"""shipmark 0.1.0 appends between two commands of this version, which finds entries by an index."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.log import LogStore
from release.log.catalog import catalog as catalog_module
from release.log.catalog.catalog import Catalog
from release.log.catalog.open import open_catalog
from release.log.catalog.open_index import fill_tables
from release.log.catalog.tables import BLOCK
from release.log.writer import Writer
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.facts import TickingClock, whole_release
from tests.support.logs.random_log import random_facts
from tests.support.logs.same_answers import same_answers, same_versions
from tests.support.logs.stores import open_store
from tests.support.programs.environment import hermetic_git
from tests.support.programs.wheel import Installed

# Appends each list of facts on stdin with shipmark 0.1.0, and prints how many entries the log has then. The modules are
# those of 0.1.0: they keep their names when ours move.
_APPEND = """
import json, os, sys, time
from release.control import Cancel
from release.log.writer import Writer

class Clock:
    now = staticmethod(lambda: time.time_ns() // 1_000_000)
    monotonic = staticmethod(time.monotonic)

given, appends = json.load(sys.stdin)
if given["store"] == "file":
    from release.log.file_store import FileStore
    store = FileStore(given["path"], cancel=Cancel(), monotonic=time.monotonic)
elif given["store"] == "sql":
    from release.log.sql_store import SqlStore
    store = SqlStore(given["url"], cancel=Cancel())
else:
    from release.log.git_remote import GitRemote
    from release.log.git_store import GitStore
    from release.process import Processes
    cache = given["cache"] + "/old/log.git"
    remote = GitRemote(process=Processes(Cancel()), env=os.environ, cache=cache, url=given["url"], name="log",
                       cancel=Cancel(), monotonic=time.monotonic)
    store = GitStore(remote, name="log")
writer = Writer(store, clock=Clock, cancel=Cancel())
for facts in appends:
    writer.append(facts)
print(len(writer.entries()))
"""


class Turns:
    """A log to which both versions append; each turn is a process of its own, or a newly opened store."""

    def __init__(self, description: dict[str, Any], old: Installed, folder: Path) -> None:
        self._description = description
        self._old = old
        self._folder = folder

    def old(self, *appends: list[dict[str, Any]]) -> int:
        """Append with 0.1.0; returns how many entries it then reads."""
        done = subprocess.run(
            [str(self._old.python), "-I", "-c", _APPEND],
            env={**os.environ, **hermetic_git()},
            input=json.dumps([self._description, appends]).encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return int(done.stdout)

    def new(self, *appends: list[dict[str, Any]], answers: bool = False) -> int:
        """Append with this version, and compare what it finds by the index with a fold over every entry.

        answers: compare every answer, which takes a second; else the entries and the released versions.
        """
        store = open_store(self._description)
        writer = Writer(
            store,
            clock=TickingClock(),
            cancel=Cancel(),
            catalog=lambda may_fill: self._catalog(store, may_fill),
        )
        for facts in appends:
            writer.append(facts)
        entries = list(store.read())
        assert list(writer.entries()) == entries
        same_versions(writer._catalog, entries)
        if answers:
            same_answers(writer._catalog, entries)
        getattr(store, "close", lambda: None)()
        return len(entries)

    def indexed(self) -> int:
        """Fill the index; returns how many entries it has."""
        store = open_store(self._description)
        fill_tables(store)
        found = self._catalog(store, may_fill=True)
        found.follow(store.read(found.head.seq))
        getattr(store, "close", lambda: None)()
        return found.indexed

    def _catalog(self, store: LogStore, may_fill: bool) -> Catalog:
        return open_catalog(store, lambda: str(self._folder), program="new", worth=1, may_fill=may_fill)


@pytest.mark.parametrize("kind", STORES)
def test_old_program_appends_between_commands_that_use_an_index(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    old_installed: Installed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LARGEST_TAIL", "_PORTION", "_PORTION_SHARED"):
        monkeypatch.setattr(catalog_module, name, BLOCK)
    facts = random_facts(8)
    # A push to git takes a tenth of a second, so the facts of many appends are one there.
    third = 1 if kind == "git" else 6  # appends in each turn
    appends = [[one for _ in range(24 // third) for one in next(facts)] for _ in range(3 * third)]
    (tmp_path / "indexes").mkdir()
    turns = Turns(describe(kind, request, tmp_path), old_installed, tmp_path / "indexes")
    begun = turns.new(*appends[:third])
    assert turns.indexed() >= BLOCK
    grown = turns.old(*appends[third : 2 * third])
    assert grown > begun + BLOCK
    # The old program's entries are there, and its facts are not written again.
    assert turns.new(*appends[: 2 * third], answers=True) == grown
    assert turns.new(*appends[2 * third :], whole_release("last", "9.0.0")) > grown
    assert turns.old(*appends) == turns.new(*appends, whole_release("last", "9.0.0"))
    assert turns.indexed() > grown
