"""Changes logs and their indexes as somebody with access to the store could, past every safeguard."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from release.log.catalog.tables import TABLES
from tests.support.programs.environment import hermetic_git

Rows = Mapping[str, list[tuple[Any, ...]]]


@contextlib.contextmanager
def connected(url: str) -> Iterator[Any]:
    """Give a connection to a log's database; what was done is committed at the end."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as base, base:
            yield base
        return
    with psycopg.connect(url) as session:
        yield session


def execute(url: str, statement: str, *values: Any) -> None:
    """Execute a statement with `?` where values go."""
    with connected(url) as base:
        base.execute(statement if url.startswith("sqlite") else statement.replace("?", "%s").encode(), values)


def disarm(url: str) -> None:
    """Remove the triggers that refuse to change or delete entries."""
    names = ["log_entry_no_update", "log_entry_no_delete"]
    if not url.startswith("sqlite"):
        names = ["log_entry_append_only ON log_entry"]
    for name in names:
        execute(url, f"DROP TRIGGER IF EXISTS {name}")


def cut(description: Mapping[str, Any], kept: int, of: int) -> None:
    """Remove the entries of a log of `of` entries from position `kept` on, without leaving a trace."""
    match description["store"]:
        case "file":
            path = Path(description["path"])
            path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
        case "git":
            argv = ["git", "--git-dir", description["url"], "update-ref", "refs/shipmark/log"]
            subprocess.run(
                [*argv, f"refs/shipmark/log~{of - kept}"],
                env={**hermetic_git(), "PATH": "/usr/bin"},
                check=True,
            )
        case _:
            url = description["url"]
            disarm(url)
            execute(url, "DELETE FROM log_entry WHERE seq >= ?", kept)
            last = "(SELECT hash FROM log_entry WHERE seq = ?)"
            execute(url, f"UPDATE log_head SET seq = ?, hash = {last}", kept - 1, kept - 1)


def index_rows(url: str) -> Rows:
    """Return the rows of the index in a log's database, by table."""
    with connected(url) as base:
        return {one.name: [*base.execute(f"SELECT * FROM {one.name}")] for one in TABLES}


def put_index_rows(url: str, rows: Rows) -> None:
    """Replace the index in a log's database."""
    mark = "?" if url.startswith("sqlite") else "%s"
    with connected(url) as base:
        cursor = base.cursor()
        for table in TABLES:
            marks = ", ".join([mark] * len(table.columns))
            cursor.execute(f"DELETE FROM {table.name}")
            cursor.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows.get(table.name, []))
