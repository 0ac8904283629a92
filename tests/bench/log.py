"""The version log against what it is made of: write + fsync, a hand-written transaction, git commit and push."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from release.control import Cancel
from release.log import Head
from release.log.chain import head_of, read_line, seal, timestamp
from release.log.file_store import FileStore
from release.log.sql_migrate import migrate
from release.log.writer import Writer
from tests.support.environment import scrubbed
from tests.support.log import digest, whole_release
from tests.support.log_stores import SystemClock, open_writer
from tests.support.postgres import Postgres, make_server
from tests.support.services import missing

ROOT = Path(__file__).parents[2]
LARGE = 1_000_000  # entries
WRITERS = 16
_START = 1_600_000_000_000


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield one line or table for each question. `folder`: where the large log is kept."""
    yield _appends(rounds)
    large = _large(folder / "log-1m" / "log.jsonl")
    yield _verify(large)
    yield from _lookups(large, rounds)
    yield _postgres(rounds)
    yield _git(rounds)


@contextmanager
def _scratch() -> Iterator[Path]:
    # Beside the repository: a temporary folder may be memory, where fsync costs nothing.
    with tempfile.TemporaryDirectory(dir=ROOT / ".bench") as folder:
        yield Path(folder)


def _fact(number: int) -> dict[str, Any]:
    return whole_release(f"r{number}", f"1.0.{number}")[2] | {"attempt": str(number)}


def _appends(rounds: int, count: int = 400) -> str:
    """Appends a second against raw write + fsync of lines of the same size, in turns."""
    ours, raw = [], []
    numbers = itertools.count()
    with _scratch() as folder:
        writer = Writer(
            FileStore(str(folder / "log.jsonl"), cancel=Cancel(), monotonic=time.monotonic),
            clock=SystemClock(),
            cancel=Cancel(),
        )
        size = len(writer.append([_fact(next(numbers))])[0].raw) + 1
        fd = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for _ in range(rounds):
            facts = [_fact(next(numbers)) for _ in range(count)]
            ours.append(_rate(count, lambda facts=facts: [writer.append([fact]) for fact in facts]))  # type: ignore[misc]  # bound at once
            raw.append(
                _rate(count, lambda: [(os.write(fd, b"x" * size), os.fsync(fd)) for _ in range(count)])
            )
        os.close(fd)
    ratio = statistics.median(one / other for one, other in zip(ours, raw, strict=True))
    return (
        f"file: {statistics.median(ours):.0f} appends/s of {size} bytes, "
        f"raw write + fsync {statistics.median(raw):.0f}/s, ratio {ratio:.2f} (goal 0.7)"
    )


def _rate(count: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _large(path: Path) -> Path:
    """A log of a million entries, made once."""
    done = path.with_name("complete")
    if done.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    head = Head()
    with path.open("wb") as file:
        for number in itertools.count():
            for fact in _release(number):
                line = seal(fact, head, timestamp(_START + head.seq * 1000))
                head = head_of(read_line(line))
                file.write(line + b"\n")
            if head.seq + 1 >= LARGE:
                break
    done.touch()
    return path


def _release(number: int) -> list[dict[str, Any]]:
    """The five facts of a release, with digests as random as real ones."""
    name = f"image-{number:06}"
    text = json.dumps(whole_release(f"r{number:06}", f"1.{number // 100}.{number % 100}", name))
    for image in (f"{name}-amd64", name):
        text = text.replace(digest(image), _digest(image))
    facts: list[dict[str, Any]] = json.loads(text)
    return facts


def _digest(image: str) -> str:
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def _verify(large: Path) -> str:
    store = FileStore(str(large), cancel=Cancel(), monotonic=time.monotonic)
    started = time.perf_counter()
    count = sum(1 for _ in store.read())
    seconds = time.perf_counter() - started
    return f"verify: {count} entries, {large.stat().st_size / 1e6:.0f} MB, {seconds:.1f} s (goal 12 s)"


_LOOKUP = """
import sys, time
from release.control import Cancel
from release.log.file_store import FileStore
from release.log import lookup
store = FileStore(sys.argv[1], cancel=Cancel(), monotonic=time.monotonic)
answer = lookup.find(store, sys.argv[3]) if sys.argv[2] == "find" else lookup.at(store, sys.argv[3], sys.argv[4])
assert answer
"""


def _lookups(large: Path, rounds: int) -> Iterator[str]:
    """Whole processes that ask one question, over the index."""
    wanted = _digest(f"image-{LARGE // 5 * 9 // 10:06}-amd64")
    questions = {"find": ["find", wanted], "at": ["at", "latest", timestamp(_START + LARGE // 2 * 1000)]}
    if not Path(f"{large}.idx").exists():
        started = time.perf_counter()
        _ask(large, questions["find"])
        yield f"index: built in {time.perf_counter() - started:.0f} s, {_size(large)} MB"
    for name, question in questions.items():
        times = [_ask(large, question) for _ in range(rounds)]
        yield f"{name}: {statistics.median(times):.3f} s whole process on {LARGE} entries (goal 0.3 s)"


def _ask(large: Path, question: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", _LOOKUP, str(large), *question], cwd=ROOT, check=True)
    return time.perf_counter() - started


def _size(large: Path) -> int:
    return round(Path(f"{large}.idx").stat().st_size / 1e6)


def _postgres(rounds: int, count: int = 60) -> str:
    """Sixteen processes on one log: ours, and the same transaction by hand."""
    if missing("postgres"):
        return f"postgresql: not measured: {missing('postgres')}"
    ours, by_hand = [], []
    with contextmanager(make_server)() as server:
        for _ in range(max(1, rounds // 4)):
            for kind, rates in (("hand", by_hand), ("ours", ours)):
                rates.append(_sixteen(server, kind, count))
    ratio = statistics.median(one / other for one, other in zip(ours, by_hand, strict=True))
    return (
        f"postgresql: {WRITERS} writers {statistics.median(ours):.0f} appends/s, "
        f"the same transaction by hand {statistics.median(by_hand):.0f}/s, ratio {ratio:.2f} (goal 0.8)"
    )


def _sixteen(server: Postgres, kind: str, count: int) -> float:
    """Appends a second, from when all writers are ready to when the last one is done."""
    url = server.database()
    migrate(url)
    argv = [sys.executable, "-m", "tests.bench.log_writers", kind, url, str(count)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([*argv, str(number)], cwd=ROOT, **pipes) for number in range(WRITERS)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    started = time.perf_counter()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "done\n"
    seconds = time.perf_counter() - started
    for child in children:
        child.communicate()
    return WRITERS * count / seconds


def _git(rounds: int, count: int = 20) -> str:
    """Appends to a ref against commits of one growing file, each pushed."""
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
        writer.append([_fact(10**6)])
        numbers = itertools.count()

        def commit() -> None:
            with (folder / "clone" / "log.jsonl").open("ab") as file:
                file.write(seal(_fact(next(numbers)), Head(), timestamp(0)) + b"\n")
            git("-C", "clone", "add", "log.jsonl")
            git("-C", "clone", "commit", "-q", "-m", "entry")
            git("-C", "clone", "push", "-q", "origin", "HEAD:refs/heads/log")

        ours, plain = [], []
        for _ in range(max(1, rounds // 4)):
            ours.append(_rate(count, lambda: [writer.append([_fact(next(numbers))]) for _ in range(count)]))
            plain.append(_rate(count, lambda: [commit() for _ in range(count)]))
    ratio = statistics.median(one / other for one, other in zip(ours, plain, strict=True))
    return (
        f"git: {statistics.median(ours):.1f} appends/s, add + commit + push of a growing file "
        f"{statistics.median(plain):.1f}/s, ratio {ratio:.2f}"
    )
