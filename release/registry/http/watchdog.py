"""Ends HTTP exchanges from outside: after a time limit, on a stall, or when the run is cancelled.

Socket time-outs limit single calls and not whole exchanges: a peer that sends one byte a second never exceeds them.
So each exchange notes its phase, and one watchdog thread shuts down the socket of an exchange that takes too long.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable

import msgspec

from release.control import Cancel, Deadline
from release.registry.http.address_policy import Reach

# Seconds between two examinations, and so the longest time that an exchange outlives its limit.
# The limits are seconds long, so a shorter tick would only use the CPU. Cancelling does not wait for a tick.
_TICK = 0.2


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Longest times, in seconds. `pace`: bytes a second; a slower transfer counts as stalled."""

    connect: float = 10.0
    other_address: float = 3.0  # to connect to an address when the host has another one to try
    answer: float = 60.0  # from the end of a request to the end of the answer's headers
    # In place of `answer` after a blob was sent: the registry hashes and stores the blob before it answers.
    commit: float = 300.0
    stall: float = 30.0
    pace: float = 1024.0


class Exchange:
    """One HTTP request and its answer. One thread sends and reads; any thread may end the exchange."""

    def __init__(
        self,
        *,
        cancel: Cancel,
        deadline: Deadline,
        limits: Limits,
        now: Callable[[], float],
        accept: Callable[[Reach], str | None],
    ) -> None:
        self.limits = limits
        self.accept = accept
        self.reach: Reach | None = None
        self.fault: str | None = None
        self.silent = 0.0  # seconds that the peer was waited for in vain, if `fault` is about that
        self._now = now
        self._deadline = deadline
        # Guards `_socket` and `fault`: the watchdog and `Cancel` call `end` from other threads.
        # A socket that the exchange's own thread attaches at that moment must be shut down too.
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._moved = 0
        self._mark = (now(), 0)
        self._limit: float | None = None
        self._limit_text = ""
        self._limit_seconds = 0.0
        self._is_held = False
        self._cancel = cancel
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(cancel.on_cancel(lambda: self.end("cancelled")))

    def attach(self, live: socket.socket) -> None:
        """Remember the connection that is used from now on; shut it down if the exchange has been ended already."""
        # A duplicate, since wrapping a socket in TLS takes the descriptor away from the original object.
        handle = socket.socket(fileno=os.dup(live.fileno()))
        with self._lock:
            previous, self._socket = self._socket, handle
            ended = self.fault
        if previous is not None:
            previous.close()
        if ended is not None:
            self._shut()

    def await_answer(self, seconds: float, what: str) -> None:
        """Limit the time until the next phase to `seconds`."""
        self._limit_text = f"{what} within {seconds:g} seconds"
        self._limit_seconds = seconds
        self._limit = self._now() + seconds

    def transfer(self) -> None:
        """Begin a phase in which bytes must move at `Limits.pace`."""
        self._limit = None
        self._mark = (self._now(), self._moved)
        self._is_held = False

    def hold(self) -> None:
        """Begin a phase without a limit, until `transfer`: a body's source is read, and the peer is not to blame."""
        self._is_held = True

    def moved(self, count: int) -> None:
        """Count bytes that were sent or received."""
        self._moved += count

    def examine(self) -> None:
        """End the exchange if it takes too long. Called by the watchdog."""
        now = self._now()
        if self._deadline.passed:
            self.end("the time that this run may take is over")
            return
        if self._limit is not None:
            if now >= self._limit:
                self.end(self._limit_text, silent=self._limit_seconds)
            return
        if self._is_held:
            return
        since, before = self._mark
        if now - since < self.limits.stall:
            return
        if self._moved - before < self.limits.pace * self.limits.stall:
            moved = self._moved - before
            self.end(
                f"{moved} bytes moved in {self.limits.stall:g} seconds",
                silent=0.0 if moved else self.limits.stall,
            )
        self._mark = (now, self._moved)

    def end(self, fault: str, *, silent: float = 0.0) -> None:
        """Shut the connection down now. The thread blocked on it gets an error and finds the reason in `fault`."""
        with self._lock:
            if self.fault is None:
                self.fault, self.silent = fault, silent
        self._shut()

    def check_cancelled(self) -> None:
        """Raise the error of the cancellation, if the run is cancelled."""
        self._cancel.check()

    def close(self) -> None:
        """Forget the connection; it stays open for its pool."""
        self._stack.close()
        with self._lock:
            handle, self._socket = self._socket, None
        if handle is not None:
            handle.close()

    def _shut(self) -> None:
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


class Watchdog:
    """Examines the running exchanges in a daemon thread, which ends after about a second without an exchange."""

    def __init__(self) -> None:
        # Guards `_live` and `_running`: an exchange that is added while the idle thread ends must start a new thread.
        self._lock = threading.Lock()
        self._live: set[Exchange] = set()
        self._running = False
        # Set by `stop`; an event, so that the thread ends at once and not after its tick.
        self._stopped = threading.Event()

    def add(self, exchange: Exchange) -> None:
        """Examine `exchange` from now on."""
        with self._lock:
            self._live.add(exchange)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="registry-watchdog", daemon=True).start()

    def remove(self, exchange: Exchange) -> None:
        """Stop examining `exchange`, and forget its connection."""
        with self._lock:
            self._live.discard(exchange)
        exchange.close()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def _run(self) -> None:
        idle = 0
        while not self._stopped.wait(_TICK):
            with self._lock:
                live = list(self._live)
                idle = 0 if live else idle + 1
                if idle > 5:
                    self._running = False
                    return
            for exchange in live:
                exchange.examine()
