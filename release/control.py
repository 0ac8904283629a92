"""Deadlines and cancellation: one `Deadline` and one `Cancel` go everywhere that waits."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from release.errors import Interrupted


class Cancel:
    """Tells every waiting place at once that the run is over.

    Whoever blocks registers how to be woken (`close this socket`, `kill this child`) with `on_cancel` for
    the time that it blocks. `trip` runs those callbacks and makes `check` raise from then on.
    `noticed` is set when the main thread has seen it, by `tripped` or by an error of `check`.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0
        self._error: Interrupted | None = None
        self.noticed = threading.Event()

    @property
    def tripped(self) -> bool:
        """Whether `trip` was called."""
        if not self._event.is_set():
            return False
        self._notice()
        return True

    def trip(self, error: Interrupted) -> None:
        """Cancel with `error`, the first call wins; callbacks run once, their failures are ignored."""
        with self._lock:
            if self._error is None:
                self._error = error
            self._event.set()
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        for callback in callbacks:
            _quietly(callback)

    def check(self) -> None:
        """Raise what `trip` was given, if it was called."""
        if self._error is not None:
            self._notice()
            raise self._error

    def _notice(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.noticed.set()

    def wait(self, seconds: float) -> None:
        """Sleep `seconds`, or until cancelled, then raise as `check` does."""
        self._event.wait(seconds)
        self.check()

    @contextlib.contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Run `callback` (from another thread, at most once) if cancelled while the body runs."""
        with self._lock:
            self.check()
            token = self._next
            self._next += 1
            self._callbacks[token] = callback
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.pop(token, None)


def _quietly(callback: Callable[[], None]) -> None:
    # A socket that is closed already must not keep the others open.
    with contextlib.suppress(Exception):
        callback()


class Deadline:
    """A point in time on a monotonic clock. `seconds`: None never ends."""

    def __init__(self, seconds: float | None, *, now: Callable[[], float]) -> None:
        self._now = now
        self._end = None if seconds is None else now() + seconds

    def remaining(self, at_most: float) -> float:
        """Seconds left, never above `at_most`, never below 0."""
        if self._end is None:
            return at_most
        return max(0.0, min(at_most, self._end - self._now()))

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self._end is not None and self._now() >= self._end
