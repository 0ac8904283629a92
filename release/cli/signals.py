"""SIGINT and SIGTERM: said at once, everything that blocks is woken, a second one leaves at once."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from release.control import Cancel
from release.errors import Interrupted, Terminated
from release.world import Note, Sink

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Watch:
    """While it is entered, signals trip `cancel`.

    A thread of its own does that: a handler runs between two steps of whatever the main thread does, perhaps
    while that holds the very lock that `trip` needs.
    """

    def __init__(self, cancel: Cancel, sink: Sink) -> None:
        self._cancel = cancel
        self._sink = sink
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in _NUMBERS:
            self._before[number] = signal.signal(number, _nothing)
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal.signal` gave us
        signal.set_wakeup_fd(self._wakeup)
        self._writer.close()
        self._thread.join(timeout=1)
        self._reader.close()

    def _listen(self) -> None:
        while (byte := self._reader.recv(1)) != b"":
            number = byte[0]
            if number not in _NUMBERS:
                continue
            if self._cancel.tripped:
                os._exit(128 + number)
            name = signal.Signals(number).name
            with suppress(Exception):  # whoever sent it may have closed the terminal first
                self._sink.emit(
                    Note(level="warning", text=f"{name}: stopping; the next run goes on from here")
                )
            error = Terminated if number == signal.SIGTERM else Interrupted
            self._cancel.trip(error(f"stopped by {name}", hint="run it again: it goes on where it stopped"))


def _nothing(number: int, frame: FrameType | None) -> None:
    """Keep the default action away; the thread hears of the signal through the wakeup descriptor."""
    del number, frame
