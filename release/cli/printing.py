"""All that shipmark prints: data on stdout, talk on stderr, foreign text made harmless once, here."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import IO, Any

import msgspec

from ci.escape import escape_foreign
from release.errors import ReleaseError
from release.world import Event, Note, Output, Progress, StepEvent

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
_TROUBLE = frozenset({"conflict", "unknown", "failed"})


def data(text: str) -> None:
    """Write `text` and a newline to stdout. A reader that went away takes nothing from what was done.

    Raises `ReleaseError` where it cannot be written for another reason.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # Nor must what is still buffered fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            cause = (error.strerror or str(error)).lower()
            raise ReleaseError(
                f"stdout cannot be written: {cause}", hint="check where the output goes, then run again"
            ) from error


def document(value: Any) -> None:
    """Write one JSON document to stdout; its first key is `schema`."""
    data(json.dumps(value, indent=2, ensure_ascii=False))


def talk(text: str) -> None:
    """Write one line for people to stderr."""
    print(escape_foreign(text), file=sys.stderr, flush=True)


def complain(message: str, *, hint: str | None = None) -> None:
    """Write an error and its hint to stderr."""
    lines = [f"error: {message}"]
    if hint:
        lines.append(f"hint: {hint}")
    for line in lines:
        talk(line)


class PlainSink:
    """Events as lines on stderr. `verbosity`: -1 shows warnings and errors only."""

    def __init__(self, verbosity: int, stream: IO[str] | None = None) -> None:
        self._verbosity = verbosity
        self._stream = stream or sys.stderr
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def emit(self, event: Event) -> None:
        """Show the event, or drop it."""
        line = self._line(event)
        if line is None:
            return
        with self._lock:
            for one in line.split("\n"):
                print(escape_foreign(one), file=self._stream, flush=True)

    def _line(self, event: Event) -> str | None:
        match event:
            case Note():
                return self._note(event)
            case StepEvent():
                if not self._is_news(event):
                    return None
                return f"{_MARKS.get(event.state, ' ')} {event.step}: {event.text}".rstrip(": ")
            case Output():
                return f"| {event.line}" if self._verbosity >= 0 else None
            case Progress():
                return None

    def _is_news(self, event: StepEvent) -> bool:
        """What changed or went wrong; checks, records and what was done already only with `-v`."""
        if event.state == "started" or self._verbosity < 0:
            return False
        if self._verbosity > 0 or event.state in _TROUBLE:
            return True
        return event.state in {"made", "withheld"} and not event.step.startswith(("record:", "check"))

    def _note(self, note: Note) -> str | None:
        floor = {"debug": 1, "info": 0, "warning": -1, "error": -1}[note.level]
        if self._verbosity < floor or note.text in self._said:
            return None
        if note.level == "warning":
            self._said.add(note.text)  # the same warning once is enough
        prefix = "" if note.level == "info" else f"{note.level}: "
        hint = f"\nhint: {note.hint}" if note.hint else ""
        return f"{prefix}{note.text}{hint}"


class JsonSink:
    """Events as one JSON object a line on stderr."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        """Write the event."""
        line = json.dumps({"event": type(event).__name__.lower(), **msgspec.to_builtins(event)})
        with self._lock:
            print(line, file=sys.stderr, flush=True)
