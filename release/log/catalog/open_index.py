"""Makes the index of a store: tables in the database of a SQL log, else a SQLite file in the user's cache folder.

What lies in the workspace is never taken for an index: an outsider may have written it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from release.errors import LogError
from release.log import Head, LogStore
from release.log.catalog.catalog import Catalog
from release.log.catalog.index import Index
from release.log.catalog.sources import ByCommit, ByPosition, FileSource, GitSource, SqlSource
from release.log.catalog.tables import STATE, TABLES, IndexFailed, Source, Unfit, first_state
from release.log.chain import Malformed, head_of, read_line
from release.log.stores.file.store import FileStore

if TYPE_CHECKING:
    from release.log.stores.sql.store import SqlStore

#: Returns the folder for index files. Called only when an index is used.
Folder = Callable[[], str]


def indexed_catalog(store: LogStore, folder: Folder, *, program: str, worth: int, may_fill: bool) -> Catalog:
    """The catalog of `store` with its index; the arguments are those of `open_catalog`."""
    if isinstance(store, FileStore):
        return Catalog(_of_file(store, folder, program), may_fill=may_fill)
    if isinstance(store, ByCommit):
        return Catalog(_of_git(store, folder, program), may_fill=may_fill)
    if isinstance(store, ByPosition):
        if (index := _of_tables(store)) is not None:
            return Catalog(index, may_fill=False)
        if store.head().seq + 1 >= worth:
            return Catalog(_of_sql(store, folder, program), may_fill=may_fill)
    return Catalog()


def fill_tables(store: LogStore) -> None:
    """Index every entry in the tables of a SQL log; an index that does not fit the log is made again.

    Does nothing for a log that has no such tables.
    """
    if not isinstance(store, ByPosition) or not store.has_index():
        return
    from release.log.stores.sql.index import SqlRows

    if (index := _of_tables(store)) is None:
        rows = SqlRows(cast("SqlStore", store))
        with rows.transaction() as is_alone:
            if not is_alone:
                return
            for table in TABLES:
                rows.change(f"DELETE FROM {table.name}")  # noqa: S608 - a constant
            rows.add(STATE, [first_state("")])
        index = Index(rows, SqlSource(store))
    Catalog(index).follow(store.read(index.position.seq))


def _of_file(store: FileStore, folder: Folder, program: str) -> Index | None:
    name = f"file\0{os.path.realpath(store.path)}"
    return _cached(
        folder, name, FileSource(store), program, lambda index: store.resume(index.position, int(index.place))
    )


def _of_git(store: ByCommit, folder: Folder, program: str) -> Index | None:
    name = f"git\0{store.folder}"
    return _cached(
        folder, name, GitSource(store), program, lambda index: store.resume(index.position, index.place)
    )


def _of_sql(store: ByPosition, folder: Folder, program: str) -> Index | None:
    return _cached(
        folder, f"sql\0{store.name}", SqlSource(store), program, lambda index: _has(store, index.position)
    )


def _of_tables(store: ByPosition) -> Index | None:
    """The index in the tables of a SQL log; None if there are none, or the role may not read them."""
    from release.log.stores.sql.index import SqlRows

    if not store.has_index():
        return None
    try:
        index = Index(SqlRows(cast("SqlStore", store)), SqlSource(store))
    except (LogError, Unfit):
        return None
    return index if index.position.seq < 0 or _has(store, index.position) else None


def _has(store: ByPosition, head: Head) -> bool:
    for line in store.lines(head.seq, 1):
        try:
            return head_of(read_line(line)) == head
        except (Malformed, LogError):
            return False
    return False


def _cached(
    folder: Folder, name: str, source: Source, program: str, fits: Callable[[Index], bool]
) -> Index | None:
    """The index in the cache folder; an index that does not fit the log is deleted and begun anew.

    None if none can be stored.
    """
    from release.log.catalog.sqlite_rows import SqliteRows, remove

    try:
        path = os.path.join(folder(), f"{hashlib.sha256(os.fsencode(name)).hexdigest()}.sqlite")
        for _ in range(2):
            try:
                rows = SqliteRows(path)
                index = Index(rows, source, program=program)
                if index.position.seq < 0 or fits(index):
                    return index
                rows.close()
            except (Unfit, IndexFailed):
                pass
            remove(path)
    except OSError:
        pass
    return None
