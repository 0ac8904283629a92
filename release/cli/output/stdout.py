"""Prints data on stdout and messages on stderr. No other module prints; only progress bars are drawn by another one.

All text is escaped, since parts of it are not trusted. Only commands for the CI system (type `LogCommand`) are written
unescaped.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Sequence
from typing import IO, Any

import msgspec

from ci.speech import LogCommand
from release.cli.output.foreign import json_text, one_line
from release.cli.output.streams import Escaping
from release.errors import ReleaseError
from release.events import Event, LastLines, Note, Output, Progress, StepEvent

_MARKS = {
    "made": "+",
    "done": "=",
    "withheld": "-",
    "free": ".",
    "conflict": "!",
    "unknown": "?",
    "failed": "!",
    "skipped": " ",
}
# Lines of programs among which the end of a failed step counts as still in view.
_IN_VIEW = 40
_TROUBLE = frozenset({"conflict", "unknown", "failed"})


def data(*lines: str) -> None:
    """Write each of `lines` to stdout as one line: a line break inside one is shown as `\\n`. Without lines, nothing.

    A closed pipe is ignored: the command's work is done. Raises `ReleaseError` if stdout cannot be written for another
    reason.
    """
    if lines:
        _write([one_line(line) for line in lines])


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is; None for a pipe or a file."""
    if not os.isatty(1):
        return None
    import shutil  # imported late: only wide output needs it

    size = shutil.get_terminal_size()
    return size.columns


def document(value: Any, *, indent: int | None = 2) -> None:
    """Write `value` to stdout as one JSON document. `indent`: None for one line.

    Callers put the key `schema` first, except in formats of other programs (docker/metadata-action, bake, JSON Schema).
    """
    _write([json_text(value, indent=indent)])


def _write(lines: Sequence[str]) -> None:
    """Write `lines`, which must be escaped already, to stdout; no other function writes there."""
    try:
        print("\n".join(lines), flush=True)
    except OSError as error:
        # Python flushes stdout again at exit, which would fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            cause = (error.strerror or str(error)).lower()
            raise ReleaseError(
                f"stdout cannot be written: {cause}", hint="check where the output goes, then run again"
            ) from error


def talk(text: str) -> None:
    """Write one line for people to stderr."""
    _say(one_line(text))


def speak(lines: LogCommand) -> None:
    """Write commands for the CI system to stderr, unescaped; an empty text writes nothing.

    Text of another type than `LogCommand` is escaped, since somebody else may have put commands into it.
    """
    if type(lines) is not LogCommand:
        talk(lines)
    elif lines:
        stream = sys.stderr
        if isinstance(stream, Escaping):
            stream.command(lines)
            stream.flush()
        else:
            _say(lines)


def _say(line: str, stream: IO[str] | None = None) -> None:
    """Write `line`, which must be escaped already, to stderr; other functions write there through this one."""
    print(line, file=stream or sys.stderr, flush=True)


def complain(message: str, *, hint: str | None = None, more: str | None = None) -> None:
    """Write an error, its hint, and where it is explained to stderr."""
    lines = [f"error: {message}"]
    if hint:
        lines.append(f"hint: {hint}")
    if more:
        lines.append(f"more: {more} in shipmark's repository")
    for line in lines:
        talk(line)


class PlainSink:
    """Prints events as lines on stderr. `verbosity`: -1 prints warnings and errors only, 1 also details.

    `folds`: whether output of programs is folded, so that the reader of an error has not seen it.
    """

    def __init__(self, verbosity: int, stream: IO[str] | None = None, *, folds: bool = False) -> None:
        self._verbosity = verbosity
        self._folds = folds
        self._stream = stream or sys.stderr
        # Steps emit from several threads: keeps the lines of one event together, and guards the members below.
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self._shown: deque[str] = deque(maxlen=_IN_VIEW)  # the last lines of programs
        # Text of a failure -> the first step that failed with it. Later steps with this text print only "as `STEP`", so
        # that an unreachable registry is reported once.
        self._troubles: dict[str, str] = {}

    def emit(self, event: Event) -> None:
        """Show the event, or drop it."""
        with self._lock:
            for line in self._lines(event):
                _say(one_line(line), self._stream)

    def _lines(self, event: Event) -> list[str]:
        match event:
            case Note():
                return self._note(event)
            case StepEvent():
                if not self._is_news(event):
                    return []
                return [f"{_MARKS.get(event.state, ' ')} {event.step}: {self._text(event)}".rstrip(": ")]
            case Output():
                if self._verbosity < 0:
                    return []
                self._shown.append(event.line)
                return [f"| {event.line}"]
            case LastLines():
                return self._last_lines(event)
            case Progress():
                return []

    def _last_lines(self, event: LastLines) -> list[str]:
        in_view = all(any(shown.endswith(line) for shown in self._shown) for line in event.lines)
        if in_view and not self._folds:
            return []
        return [f"the last lines of `{event.step}`:", *(f"| {line}" for line in event.lines)]

    def _text(self, event: StepEvent) -> str:
        """The event's text. A failure shared by several steps is printed with the first; the others refer to it."""
        if event.state not in _TROUBLE or not event.text:
            return event.text
        first = self._troubles.setdefault(event.text, event.step)
        return event.text if first == event.step else f"as `{first}`"

    def _is_news(self, event: StepEvent) -> bool:
        """Whether the event is shown: changes and failures, except with `-q`; all other ends of steps only with `-v`.

        Checks and records that did not fail are such other ends.
        """
        if event.state == "started" or self._verbosity < 0:
            return False
        if self._verbosity > 0 or event.state in _TROUBLE:
            return True
        return event.state in {"made", "withheld"} and not event.step.startswith(("record:", "check"))

    def _note(self, note: Note) -> list[str]:
        floor = {"debug": 1, "info": 0, "warning": -1, "error": -1}[note.level]
        if self._verbosity < floor or note.text in self._said:
            return []
        if note.level == "warning":
            self._said.add(note.text)  # repeated warnings are dropped
        prefix = "" if note.level == "info" else f"{note.level}: "
        return [f"{prefix}{note.text}", *([f"hint: {note.hint}"] if note.hint else [])]


class JsonSink:
    """Prints each event as one line with a JSON object on stderr."""

    def __init__(self) -> None:
        # Steps emit from several threads, and `print` writes a line and its end separately.
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        """Print the event as JSON."""
        line = json_text({"event": type(event).__name__.lower(), **msgspec.to_builtins(event)})
        with self._lock:
            _say(line)
