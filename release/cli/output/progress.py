"""Reports the progress of long steps in logs, by regular lines, and decides whether a terminal shows bars instead."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, cast

from release.events import Event, Note, Progress, Sink, StepEvent

# Seconds without output after which a line is printed: CI systems end jobs that print nothing for some minutes. A
# shorter interval would fill logs with such lines.
BEAT = 30.0
SMALL = 1_000_000  # bytes; the transfer of a smaller blob is over before anybody could read a line or a bar about it


class Transfers:
    """Counts the blobs in transfer, their bytes and their speed. `now`: seconds, monotonic."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._done: dict[str, int] = {}
        self._total: dict[str, int | None] = {}
        self._began = 0.0

    def take(self, event: Progress) -> bool:
        """Count an event; return whether it completes its blob."""
        if not self._done:
            self._began = self._now()
        known = self._done.get(event.label)
        self._done[event.label], self._total[event.label] = event.done, event.total
        return event.done == event.total and known != event.done

    def clear(self) -> None:
        """Remove all blobs."""
        self._done.clear()
        self._total.clear()

    @property
    def busy(self) -> bool:
        """Whether the transfer of any blob has not ended."""
        return any(done != self._total[label] for label, done in self._done.items())

    def __str__(self) -> str:
        """The progress of all blobs as text: `12.3 MB of 63.2 MB, 1 of 2 blobs, 4.1 MB/s`."""
        from release.cli.output.sizes import size_text  # imported late: most commands transfer nothing

        done = sum(self._done.values())
        whole = sum(total or self._done[label] for label, total in self._total.items())
        arrived = sum(done == self._total[label] for label, done in self._done.items())
        speed = done / max(self._now() - self._began, 0.001)
        return (
            f"{size_text(done)} of {size_text(whole)}, {arrived} of {len(self._done)} blobs, "
            f"{size_text(speed)}/s"
        )


class Heartbeat:
    """Wraps a sink for logs: adds a line for each large blob, and a line whenever none was printed for `interval` s.

    Thread-safe. A thread for the regular lines runs only while a step runs or a blob is in transfer.
    """

    def __init__(self, inner: Sink, *, now: Callable[[], float], interval: float = BEAT) -> None:
        self._inner = inner
        self._now = now
        self._interval = interval
        # Guards the members below; notified when nothing is under way any more, so that the thread ends at once.
        self._turn = threading.Condition()
        self._steps: dict[str, float] = {}  # when each began
        self._transfers = Transfers(now)
        self._last = 0.0
        self._beating = False

    def emit(self, event: Event) -> None:
        """Update the state from the event, and pass it on."""
        with self._turn:
            said = self._take(event)
            self._keep_beating()
        self._inner.emit(event)
        if said is not None:
            self._inner.emit(said)

    def _take(self, event: Event) -> Note | None:
        match event:
            case Progress():
                # Progress events print nothing, so they do not count as output: `_last` changes only with a line.
                if self._transfers.take(event) and event.done >= SMALL:
                    from release.cli.output.sizes import size_text

                    self._last = self._now()
                    return Note(level="info", text=f"moved {event.label}  {size_text(event.done)}")
                return None
            case StepEvent(state="started"):
                self._steps[event.step] = self._now()
                return None
            case StepEvent():
                self._steps.pop(event.step, None)
                if not self._steps:
                    self._transfers.clear()  # a blob whose transfer failed never completes
            case _:
                self._last = self._now()
        return None

    @property
    def _busy(self) -> bool:
        return bool(self._steps) or self._transfers.busy

    def _keep_beating(self) -> None:
        if not self._busy:
            self._turn.notify_all()
        elif not self._beating:
            self._beating, self._last = True, self._now()
            threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def _beat(self) -> None:
        while True:
            with self._turn:
                if not self._busy:
                    self._beating = False
                    return
                left = self._last + self._interval - self._now()
                if left > 0:
                    self._turn.wait(left)
                    continue
                self._last = self._now()
                text = self._text()
            self._inner.emit(Note(level="info", text=text))

    def _text(self) -> str:
        # Four steps keep the line readable; of the others only the number is shown.
        parts = [f"`{step}` for {self._now() - began:.0f} s" for step, began in list(self._steps.items())[:4]]
        if len(self._steps) > 4:
            parts.append(f"{len(self._steps) - 4} more")
        if self._transfers.busy:
            parts.append(str(self._transfers))
        return f"still at it: {', '.join(parts)}"


def current_stderr() -> IO[str]:
    """A stream that writes to the present `sys.stderr`, which bars replace while they are shown."""
    return cast(IO[str], _CurrentStderr())


class _CurrentStderr:
    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def shows_bars(env: Mapping[str, str], system: str) -> bool:
    """Whether to show progress bars: stderr is a terminal that can draw, and no CI system was detected."""
    return system == "none" and env.get("TERM", "dumb") != "dumb" and os.isatty(2)
