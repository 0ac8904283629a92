"""The index of a long log gives the answers of the log itself, includes new entries and can be rebuilt."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import ConfigError, LogCorrupt
from release.log import query
from release.log.checkpoint import FileIndex
from release.log.fold import fold
from release.log.questions import at, find, history
from release.log.replicate import Mirrored
from release.log.stores.file import FileStore
from release.log.writer import Writer
from tests.support.logs.facts import PROJECT, TickingClock, digest, moved, whole_release, writer


def store(path: Path) -> FileStore:
    return FileStore(str(path), cancel=Cancel(), monotonic=time.monotonic)


@contextmanager
def index(path: Path, batch: int = 20_000) -> Iterator[FileIndex]:
    with closing(FileIndex(str(path), f"{path}.idx", batch=batch)) as opened:
        yield opened


def kept(path: Path) -> Path:
    """Return the path of the index that `query` makes for the log at `path`."""
    return Path(query.index_path(str(path), str(path.parent)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


@pytest.fixture
def folder(path: Path) -> Callable[[], str]:
    """Give the function that returns the folder for indexes."""
    return lambda: str(path.parent)


def filled(path: Path, releases: int = 40, seed: int = 3) -> Writer:
    """Write a log of releases on two targets, with tags that move back and forth and some that are removed."""
    luck = random.Random(seed)
    log = Writer(store(path), clock=TickingClock(), cancel=Cancel())
    for number in range(releases):
        name = f"{number:03}"
        facts = whole_release(name, f"1.{number % 5}.{number}", f"{name}-image")
        tags = [
            {"name": tag, "digest": digest(f"{name}-image"), "result": "moved"} for tag in ("1", "latest")
        ]
        facts.append(moved(name, f"{name}-image", target="mirror.example/app", tags=tags))
        if luck.random() < 0.2:
            facts.append(
                {"kind": "pruned", "project": PROJECT, "target": PROJECT, "tags": [{"name": "latest"}]}
            )
        log.append(facts)
    return log


def test_index_of_a_log_gives_the_same_answers_as_the_log(path: Path) -> None:
    log = filled(path)
    entries = log.entries()
    state = fold(entries)
    tags = [
        "latest",
        "1",
        f"{PROJECT}:latest",
        "mirror.example/app:latest",
        "1.2.7",
        "unheard-of",
        "a:latest",
    ]
    times = ["1970", "9999", *(str(entry.fields["at"]) for entry in entries[::7])]
    with index(path) as indexed:
        for tag in tags:
            assert indexed.history(tag) == history(state, tag)
            for moment in times:
                assert indexed.at(tag, moment) == at(state, tag, moment), (tag, moment)
        for number in (0, 7, 39):
            for wanted in (digest(f"{number:03}-image"), digest(f"{number:03}-image-amd64")):
                for length in (14, 20, 30, 71):
                    assert indexed.find(wanted[:length]) == find(entries, wanted[:length])
        assert indexed.find("sha256:" + "0" * 64) == ()


def test_index_includes_entries_appended_after_its_creation(path: Path) -> None:
    log = filled(path, 3)
    with index(path) as indexed:
        (before,) = indexed.at("1", "9999")
    log.append(whole_release("new", "9.9.9", "new-image"))
    log.append([moved("new", "new-image", tag="1", target="mirror.example/app")])
    size = os.path.getsize(f"{path}.idx")
    with index(path) as indexed:
        (after,) = indexed.at("1", "9999")
        assert indexed.history("1") == history(fold(log.entries()), "1")
    assert (before.hold.version, after.hold.version) == ("1.2.2", "9.9.9")
    assert size <= os.path.getsize(f"{path}.idx")


def test_index_filled_in_small_transactions_gives_the_same_answers(path: Path) -> None:
    log = filled(path, 10)
    with index(path, batch=7) as indexed:
        assert indexed.history("latest") == history(fold(log.entries()), "latest")


@pytest.mark.parametrize("damage", ["garbage", "empty", "another version", "another log", "shorter log"])
def test_damaged_index_or_that_of_another_log_is_rebuilt(path: Path, tmp_path: Path, damage: str) -> None:
    log = filled(path, 5)
    with index(path):
        pass
    idx = Path(f"{path}.idx")
    match damage:
        case "garbage":
            idx.write_bytes(b"no database at all" * 500)
        case "empty":
            idx.write_bytes(b"")
        case "another version":
            with closing(sqlite3.connect(idx)) as base:
                base.execute("UPDATE state SET version = 0")
                base.commit()
        case "another log":
            path.unlink()
            log = filled(path, 6, seed=4)
        case _:
            path.unlink()
            log = filled(path, 2)
    with index(path) as indexed:
        assert indexed.history("1") == history(fold(log.entries()), "1")


def test_torn_tail_of_a_log_does_not_prevent_indexing_later_entries(path: Path) -> None:
    filled(path, 2)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"half')
    with index(path):
        pass
    fresh = writer(store(path))
    fresh.append(whole_release("new", "9.9.9", "new-image"))
    with index(path) as indexed:
        assert indexed.at("9.9.9", "9999")[0].hold.version == "9.9.9"


def test_indexing_a_corrupt_log_raises_log_corrupt(path: Path) -> None:
    filled(path, 3)
    path.write_bytes(path.read_bytes().replace(b'"1.1.1"', b'"1.1.2"', 1))
    with pytest.raises(LogCorrupt):
        FileIndex(str(path), f"{path}.idx")


def test_answer_from_a_changed_entry_raises_log_corrupt(path: Path) -> None:
    filled(path, 3)
    with index(path):
        pass
    # Behind the index's back, without changing where entries are.
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"version":"1.1.1"', b'"version":"1.1.9"'))
    with index(path) as indexed, pytest.raises(LogCorrupt, match="was changed after it was written"):
        indexed.at("1.1.1", "9999")


def test_only_long_logs_get_an_index(path: Path, folder: Callable[[], str]) -> None:
    log = filled(path, 8)
    entries = log.entries()
    wanted: list[tuple[Any, Any]] = []
    for worth in (10_000, 1):
        wanted.append(
            (
                query.find(store(path), digest("003-image"), folder, worth=worth),
                query.at(store(path), "latest", "9999", folder, worth=worth),
            )
        )
        assert kept(path).exists() == (worth == 1)
        assert query.history(store(path), "1", folder, worth=worth) == history(fold(entries), "1")
    assert wanted[0] == wanted[1]
    with pytest.raises(ConfigError, match="is not a digest"):
        query.find(store(path), "latest", folder, worth=1)


def test_query_of_a_mirrored_log_indexes_its_first_store(path: Path, folder: Callable[[], str]) -> None:
    filled(path, 3)
    mirrored = Mirrored(store(path), [], warn=print)
    assert query.at(mirrored, "1", "9999", folder, worth=1) == query.at(store(path), "1", "9999", folder)
    assert kept(path).exists()


def test_query_reads_the_log_if_the_index_cannot_be_stored(path: Path, folder: Callable[[], str]) -> None:
    log = filled(path, 8)
    kept(path).mkdir()
    assert query.at(store(path), "latest", "9999", folder, worth=1) == at(
        fold(log.entries()), "latest", "9999"
    )


def test_query_of_an_empty_log_finds_nothing(path: Path, folder: Callable[[], str]) -> None:
    assert query.find(store(path), "sha256:" + "0" * 64, folder, worth=0) == ()
    assert query.at(store(path), "latest", "9999", folder, worth=0) == ()
