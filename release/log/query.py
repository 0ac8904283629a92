"""Answers `find`, `at` and `history` for a store: through an index for long log files, else by reading all entries."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from release.log import LogStore
from release.log import questions as ask
from release.log.checkpoint import FileIndex
from release.log.fold import fold
from release.log.questions import Mention, TagHistory, TagThen
from release.log.replicate import Mirrored
from release.log.stores.file import FileStore

#: Number of entries from which a log file gets an index: reading a shorter log takes at most half a second.
WORTH_AN_INDEX = 50_000

#: Returns the folder for index files. Called only when an index is used.
Folder = Callable[[], str]

Answer = TypeVar("Answer")


def find(
    store: LogStore, digest: str, indexes: Folder, *, worth: int = WORTH_AN_INDEX
) -> tuple[Mention, ...]:
    """See `questions.find`."""
    ask.require_digest(digest)
    return _answer(
        store, indexes, lambda index: index.find(digest), lambda: ask.find(store.read(), digest), worth=worth
    )


def at(
    store: LogStore, tag: str, time: str, indexes: Folder, *, worth: int = WORTH_AN_INDEX
) -> tuple[TagThen, ...]:
    """See `questions.at`."""
    return _answer(
        store,
        indexes,
        lambda index: index.at(tag, time),
        lambda: ask.at(fold(store.read()), tag, time),
        worth=worth,
    )


def history(
    store: LogStore, tag: str, indexes: Folder, *, worth: int = WORTH_AN_INDEX
) -> tuple[TagHistory, ...]:
    """See `questions.history`."""
    return _answer(
        store,
        indexes,
        lambda index: index.history(tag),
        lambda: ask.history(fold(store.read()), tag),
        worth=worth,
    )


def index_path(log: str, folder: str) -> str:
    """The path of the index of the log file `log`. Equal for all paths that lead to the same file."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(log))).hexdigest()
    return os.path.join(folder, f"{name}.sqlite")


def _answer(
    store: LogStore,
    indexes: Folder,
    indexed: Callable[[FileIndex], Answer],
    read: Callable[[], Answer],
    *,
    worth: int,
) -> Answer:
    """Answer with `indexed`, which verifies the entries it uses, or with `read`, which verifies the whole chain."""
    store = store.truth if isinstance(store, Mirrored) else store
    if isinstance(store, FileStore) and store.head().seq + 1 >= worth:
        try:
            with closing(FileIndex(store.path, index_path(store.path, indexes()))) as index:
                return indexed(index)
        except (sqlite3.Error, OSError):
            pass  # the index cannot be stored: read the whole log instead
    return read()
