"""Makes a `Runner` for tests: with real clock and cancellation, without output of events."""

from __future__ import annotations

import time

from release.control import Cancel
from release.events import NullSink, Sink
from release.handler import Handlers
from release.runner import Runner


class MachineClock:
    """Clock port that reads the machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


def runner(table: Handlers, *, sink: Sink | None = None, cancel: Cancel | None = None) -> Runner:
    """Return a runner for the step kinds in `table`."""
    return Runner(table, clock=MachineClock(), sink=sink or NullSink(), cancel=cancel or Cancel())
