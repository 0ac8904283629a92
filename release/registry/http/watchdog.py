"""One HTTP exchange as something that can be ended from outside: by a time limit, a stall, or a cancel.

Socket time-outs bound single calls, not exchanges: a peer that sends a byte a second passes them for ever. So
each exchange says which phase it is in, and one watchdog thread shuts the socket of what takes too long.
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

_TICK = 0.2


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds. `pace`: bytes a second below which a transfer counts as stalled."""

    connect: float = 10.0
    answer: float = 60.0  # from the end of a request to the end of the answer's headers
    commit: float = 300.0  # the same after a blob: the registry hashes and stores it
    stall: float = 30.0
    pace: float = 1024.0


class Exchange:
    """A request and its answer. Used by one thread, ended from any."""

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
        self._now = now
        self._deadline = deadline
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._moved = 0
        self._mark = (now(), 0)
        self._limit: float | None = None
        self._limit_text = ""
        self._cancel = cancel
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(cancel.on_cancel(lambda: self.end("cancelled")))

    def attach(self, live: socket.socket) -> None:
        """Take a handle on the connection that is used from now on."""
        # A duplicate: the original object loses its descriptor when TLS wraps it.
        handle = socket.socket(fileno=os.dup(live.fileno()))
        with self._lock:
            previous, self._socket = self._socket, handle
            ended = self.fault
        if previous is not None:
            previous.close()
        if ended is not None:
            self._shut()

    def await_answer(self, seconds: float, what: str) -> None:
        """From now until the next phase at most `seconds`."""
        self._limit_text = f"{what} within {seconds:g} seconds"
        self._limit = self._now() + seconds

    def transfer(self) -> None:
        """From now on bytes should move at `Limits.pace`."""
        self._limit = None
        self._mark = (self._now(), self._moved)

    def moved(self, count: int) -> None:
        """Count bytes."""
        self._moved += count

    def examine(self) -> None:
        """End the exchange if it takes too long. Called by the watchdog."""
        now = self._now()
        if self._deadline.passed:
            self.end("the time that this run may take is over")
            return
        if self._limit is not None:
            if now >= self._limit:
                self.end(self._limit_text)
            return
        since, before = self._mark
        if now - since < self.limits.stall:
            return
        if self._moved - before < self.limits.pace * self.limits.stall:
            self.end(f"{self._moved - before} bytes moved in {self.limits.stall:g} seconds")
        self._mark = (now, self._moved)

    def end(self, fault: str) -> None:
        """Shut the connection down, now; whoever is blocked on it gets an error, and finds why in `fault`."""
        with self._lock:
            if self.fault is None:
                self.fault = fault
        self._shut()

    def check_cancelled(self) -> None:
        """Raise what the run was cancelled with, if it was."""
        self._cancel.check()

    def close(self) -> None:
        """Let go of the connection without ending it."""
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
    """A daemon thread that examines what is under way; it runs only while there is something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: set[Exchange] = set()
        self._running = False
        self._stopped = threading.Event()

    def add(self, exchange: Exchange) -> None:
        """Examine `exchange` from now on."""
        with self._lock:
            self._live.add(exchange)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="registry-watchdog", daemon=True).start()

    def remove(self, exchange: Exchange) -> None:
        """Examine it no more, and let go of its connection."""
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
