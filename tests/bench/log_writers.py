"""Compares sixteen processes on one PostgreSQL log with sixteen that execute a hand-written transaction.

Started as `python -m tests.bench.log_writers KIND URL NAME`, KIND `ours` or `hand`, it is one of the writers: it
appends as many entries as a line of its input says, says `done`, and waits for the next line.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from release.log import Head
from release.log.sealing import seal
from release.log.stores.sql.migrate import migrate
from release.log.timestamps import timestamp
from tests.bench.log_contest import contest
from tests.support.logs.stores import open_writer
from tests.support.services.postgres import Postgres, make_server
from tests.support.services.required import missing

ROOT = Path(__file__).parents[2]
WRITERS = 16
_APPENDS = 25  # of each writer in one turn
_TURNS = 2

Work = Callable[[int], object]


def postgresql(rounds: int) -> str:
    """Return a line with the appends per second of shipmark and of hand-written SQL, until the last writer ends."""
    if missing("postgres"):
        return f"postgresql: not measured: {missing('postgres')}"
    with (
        contextmanager(make_server)() as server,
        _sixteen(server, "ours") as ours,
        _sixteen(server, "hand") as hand,
    ):
        result = contest(ours, hand, rounds=rounds, turns=_TURNS, count=_APPENDS)
    mine, by_hand = (WRITERS * rate for rate in result.rates)
    return (
        f"postgresql: {WRITERS} writers {mine:.0f} appends/s, the same transaction by hand {by_hand:.0f}/s, "
        f"{result.ratio} (goal 0.8)"
    )


@contextmanager
def _sixteen(server: Postgres, kind: str) -> Iterator[Work]:
    """Start sixteen writers on a new database; give the function that makes them append, and waits until all have."""
    url = server.database()
    migrate(url)
    argv = [sys.executable, "-m", "tests.bench.log_writers", kind, url]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        children = [
            stack.enter_context(subprocess.Popen([*argv, str(number)], cwd=ROOT, **pipes))
            for number in range(WRITERS)
        ]

        def all_say(word: str) -> None:
            for child in children:
                assert child.stdout is not None
                assert child.stdout.readline() == f"{word}\n"

        def work(count: int) -> None:
            for child in children:
                assert child.stdin is not None
                child.stdin.write(f"{count}\n")
                child.stdin.flush()
            all_say("done")

        all_say("ready")
        yield work
        for child in children:
            assert child.stdin is not None
            child.stdin.close()


def _serve(append: Callable[[dict[str, Any]], object], name: str) -> None:
    """For each line of stdin, append as many entries as it says, and print `done`."""
    numbers = itertools.count()
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            append(
                {"kind": "measured", "project": "p", "name": f"{name} {next(numbers)}", "padding": "x" * 400}
            )
        print("done", flush=True)


def ours(url: str, name: str) -> None:
    """Append entries with shipmark's writer."""
    writer = open_writer({"store": "sql", "url": url})
    writer.entries()
    _serve(lambda fact: writer.append([fact]), name)


def by_hand(url: str, name: str) -> None:
    """Append entries by plain SQL on shipmark's tables, without any check."""
    import psycopg

    with psycopg.connect(url) as session:

        def append(fact: dict[str, Any]) -> None:
            with session.transaction():
                _append(session, fact)

        _serve(append, name)


def _append(session: Any, fact: dict[str, Any]) -> None:
    row = session.execute("SELECT seq, hash FROM log_head WHERE id = 1 FOR UPDATE").fetchone()
    line = seal(fact, Head(seq=row[0], hash=row[1]), timestamp(time.time_ns() // 1_000_000))
    digest = _member(line, "hash")
    session.execute(
        "INSERT INTO log_entry (seq, hash, prev, id, line) VALUES (%s, %s, %s, %s, %s)",
        (row[0] + 1, digest, row[1], _member(line, "id"), line.decode()),
    )
    session.execute("UPDATE log_head SET seq = %s, hash = %s WHERE id = 1", (row[0] + 1, digest))


def _member(line: bytes, name: str) -> str:
    return line.partition(f'"{name}":"'.encode())[2].partition(b'"')[0].decode()


if __name__ == "__main__":
    kind, url, name = sys.argv[1:]
    (ours if kind == "ours" else by_hand)(url, name)
