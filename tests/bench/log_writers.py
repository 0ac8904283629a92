"""One of the writers that `tests.bench.log` sets on a database: `KIND URL COUNT NAME`, KIND `ours` or `hand`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from release.log import Head
from release.log.chain import seal, timestamp
from tests.support.log_stores import open_writer


@contextmanager
def _started() -> Iterator[None]:
    """Say that we are ready, wait until everybody is, and say that we are done."""
    print("ready", flush=True)
    sys.stdin.readline()
    yield
    print("done", flush=True)


def ours(url: str, facts: list[dict[str, Any]]) -> None:
    writer = open_writer({"store": "sql", "url": url})
    writer.entries()
    with _started():
        for fact in facts:
            writer.append([fact])


def by_hand(url: str, facts: list[dict[str, Any]]) -> None:
    import psycopg

    with psycopg.connect(url) as session, _started():
        for fact in facts:
            with session.transaction():
                _append(session, fact)


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
    kind, url, count, name = sys.argv[1:]
    wanted = [
        {"kind": "measured", "project": "p", "name": f"{name} {number}", "padding": "x" * 400}
        for number in range(int(count))
    ]
    (ours if kind == "ours" else by_hand)(url, wanted)
