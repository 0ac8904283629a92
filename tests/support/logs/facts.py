"""A version log in memory, and facts to append to a log."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from release.control import Cancel
from release.log import Entry, Head, HeadMoved
from release.log.chain import head_of, verify_line
from release.log.writer import Writer

PROJECT = "registry.example/acme/app"
COMMIT = "3f2a9c1b7d40" + "0" * 28


class TickingClock:
    """A clock whose date advances one second with each call; durations are real."""

    def __init__(self, start: int = 1_760_000_000_000) -> None:
        self._ticks = itertools.count(start, 1000)

    def now(self) -> int:
        return next(self._ticks)

    def monotonic(self) -> float:
        return time.monotonic()


class MemoryStore:
    """A `LogStore` in memory. `before_append` runs before every append, so that tests can append first."""

    def __init__(self, before_append: Callable[[], None] = lambda: None) -> None:
        self.lines: list[bytes] = []
        self.before_append = before_append

    name = "a log in memory"
    local = True

    def head(self) -> Head:
        return head_of(list(self.read())[-1]) if self.lines else Head()

    def read(self, after: int = -1) -> Iterator[Entry]:
        head = Head()
        for line in list(self.lines):
            entry = verify_line(line, head)
            head = head_of(entry)
            if entry.seq > after:
                yield entry

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        self.before_append()
        if self.head() != expected:
            raise HeadMoved
        self.lines += lines

    def check_writable(self) -> None:
        pass


def writer(store: Any, **options: Any) -> Writer:
    """Make a writer over `store` with a new `TickingClock`."""
    return Writer(store, clock=TickingClock(), cancel=Cancel(), **options)


def key(name: str) -> str:
    """Return a release key for tests: the hexadecimal digits of `name`, repeated to 64 digits."""
    return (name.encode().hex() * 64)[:64]


def digest(name: str) -> str:
    return f"sha256:{key(name)}"


def fact(kind: str, release: str = "r", attempt: str = "a", **fields: Any) -> dict[str, Any]:
    """Return a fact of a release attempt. `release`: the name from which `key` makes the release key."""
    return {
        "kind": kind,
        "release": key(release),
        "project": PROJECT,
        "commit": COMMIT,
        "attempt": attempt,
        **fields,
    }


def planned(release: str = "r", attempt: str = "a", version: str = "1.4.2", **fields: Any) -> dict[str, Any]:
    tags = [
        {"name": version, "kind": "fixed", "policy": "version"},
        {"name": "latest", "kind": "moving"},
    ]
    targets = [{"target": PROJECT, "required": True, "tags": tags}]
    return fact("planned", release, attempt, **{"version": version, "targets": targets, **fields})


def built(release: str = "r", image: str = "i", attempt: str = "a", **fields: Any) -> dict[str, Any]:
    platforms = [{"platform": "linux/amd64", "digest": digest(f"{image}-amd64"), "size": 7}]
    content = {"digest": digest(image), "media_type": "m", "size": 9, "platforms": platforms}
    return fact("built", release, attempt, **{"image": content, "via": "build", **fields})


def built_platform(
    release: str = "r", platform: str = "linux/amd64", image: str = "p", attempt: str = "a", **fields: Any
) -> dict[str, Any]:
    values = {"platform": platform, "digest": digest(image), "via": "build", "builder": "layers", **fields}
    return fact("built-platform", release, attempt, **values)


def pushed(
    release: str = "r", image: str = "i", attempt: str = "a", tag: str = "1.4.2", **fields: Any
) -> dict[str, Any]:
    tags = [{"name": tag, "digest": digest(image), "result": "created"}]
    values = {"target": PROJECT, "image": {"digest": digest(image)}, "tags": tags, **fields}
    return fact("pushed", release, attempt, **values)


def released(
    release: str = "r", image: str = "i", attempt: str = "a", version: str = "1.4.2", **fields: Any
) -> dict[str, Any]:
    values = {"version": version, "image": {"digest": digest(image)}, "via": "build", **fields}
    return fact("released", release, attempt, **values)


def moved(
    release: str = "r", image: str = "i", attempt: str = "a", tag: str = "latest", **fields: Any
) -> dict[str, Any]:
    tags = [{"name": tag, "digest": digest(image), "result": "moved"}]
    return fact("moved", release, attempt, **{"target": PROJECT, "tags": tags, **fields})


def whole_release(release: str, version: str, image: str | None = None) -> list[dict[str, Any]]:
    """Return the five facts of a successful release, from `planned` to `moved`."""
    image = image or f"image-{release}"
    of = {"release": release, "attempt": f"attempt-{release}"}
    return [
        planned(version=version, **of),
        built(image=image, **of),
        pushed(image=image, tag=version, **of),
        released(image=image, version=version, **of),
        moved(image=image, **of),
    ]


def independently_verified(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Check the lines of a log with the standard library only, and return their fields."""
    import hashlib

    previous, entries = "0" * 64, []
    for number, line in enumerate(lines):
        entry = json.loads(line, parse_float=_refused, parse_constant=_refused)
        rest = {name: value for name, value in entry.items() if name != "hash"}
        canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert entry["seq"] == number, f"entry {number} says it is {entry['seq']}"
        assert entry["prev"] == previous, f"entry {number} does not follow the one before it"
        previous = hashlib.sha256(b"shipmark.log/1\n" + canonical).hexdigest()
        assert entry["hash"] == previous, f"entry {number} was changed"
        entries.append(entry)
    return entries


def _refused(text: str) -> Any:
    raise AssertionError(f"number `{text}` is not in the subset")
