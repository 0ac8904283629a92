"""A world for tests of the runner: real clock and cancellation, no port that a test does not set."""

from __future__ import annotations

import time
from typing import Any, cast

from release.control import Cancel, Deadline
from release.events import NullSink
from release.handler import World


class MachineClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


def world(**ports: Any) -> World:
    """A world whose other ports are not there: a step that touches one fails loudly."""
    clock = MachineClock()
    given: dict[str, Any] = {
        "clock": clock,
        "cancel": Cancel(),
        "deadline": Deadline(None, now=clock.monotonic),
        "sink": NullSink(),
        "root": "",
        "store": "",
        "env": {},
    }
    missing = ("process", "registries", "builders", "log", "entropy")
    return World(**{**dict.fromkeys(missing, cast(Any, None)), **given, **ports})
