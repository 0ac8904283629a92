"""How many requests may be under way at one host: halved when it says 429, one more for each full round after."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from release.control import Cancel

_LONGEST_TURN = 1.0


class Throttle:
    """Additive increase, multiplicative decrease; and a pause for everybody while the host asks for one."""

    def __init__(self, *, most: int, cancel: Cancel, now: Callable[[], float]) -> None:
        self._most = float(most)
        self._limit = float(most)
        self._cancel = cancel
        self._now = now
        self._turn = threading.Condition()
        self._busy = 0
        self._closed_until = 0.0
        self._lowered_at = 0.0

    @property
    def limit(self) -> int:
        """Requests that may run at once now."""
        return max(1, int(self._limit))

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """A place for one request, waited for."""
        with self._turn:
            while self._busy >= self.limit or self._now() < self._closed_until:
                self._cancel.check()
                pause = self._closed_until - self._now()
                self._turn.wait(min(_LONGEST_TURN, pause) if pause > 0 else _LONGEST_TURN)
            self._busy += 1
        try:
            yield
        finally:
            with self._turn:
                self._busy -= 1
                self._turn.notify()

    def went_well(self) -> None:
        """A request was served."""
        with self._turn:
            if self._limit < self._most:
                self._limit = min(self._most, self._limit + 1.0 / self._limit)
                self._turn.notify()

    def was_throttled(self, wait: float) -> None:
        """The host said 429; nobody asks again for `wait` seconds."""
        with self._turn:
            now = self._now()
            # Requests that were under way together are throttled together: that is one message, not many.
            if now - self._lowered_at > 1.0:
                self._lowered_at = now
                self._limit = max(1.0, min(self._limit, max(1.0, float(self._busy))) / 2)
            self._closed_until = max(self._closed_until, now + wait)
