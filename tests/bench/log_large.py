"""Measures a log of a million entries: the time to verify it, and commands that look up one entry."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from release.control import Cancel
from release.log import Head
from release.log.chain import head_of, read_line, seal, timestamp
from release.log.stores.file import FileStore
from tests.support.logs.facts import PROJECT, digest, whole_release
from tests.support.programs.environment import scrubbed

LARGE = 1_000_000  # entries
_START = 1_600_000_000_000
_COMMAND = Path(sys.executable).with_name("shipmark")


def questions(folder: Path, rounds: int) -> Iterator[str]:
    """Yield a line for each measurement. `folder`: where the log is kept for later runs."""
    large = _large(folder / "log-1m" / "log.jsonl")
    yield _verify(large)
    project = _project(folder / "log-1m" / "project", large)
    wanted = _digest(f"image-{LARGE // 5 * 9 // 10:06}-amd64")
    asked = {"find": ["find", wanted], "at": ["at", "latest", timestamp(_START + LARGE // 2 * 1000)]}
    if not _indexes(project):
        started = time.perf_counter()
        _ask(project, asked["find"])
        size = round(sum(path.stat().st_size for path in _indexes(project)) / 1e6)
        yield f"index: built in {time.perf_counter() - started:.0f} s, {size} MB"
    for name, question in asked.items():
        times = [_ask(project, question) for _ in range(rounds)]
        yield (
            f"`shipmark log {name}`: {statistics.median(times):.3f} s ({min(times):.3f}-{max(times):.3f}, "
            f"{rounds} runs) on {LARGE} entries (goal 0.3 s)"
        )


def _large(path: Path) -> Path:
    """Return the path of the large log, which is created on the first run only."""
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
    """Return the five facts of a release, with digests as random as real ones."""
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


def _project(folder: Path, large: Path) -> Path:
    """Make a git repository whose version log is the large log."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, env=scrubbed(folder), check=True)
    settings = {"image": PROJECT, "log": {"store": "file", "path": str(large)}}
    (folder / "shipmark.yml").write_text(json.dumps(settings))
    return folder


def _home(project: Path) -> Path:
    """Return the home folder of the commands, outside of the project, so that their cache is not in it."""
    return project.with_name("home")


def _indexes(project: Path) -> list[Path]:
    return [*_home(project).glob("cache/*/indexes/*.sqlite")]


def _ask(project: Path, question: list[str]) -> float:
    """Run `shipmark log` with the arguments `question`; return the seconds that the whole command took."""
    started = time.perf_counter()
    result = subprocess.run(
        [_COMMAND, "log", *question],
        cwd=project,
        env=scrubbed(_home(project)),
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - started
    assert result.stdout
    return seconds
