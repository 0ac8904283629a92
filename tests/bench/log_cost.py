"""Measures what a command costs on a log of ten, of thousands and of a million entries, in each kind of store.

CPU and memory are those of whole processes. Warm: the index is there. Cold: the cache folder is empty, as on a runner
that is wiped.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from release.control import Cancel
from release.log.catalog.open_index import fill_tables
from release.log.stores.sql.migrate import migrate
from release.log.stores.sql.store import SqlStore
from release.log.timestamps import timestamp
from tests.bench.harness import Command, Sample, measure
from tests.bench.log_large import LARGE, START, digest_of, entries_in
from tests.support.logs.facts import PROJECT
from tests.support.programs.environment import scrubbed
from tests.support.releases.git import GitRepo
from tests.support.releases.project import FILES
from tests.support.services.postgres import Postgres, make_server
from tests.support.services.required import missing

SIZES = {"file": (10, 20_000, LARGE), "git": (10, 20_000)}
SIZES |= {"sqlite": SIZES["file"], "postgresql": SIZES["file"]}
_COMMAND = Path(sys.executable).with_name("shipmark")
_LIMIT = 600.0


class Bar(NamedTuple):
    """What a command may cost more than with ten entries. `cpu`: seconds; `memory`: MiB."""

    cpu: float
    memory: float


WARM = Bar(0.3, 80)


class Place(NamedTuple):
    """A repository whose log has `entries` entries and one release of HEAD."""

    store: str
    entries: int
    repo: Path
    home: Path
    env: dict[str, str]

    def measured(self, *argv: str) -> Sample:
        return measure(Command(argv[0], [_COMMAND, *argv], self.repo, self.env), limit=_LIMIT)

    def chill(self) -> None:
        """Empty the cache folder."""
        shutil.rmtree(self.home / "cache", ignore_errors=True)


def costs(
    folder: Path, rounds: int, stores: Sequence[str] = ("file", "sqlite", "postgresql", "git")
) -> Iterator[str]:
    """Yield a table for each store. `folder`: where the logs are kept from one time to the next."""
    for store in stores:
        if store == "postgresql" and missing("postgres"):
            yield f"{store}: not measured: {missing('postgres')}"
            continue
        with ExitStack() as stack:
            server = stack.enter_context(contextmanager(make_server)()) if store == "postgresql" else None
            places = [_place(folder / "log-cost", store, count, server) for count in SIZES[store]]
            yield _table(store, places, rounds)


def _table(store: str, places: Sequence[Place], rounds: int) -> str:
    lines = [
        f"### {store}",
        "",
        "| command | entries | CPU s | peak MiB | more than ten entries | goal |",
        "|---|---|---|---|---|---|",
    ]
    for name, argv in _questions().items():
        lines += _rows(name, places, WARM, partial(_warm, argv, rounds))
    cold = {"file": Bar(12, 150), "git": Bar(2, 100)}.get(store, Bar(0.5, 80))
    lines += _rows("`run`, cold", places, cold, _cold)
    return "\n".join(lines)


def _rows(
    name: str, places: Sequence[Place], bar: Bar, take: Callable[[Place], tuple[float, float]]
) -> Iterator[str]:
    base: tuple[float, float] | None = None
    for place in places:
        cpu, memory = take(place)
        base = base or (cpu, memory)
        more = cpu - base[0], memory - base[1]
        met = "met" if more[0] <= bar.cpu and more[1] <= bar.memory else "**missed**"
        goal = f"{bar.cpu} s, {bar.memory:.0f} MiB: {met}" if place.entries > 10 else ""
        grown = f"{more[0]:+.2f} s, {more[1]:+.0f} MiB"
        yield f"| {name} | {place.entries:,} | {cpu:.2f} | {memory:.0f} | {grown} | {goal} |"


def _questions() -> dict[str, Callable[[int], list[str]]]:
    return {
        "`run`, nothing to do": lambda count: ["run"],
        "`preview`": lambda count: ["preview"],
        "`tags`": lambda count: ["tags"],
        "`log list`": lambda count: ["log", "list"],
        "`log show VERSION`": lambda count: ["log", "show", _version(count // 10)],
        "`log find DIGEST`": lambda count: ["log", "find", digest_of(f"image-{count // 10:06}-amd64")],
        "`log at latest TIME`": lambda count: ["log", "at", "latest", timestamp(START + count // 2 * 1000)],
        "`log history latest`": lambda count: ["log", "history", "latest"],
    }


def _version(number: int) -> str:
    return f"1.{number // 100}.{number % 100}"


def _warm(question: Callable[[int], list[str]], rounds: int, place: Place) -> tuple[float, float]:
    argv = question(place.entries)
    place.measured(*argv)
    taken = [place.measured(*argv) for _ in range(rounds)]
    return statistics.median(one.cpu for one in taken), max(one.rss for one in taken)


def _cold(place: Place) -> tuple[float, float]:
    place.chill()
    taken = place.measured("run")
    return taken.cpu, taken.rss


# Making the logs.


def _place(folder: Path, store: str, count: int, server: Postgres | None) -> Place:
    """Make the repository with its log, unless an earlier run has made it, and release its HEAD."""
    lines = entries_in(folder / f"entries-{count}.jsonl", count)
    where = folder / f"{store}-{count}"
    done = where / "complete"
    if not done.exists() or server is not None:
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir(parents=True)
    home, repo = where / "home", where / "repo"
    env = scrubbed(home)
    log = {
        "file": {"store": "file", "path": str(where / "log.jsonl")},
        "sqlite": {"store": "sql", "url": f"sqlite:///{where}/log.db"},
        "git": {"store": "git", "remote": f"file://{where}/log.git"},
        "postgresql": {"store": "sql", "url": "${SHIPMARK_LOG_URL}"},
    }[store]
    if server is not None:
        env["SHIPMARK_LOG_URL"] = server.database()
    if not done.exists() or server is not None:
        home.mkdir()
        _fill(store, where, lines, env)
        config = {"image": "oci:dist/image", "project": PROJECT, "build": {"builder": "layers"}, "log": log}
        made = GitRepo(repo, home=home)
        made.commit("start", {**FILES, "shipmark.yml": json.dumps(config)})
        made.git("tag", "v9.0.0")
        subprocess.run([_COMMAND, "run"], cwd=repo, env=env, check=True, capture_output=True)
        done.touch()
    return Place(store, count, repo, home, env)


def _fill(store: str, where: Path, lines: Path, env: dict[str, str]) -> None:
    if store == "file":
        shutil.copy(lines, where / "log.jsonl")
    elif store == "git":
        _fill_git(where / "log.git", lines, env)
    else:
        url = env.get("SHIPMARK_LOG_URL") or f"sqlite:///{where}/log.db"
        migrate(url)
        with lines.open("rb") as file:
            (_copy_to_postgresql if store == "postgresql" else _copy_to_sqlite)(url, _rows_of(file))
        log = SqlStore(url, cancel=Cancel())
        fill_tables(log)
        log.close()


def _rows_of(file: Iterator[bytes]) -> Iterator[tuple[int, str, str, str, str]]:
    for number, line in enumerate(file):
        fields = json.loads(line)
        yield number, fields["hash"], fields["prev"], fields["id"], line.decode().rstrip("\n")


def _copy_to_sqlite(url: str, rows: Iterator[tuple[int, str, str, str, str]]) -> None:
    last = (-1, "")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as base:
        for row in rows:
            base.execute("INSERT INTO log_entry (seq, hash, prev, id, line) VALUES (?, ?, ?, ?, ?)", row)
            last = row[:2]
        base.execute("UPDATE log_head SET seq = ?, hash = ?", last)
    base.close()


def _copy_to_postgresql(url: str, rows: Iterator[tuple[int, str, str, str, str]]) -> None:
    import psycopg

    last = (-1, "")
    with psycopg.connect(url) as session:
        with session.cursor().copy("COPY log_entry (seq, hash, prev, id, line) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
                last = row[:2]
        session.execute("UPDATE log_head SET seq = %s, hash = %s", last)


def _fill_git(bare: Path, lines: Path, env: dict[str, str]) -> None:
    """Make the log's commits by `git fast-import`: appending and pushing them would take minutes."""
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], env=env, check=True)
    parts = []
    with lines.open("rb") as file:
        for number, line in enumerate(file):
            parts += [
                b"commit refs/shipmark/log\n",
                b"committer shipmark <shipmark@shipmark.invalid> %d +0000\n" % (START // 1000 + number),
                b"data 5\nentry\nM 100644 inline entry.json\ndata %d\n" % len(line),
                line,
            ]
    script = b"".join(parts)
    subprocess.run(
        ["git", "--git-dir", str(bare), "fast-import", "--quiet"], env=env, input=script, check=True
    )
