"""Changes logs and their indexes as somebody with access to the store could, past every safeguard."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping, Sequence
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


def replace(description: Mapping[str, Any], lines: Sequence[bytes]) -> None:
    """Make the log hold exactly these lines, as somebody with every right could."""
    match description["store"]:
        case "file":
            Path(description["path"]).write_bytes(b"".join(line + b"\n" for line in lines))
        case "git":
            parts = [b"reset refs/shipmark/log\n\n"]
            for line in lines:
                parts += [
                    *(b"commit refs/shipmark/log\n", b"committer x <x@example> 1760000000 +0000\n"),
                    *(b"data 1\nx\nM 100644 inline entry.json\ndata %d\n" % (len(line) + 1), line + b"\n\n"),
                ]
            subprocess.run(
                ["git", "--git-dir", description["url"], "fast-import", "--quiet", "--force"],
                input=b"".join(parts),
                env={**hermetic_git(), "PATH": "/usr/bin"},
                check=True,
            )
        case _:
            url = description["url"]
            disarm(url)
            mark = "?" if url.startswith("sqlite") else "%s"
            insert = f"INSERT INTO log_entry (seq, hash, prev, id, line) VALUES ({', '.join([mark] * 5)})"
            # The columns are unique, whatever the lines say.
            rows = [(n, f"hash {n}", f"prev {n}", f"id {n}", line.decode()) for n, line in enumerate(lines)]
            with connected(url) as base:
                cursor = base.cursor()
                cursor.execute("DELETE FROM log_entry")
                cursor.executemany(insert, rows)
            last = json.loads(lines[-1])["hash"]
            execute(url, "UPDATE log_head SET seq = ?, hash = ?", len(lines) - 1, last)


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
