"""Limits concurrent requests to one host: halves the limit after a 429, and raises it slowly after successes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from release.control import Cancel

# Seconds until a waiting thread checks `Cancel` again, and so the longest wait of a cancelled run for a slot.
# `Cancel` does not notify the condition.
# Waking more often would only use the CPU.
_LONGEST_TURN = 1.0


class Throttle:
    """Additive increase, multiplicative decrease (as TCP does); all requests pause while `Retry-After` lasts."""

    def __init__(self, *, most: int, cancel: Cancel, now: Callable[[], float]) -> None:
        self._most = float(most)
        self._limit = float(most)
        self._cancel = cancel
        self._now = now
        # Guards the numbers below for the threads that send; notified when a request ends or the limit rises.
        self._turn = threading.Condition()
        self._busy = 0
        self._closed_until = 0.0
        self._lowered_at = 0.0

    @property
    def limit(self) -> int:
        """The present number of requests that may run at once."""
        return max(1, int(self._limit))

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Wait until one more request may run, and count it while the body runs."""
        self.enter(wait=True)
        try:
            yield
        finally:
            self.leave()

    def enter(self, *, wait: bool) -> bool:
        """Count one more request, until `leave`; returns whether it may run. `wait`: wait until it may."""
        with self._turn:
            while self._busy >= self.limit or self._now() < self._closed_until:
                if not wait:
                    return False
                self._cancel.check()
                pause = self._closed_until - self._now()
                self._turn.wait(min(_LONGEST_TURN, pause) if pause > 0 else _LONGEST_TURN)
            self._busy += 1
            return True

    def leave(self) -> None:
        """Note the end of a request."""
        with self._turn:
            self._busy -= 1
            self._turn.notify()

    def went_well(self) -> None:
        """Note a success: raises the limit slowly."""
        with self._turn:
            if self._limit < self._most:
                self._limit = min(self._most, self._limit + 1.0 / self._limit)
                self._turn.notify()

    def was_throttled(self, wait: float, *, most: float) -> None:
        """Note a 429: halve the limit, and send nothing for `wait` seconds.

        A wait of more than `most` seconds is not kept: the request fails at once, and with it the run, which must not
        be held up by the requests that it still sends.
        """
        with self._turn:
            now = self._now()
            # Each of several concurrent requests may get a 429: within one second, halve the limit only once.
            if now - self._lowered_at > 1.0:
                self._lowered_at = now
                self._limit = max(1.0, min(self._limit, max(1.0, float(self._busy))) / 2)
            if wait <= most:
                self._closed_until = max(self._closed_until, now + wait)
