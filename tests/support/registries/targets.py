"""Makes a `RegistryPool` for tests: real connections, a real clock, short limits for retries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel, Deadline
from release.events import Event, Note
from release.programs.processes import Processes
from release.registry.http.retry import RetryPolicy
from release.registry.registries import RegistryPool

#: Retries without waiting long, so that a test of giving up is quick.
IMPATIENT = RetryPolicy(attempts=4, base=0.01, cap=0.05, longest_wait=2.0, patience=5.0)


class SystemClock:
    """Clock port that reads the machine's clock."""

    def now(self) -> int:
        """Return the time in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return the monotonic time in seconds."""
        return time.monotonic()


class Recorder:
    """Event sink that keeps the events that it receives."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Keep `event`."""
        self.events.append(event)

    @property
    def notes(self) -> list[str]:
        """Return the texts of the recorded notes."""
        return [event.text for event in self.events if isinstance(event, Note)]


def read_file(path: str) -> bytes | None:
    """Return the bytes of a file, or None if the file does not exist."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


class Opened(RegistryPool):
    """A `RegistryPool` with its sink and its `Cancel` as attributes."""

    recorder: Recorder
    cancel: Cancel


TargetsFactory = Callable[..., Opened]


@pytest.fixture
def make_targets() -> Iterator[TargetsFactory]:
    """Give a function that makes a `RegistryPool`: `make_targets(env={...}, insecure=frozenset({...}))`."""
    made: list[RegistryPool] = []

    def make(*, env: Mapping[str, str] | None = None, seconds: float | None = None, **more: Any) -> Opened:
        cancel = more.pop("cancel", Cancel())
        recorder = Recorder()
        targets = Opened(
            env=env or {},
            read=read_file,
            process=Processes(cancel),
            clock=SystemClock(),
            sink=recorder,
            cancel=cancel,
            deadline=Deadline(seconds, now=time.monotonic),
            policy=more.pop("policy", IMPATIENT),
            **more,
        )
        targets.recorder, targets.cancel = recorder, cancel
        made.append(targets)
        return targets

    yield make
    for targets in made:
        targets.close()
