"""Compares the version log's speed with plain write + fsync, a hand-written transaction, and git commit and push."""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from release.control import Cancel
from release.log import Head
from release.log.sealing import seal
from release.log.stores.file.store import FileStore
from release.log.timestamps import timestamp
from release.log.writer import Writer
from tests.bench.log_contest import contest
from tests.bench.log_cost import costs
from tests.bench.log_large import LARGE, entries_in, verify
from tests.bench.log_writers import postgresql
from tests.support.logs.facts import whole_release
from tests.support.logs.stores import SystemClock, open_writer
from tests.support.programs.environment import scrubbed

ROOT = Path(__file__).parents[2]


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield a line for each measurement. `folder`: where the large log is kept."""
    yield _appends(rounds)
    yield verify(entries_in(folder / "log-cost" / f"entries-{LARGE}.jsonl", LARGE))
    yield from costs(folder, rounds)
    yield postgresql(rounds)
    yield _git(rounds)


@contextmanager
def _scratch() -> Iterator[Path]:
    # Beside the repository: a temporary folder may be memory, where fsync costs nothing.
    with tempfile.TemporaryDirectory(dir=ROOT / ".bench") as folder:
        yield Path(folder)


def _facts(count: int) -> Iterator[dict[str, Any]]:
    """Return an iterator over `count` facts, which are made before the measurement starts."""
    releases = (whole_release(f"r{number}", f"1.0.{number}", f"i{number}") for number in range(count))
    return iter([facts[2] for facts in releases])


def _appends(rounds: int) -> str:
    """Compare appends per second with plain write + fsync of lines of equal size."""
    with _scratch() as folder:
        writer = Writer(
            FileStore(str(folder / "log.jsonl"), cancel=Cancel(), monotonic=time.monotonic),
            clock=SystemClock(),
            cancel=Cancel(),
        )
        turns, count = 10, 40
        facts = _facts(1 + (1 + rounds * turns) * count)
        line = b"x" * (len(writer.append([next(facts)])[0].raw) + 1)
        fd = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def append(count: int) -> None:
            for fact in itertools.islice(facts, count):
                writer.append([fact])

        def write(count: int) -> None:
            for _ in range(count):
                os.write(fd, line)
                os.fsync(fd)

        result = contest(append, write, rounds=rounds, turns=turns, count=count)
        os.close(fd)
    ours, raw = result.rates
    return (
        f"file: {ours:.0f} appends/s of {len(line)} bytes, raw write + fsync {raw:.0f}/s, "
        f"{result.ratio} (goal 0.7)"
    )


def _git(rounds: int) -> str:
    """Compare appends to a git ref with commits of one growing file; each commit is pushed."""
    with _scratch() as folder:
        env = {
            **scrubbed(folder),
            **{f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }

        def git(*arguments: str) -> None:
            subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True)

        git("init", "-q", "--bare", "a.git")
        git("init", "-q", "--bare", "b.git")
        git("clone", "-q", "b.git", "clone")
        writer = open_writer({"store": "git", "url": str(folder / "a.git"), "cache": str(folder / "caches")})
        count = 5
        facts = _facts(2 * (1 + rounds) * count)

        def append(count: int) -> None:
            for fact in itertools.islice(facts, count):
                writer.append([fact])

        def commit(count: int) -> None:
            for fact in itertools.islice(facts, count):
                with (folder / "clone" / "log.jsonl").open("ab") as file:
                    file.write(seal(fact, Head(), timestamp(0)) + b"\n")
                git("-C", "clone", "add", "log.jsonl")
                git("-C", "clone", "commit", "-q", "-m", "entry")
                git("-C", "clone", "push", "-q", "origin", "HEAD:refs/heads/log")

        result = contest(append, commit, rounds=rounds, turns=1, count=count)
    ours, plain = result.rates
    return f"git: {ours:.1f} appends/s, add + commit + push of a growing file {plain:.1f}/s, {result.ratio}"
