"""Opens the catalog of a store, and decides whether the log is worth an index."""

from __future__ import annotations

from collections.abc import Callable

from release.log import LogStore
from release.log.catalog.catalog import Catalog
from release.log.replicate import Mirrored
from release.log.stores.file.store import FileStore

#: Entries from which a log gets an index in the cache folder: reading and folding a shorter log takes 20 ms.
WORTH = 1500
# The shortest entry has about 600 bytes; a shorter file is read as a whole.
_SMALL = WORTH * 600


def open_catalog(
    store: LogStore, folder: Callable[[], str], *, program: str, worth: int = WORTH, may_fill: bool = True
) -> Catalog:
    """The catalog of a log, with an index if the log is worth one.

    folder: outside the workspace, and only this user can write in it. program: this version of shipmark; an index that
    another one made is made again. worth: entries from which an index is kept in `folder`. may_fill: see `Catalog`.
    """
    truth = store.truth if isinstance(store, Mirrored) else store
    if isinstance(truth, FileStore) and truth.size() < (_SMALL if worth == WORTH else 1):
        return Catalog()
    from release.log.catalog.open_index import indexed_catalog  # imported late: most logs are short files

    return indexed_catalog(truth, folder, program=program, worth=worth, may_fill=may_fill)
