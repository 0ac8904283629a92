"""Shows progress bars on a terminal: one for each blob, and one for all blobs, with the speed."""

from __future__ import annotations

import atexit
import sys
import threading
from typing import TYPE_CHECKING

from release.cli.output.foreign import one_line
from release.cli.output.progress import SMALL
from release.cli.output.streams import Escaping
from release.events import Event, Progress, Sink

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import TaskID


class Bars:
    """Wraps a sink: shows bars while large blobs are in transfer, and removes them afterwards. Thread-safe.

    The wrapped sink must write to the current `sys.stderr`, so that its lines appear above the bars.
    """

    def __init__(self, inner: Sink, *, color: bool) -> None:
        self._inner = inner
        self._color = color
        # Guards the members below: blobs report from several threads, and `close` may run at exit meanwhile.
        self._lock = threading.Lock()
        self._display: Display | None = None
        self._tasks: dict[str, TaskID] = {}
        self._all: TaskID | None = None
        self._done: dict[str, tuple[int, int]] = {}

    def emit(self, event: Event) -> None:
        """Draw progress events of large blobs, drop those of small ones; pass other events on to the wrapped sink."""
        if not isinstance(event, Progress):
            self._inner.emit(event)
        elif event.total is not None and event.total >= SMALL:
            with self._lock:
                self._draw(event.label, event.done, event.total)

    def close(self) -> None:
        """Remove the bars, and show the cursor again."""
        with self._lock:
            self._stop()

    def _draw(self, label: str, done: int, total: int) -> None:
        display = self._display or self._start()
        if label not in self._tasks:
            # Escaped here, because bars are drawn on the unescaped stream: they move the cursor with control
            # characters.
            self._tasks[label] = display.add_task(one_line(label), total=total)
        self._done[label] = (done, total)
        display.update(self._tasks[label], completed=done)
        if self._all is not None:
            completed, whole = (sum(pair[side] for pair in self._done.values()) for side in (0, 1))
            display.update(self._all, completed=completed, total=whole)
        if all(arrived == whole for arrived, whole in self._done.values()):
            self._stop()

    def _start(self) -> Display:
        # Imported at the first bar: importing rich takes longer than most commands.
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.progress import Progress as Display

        stream = sys.stderr
        unescaped = stream.unescaped if isinstance(stream, Escaping) else stream
        console = Console(file=unescaped, no_color=not self._color, highlight=False)
        self._display = Display(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
        )
        self._display.start()
        self._all = self._display.add_task("total", total=None)
        atexit.register(self.close)
        return self._display

    def _stop(self) -> None:
        display, self._display = self._display, None
        if display is not None:
            display.stop()
            atexit.unregister(self.close)
        self._tasks.clear()
        self._done.clear()
        self._all = None
