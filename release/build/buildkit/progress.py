"""Follows one build: shows what its steps write, and keeps what an error message needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from release.build.buildkit.stream import Finding, Log, Status, Update, Vertex, read_update
from release.events import Note, Output, Progress, Sink
from release.lazy_pattern import pattern

#: Lines of a failed step's output that are repeated below the error: usually the whole error of a compiler or package
#: manager fits; more would push our own error message out of the terminal.
LAST_LINES = 20
_SOURCE = "buildkit"
# Lines of plain text (not progress records) that are kept in memory. BuildKit's error is among the last ones.
_MOST_SAID = 200
# Characters of one line. A command that draws a progress bar may write megabytes without a newline, and the unfinished
# line is kept in memory.
_LONGEST = 16 * 1024
_LINE = pattern(r" \(line [0-9]+\)$")  # BuildKit's own; we put the line in front
_BASE_PLATFORM = "InvalidBaseImagePlatform"


class BuildProgress:
    """Follows the output of buildx or buildctl during one build.

    `hide`: replaces the values of build arguments and secrets, which BuildKit expands into the names of steps.
    `failed`: the first step that failed. `said`: the lines that are not JSON. `wrong_base`: the warning about a base
    image of another platform, with its line.
    """

    def __init__(self, sink: Sink, hide: Callable[[str], str], dockerfile: str) -> None:
        self.failed: Vertex | None = None
        self.said: deque[str] = deque(maxlen=_MOST_SAID)
        self.wrong_base: tuple[int, str] | None = None
        self._sink = sink
        self._hide = hide
        self._dockerfile = dockerfile
        self._steps: dict[str, _Step] = {}
        self._shown: str | None = None  # the step whose lines were shown last

    def take(self, line: bytes) -> None:
        """Read one line of the program's stderr: show it, and keep it for an error message."""
        update = read_update(line)
        if update is None:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self.said.append(self._hide(text[:_LONGEST]))
            return
        self._take(update)

    def last_lines(self) -> list[str]:
        """The last lines that the failed step wrote."""
        step = self._steps.get(self.failed.digest) if self.failed is not None else None
        return [] if step is None else list(step.lines)

    def name_of(self, vertex: Vertex) -> str:
        """The step's name without values."""
        return self._hide(vertex.name)

    def _take(self, update: Update) -> None:
        for vertex in update.vertexes or ():
            self._vertex(vertex)
        for log in update.logs or ():
            self._log(log)
        for status in update.statuses or ():
            self._status(status)
        for warning in update.warnings or ():
            self._warning(warning)

    def _vertex(self, vertex: Vertex) -> None:
        step = self._steps.get(vertex.digest)
        if step is None:
            if vertex.started is None and not vertex.cached:
                return  # the step is planned and has not begun
            step = self._steps[vertex.digest] = _Step(len(self._steps) + 1, self._hide(vertex.name))
        if vertex.completed is None or step.is_over:
            return
        self._flush(vertex.digest, step)
        step.is_over = True
        if vertex.error:
            if self.failed is None or "context canceled" in self.failed.error:
                self.failed = vertex
            self._show(vertex.digest, step, f"ERROR: {self._hide(vertex.error)}")
        elif not step.is_internal:
            self._show(vertex.digest, step, "CACHED" if vertex.cached else "DONE")

    def _log(self, log: Log) -> None:
        step = self._steps.get(log.vertex)
        if step is None:
            step = self._steps[log.vertex] = _Step(len(self._steps) + 1, "")
        *lines, step.partial = (step.partial + log.data.decode("utf-8", "replace")).split("\n")
        step.partial = step.partial[-_LONGEST:]
        for line in lines:
            self._line(log.vertex, step, line)

    def _line(self, digest: str, step: _Step, line: str) -> None:
        # A terminal overwrites a line after a carriage return, so only the text behind the last one is shown.
        shown = self._hide(line.rstrip("\r").rpartition("\r")[2][:_LONGEST])
        step.lines.append(shown)
        self._show(digest, step, shown)

    def _flush(self, digest: str, step: _Step) -> None:
        if step.partial:
            self._line(digest, step, step.partial)
            step.partial = ""

    def _show(self, digest: str, step: _Step, text: str) -> None:
        if digest != self._shown and step.name:
            self._sink.emit(Output(source=_SOURCE, line=f"#{step.number} {step.name}"))
        self._shown = digest
        self._sink.emit(Output(source=_SOURCE, line=f"#{step.number} {text}"))

    def _status(self, status: Status) -> None:
        step = self._steps.get(status.vertex)
        if step is not None and status.current:
            label = self._hide(f"#{step.number} {status.id}")
            self._sink.emit(Progress(label=label, done=status.current, total=status.total or None))

    def _warning(self, warning: Finding) -> None:
        text = _LINE.sub("", self._hide(warning.short.decode("utf-8", "replace")))
        line = warning.range[0].start.line if warning.range else 0
        if text.startswith(_BASE_PLATFORM):
            self.wrong_base = self.wrong_base or (line, text.partition(":")[2].strip() or text)
            return
        where = f"{self._dockerfile}:{line}: " if line else ""
        self._sink.emit(Note(level="warning", text=f"{where}{text}"))


class _Step:
    """A step of the build that the progress output has named. `lines`: the last lines that the step wrote."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.is_internal = name.startswith("[internal]")
        self.is_over = False
        self.lines: deque[str] = deque(maxlen=LAST_LINES)
        self.partial = ""
