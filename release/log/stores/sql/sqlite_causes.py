"""Causes of SQLite's errors. Pure."""

from __future__ import annotations

from release.errors import LogCorrupt, LogUnavailable
from release.log.stores.sql.cause import FOREIGN, cause

#: Searched in this order: the first cause that covers an error counts.
SQLITE = (
    cause(
        r"not a database|malformed|disk image",
        "restore the database file from a copy, such as a mirror or a backup, or name another file",
        error=LogCorrupt,
    ),
    cause(
        r"database is locked",
        "another process holds the database for long: find out which (`fuser FILE`), and run again when it is done",
        error=LogUnavailable,
    ),
    cause(
        r"readonly database|read-only",
        "give this user the right to write the file and its folder, where SQLite keeps `-wal` and `-shm` beside it",
    ),
    cause(r"disk is full", "make room on the disk, then run again"),
    cause(
        r"disk I/O error",
        "check the disk, and make room on it: SQLite keeps `-wal` and `-shm` beside the file; then run again",
        error=LogUnavailable,
    ),
    cause(r"table \S+ already exists|no such column|has no column", FOREIGN),
    cause(r"no such table", "run `shipmark log migrate` once"),
)
