"""Deadlines and cancellation: the classes `Deadline` and `Cancel`, which code that waits takes as arguments."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from release.errors import Interrupted


class Cancel:
    """Cancels the run: wakes the threads that sleep in `wait` or have registered a callback. Thread-safe.

    Code that blocks registers a callback with `on_cancel` that wakes it (shuts a socket, kills a child). `trip` runs
    these callbacks and makes `check` raise from then on. `noticed` is set when the main thread finds the run cancelled,
    in `tripped`, `check`, `wait` or `on_cancel`.
    """

    def __init__(self) -> None:
        # Set once, by `trip`, and never cleared: every thread in `wait` wakes, and later ones do not sleep at all.
        self._event = threading.Event()
        # Guards `_callbacks`, `_next` and the first assignment to `_error`. `on_cancel` checks and registers under the
        # lock, so that no callback is registered after `trip` has taken the list of callbacks.
        self._lock = threading.Lock()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0
        self._error: Interrupted | None = None
        #: Set when the main thread sees the cancellation. While it is not set, `cli/signals.py` assumes that the main
        #: thread computes without checking, and ends the process.
        self.noticed = threading.Event()

    @property
    def tripped(self) -> bool:
        """Whether the run is cancelled."""
        if not self._event.is_set():
            return False
        self._notice()
        return True

    def trip(self, error: Interrupted) -> None:
        """Cancel the run; `check` raises the `error` of the first call.

        Runs each registered callback once, in the calling thread, and ignores errors of callbacks.
        """
        with self._lock:
            if self._error is None:
                self._error = error
            self._event.set()
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        # Called after the lock is released: a callback may take other locks, and other threads enter `on_cancel`,
        # which takes this lock, while they hold those locks. With the lock held that would be a deadlock.
        for callback in callbacks:
            _quietly(callback)

    def check(self) -> None:
        """Raise the error of the first call of `trip`, if there was one."""
        if self._error is not None:
            self._notice()
            raise self._error

    def _notice(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.noticed.set()

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`; when the run is cancelled, stop and raise as `check` does."""
        self._event.wait(seconds)
        self.check()

    @contextlib.contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Have `trip` call `callback`, at most once, if the run is cancelled while the body runs.

        Raises as `check` before the body runs, if the run is cancelled already.
        """
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
    # A callback that fails, for example because its socket is closed already, must not prevent the others.
    with contextlib.suppress(Exception):
        callback()


class Deadline:
    """A point in time on a monotonic clock, `seconds` from now; with None it never comes."""

    def __init__(self, seconds: float | None, *, now: Callable[[], float]) -> None:
        self._now = now
        self._end = None if seconds is None else now() + seconds

    def remaining(self, at_most: float) -> float:
        """Seconds until the deadline: between 0 and `at_most`."""
        if self._end is None:
            return at_most
        return max(0.0, min(at_most, self._end - self._now()))

    @property
    def passed(self) -> bool:
        """Whether the deadline has passed."""
        return self._end is not None and self._now() >= self._end
