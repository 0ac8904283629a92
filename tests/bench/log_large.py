"""Makes the entries of a long log, and measures how long it takes to verify them."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from pathlib import Path
from typing import Any

from release.control import Cancel
from release.log import Head
from release.log.chain import head_of, read_line
from release.log.sealing import seal
from release.log.stores.file.store import FileStore
from release.log.timestamps import timestamp
from tests.support.logs.facts import digest, whole_release

LARGE = 1_000_000  # entries
START = 1_600_000_000_000  # the time of the first entry, in milliseconds; each is a second later than the one before


def entries_in(path: Path, count: int) -> Path:
    """The log file at `path` with `count` entries, which is made on the first run only."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    head, part = Head(), path.with_suffix(".part")
    with part.open("wb") as file:
        for number in itertools.count():
            for fact in facts_of(number):
                line = seal(fact, head, timestamp(START + (head.seq + 1) * 1000))
                head = head_of(read_line(line))
                file.write(line + b"\n")
            if head.seq + 1 >= count:
                break
    return part.rename(path)


def facts_of(number: int) -> list[dict[str, Any]]:
    """Return the five facts of a release, with keys, commits and digests as random as real ones."""
    name = f"image-{number:06}"
    text = json.dumps(whole_release(f"r{number:06}", f"1.{number // 100}.{number % 100}", name))
    for image in (f"{name}-amd64", name):
        text = text.replace(digest(image), digest_of(image))
    facts: list[dict[str, Any]] = json.loads(text)
    own = hashlib.sha256(name.encode()).hexdigest()
    return [{**fact, "release": own, "commit": own[:40]} for fact in facts]


def digest_of(image: str) -> str:
    """The digest that `facts_of` gives an image."""
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def verify(path: Path) -> str:
    """Read and verify the whole log; returns a line about it."""
    store = FileStore(str(path), cancel=Cancel(), monotonic=time.monotonic)
    started = time.perf_counter()
    count = sum(1 for _ in store.read())
    seconds = time.perf_counter() - started
    return f"verify: {count} entries, {path.stat().st_size / 1e6:.0f} MB, {seconds:.1f} s (goal 12 s)"
