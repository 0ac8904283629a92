"""Compares the speed of two implementations in turns: rates, their ratio in every round, and the spread of rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Contest(NamedTuple):
    """Operations per second of two implementations, one number for each round."""

    ours: tuple[float, ...]
    other: tuple[float, ...]

    @property
    def ratio(self) -> str:
        """Return median, minimum and maximum of the ratio of both implementations over all rounds, as text."""
        ratios = [one / other for one, other in zip(self.ours, self.other, strict=True)]
        return f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}, {len(ratios)} rounds)"

    @property
    def rates(self) -> tuple[float, float]:
        """Return the median rates of both implementations."""
        return statistics.median(self.ours), statistics.median(self.other)


def contest(
    ours: Callable[[int], object], other: Callable[[int], object], *, rounds: int, turns: int, count: int
) -> Contest:
    """Let two implementations do `count` operations in turns, `turns` times a round; they alternate in starting.

    Turns are short, so that other load of the machine slows both sides. A round's rate is that of its median turn,
    so that one slow turn does not change it.
    """
    sides = {"ours": ours, "other": other}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for work in sides.values():
        work(count)  # caches, buffers, prepared plans
    for _ in range(rounds):
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(turns):
            for name in sorted(sides, reverse=bool(turn % 2)):
                started = time.perf_counter()
                sides[name](count)
                seconds[name].append(time.perf_counter() - started)
        for name, spent in seconds.items():
            rates[name].append(count / statistics.median(spent))
    return Contest(tuple(rates["ours"]), tuple(rates["other"]))
