"""Handles SIGINT and SIGTERM: prints a warning, wakes blocked threads; a second signal ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import NoReturn, Self

from release.cli.descendants import kill_descendants
from release.control import Cancel
from release.errors import Interrupted, Terminated
from release.events import Note, Sink

_NUMBERS = (signal.SIGINT, signal.SIGTERM)
#: Seconds after a signal in which the main thread must notice it (`Cancel.noticed`). A main thread that waits is woken
#: at once; one that has not noticed by then computes something long without checking, so the process ends.
_UNNOTICED = 0.8
#: Seconds after a signal by which the process has ended at the latest, whatever it still waits for. Enough for the
#: steps to end (0.6 s) and for recording the end of the attempt (1.5 s); less than the 7.5 s between SIGINT and SIGTERM
#: of GitHub Actions.
_LONGEST = 4.0


class Watch:
    """A context manager, during which SIGINT and SIGTERM trip `cancel`, and end the process if that does not suffice.

    A separate thread calls `trip`: a signal handler runs inside the main thread, which may hold the lock that `trip`
    needs. Only the main thread may set signal handlers, so in another thread the context manager does nothing.
    """

    def __init__(self, cancel: Cancel, sink: Sink) -> None:
        self._cancel = cancel
        self._sink = sink
        self._before: dict[signal.Signals, object] = {}
        # Set when the command leaves the `with` block: tells the thread `end` that the process need not be killed.
        self._left = threading.Event()

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in _NUMBERS:
            self._before[number] = signal.signal(number, _nothing)
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._before:
            return
        self._left.set()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal.signal` gave us
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._writer)
        # 1 second: a thread that prints to a full pipe never ends, and must not keep the command from ending.
        self._thread.join(timeout=1)
        os.close(self._reader)

    def _listen(self) -> None:
        while (byte := os.read(self._reader, 1)) != b"":
            number = byte[0]
            if number not in _NUMBERS:
                continue
            if self._cancel.tripped:
                _leave(number)
            # Started before the warning is printed: printing to a full pipe that nobody reads blocks this thread for
            # ever.
            threading.Thread(target=self._force, args=(number,), name="end", daemon=True).start()
            name = signal.Signals(number).name
            with suppress(Exception):  # a terminal that was closed (SIGHUP) cannot be written to
                self._sink.emit(
                    Note(level="warning", text=f"{name}: stopping; the next run goes on from here")
                )
            error = Terminated if number == signal.SIGTERM else Interrupted
            self._cancel.trip(
                error(f"stopped by {name}", hint="run the command again: it goes on where this run stopped")
            )

    def _force(self, number: int) -> None:
        """End the process unless the main thread notices the signal within 0.8 s, and leaves within 4 s."""
        if not self._cancel.noticed.wait(_UNNOTICED) and not self._left.is_set():
            _leave(number)
        if not self._left.wait(_LONGEST - _UNNOTICED):
            _leave(number)


def _leave(number: int) -> NoReturn:
    kill_descendants()
    os._exit(128 + number)


def _nothing(number: int, frame: FrameType | None) -> None:
    """A signal handler that does nothing.

    The handler replaces the default action, which ends the process; the thread `signals` reads signals from the wakeup
    descriptor.
    """
    del number, frame
