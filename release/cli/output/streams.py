"""stdout and stderr of the process: every line is escaped, and stderr never fails.

What our own printers write is safe before it gets here. Warnings, tracebacks and the messages of libraries are not.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import IO, Any, TextIO, cast

from ci.speech import LogCommand
from release.cli.output.foreign import escaped

# Whoever had these could write past the escape.
_HIDDEN = frozenset({"buffer", "detach", "writelines"})


class Escaping:
    """Passes whole lines on to `stream`, escaped. What it does not define is the stream's own. Thread-safe.

    `forgiving`: what cannot be written is dropped: whoever read stderr may be gone, and a release must not care.
    """

    def __init__(self, stream: TextIO, *, forgiving: bool) -> None:
        self._stream = stream
        self._forgiving = forgiving
        # Guards `_rest`, and keeps lines of several threads apart.
        self._lock = threading.Lock()
        self._rest = ""  # of a line that has not ended: what it begins with decides how it is escaped

    def write(self, text: str) -> int:
        """Write the lines that end in `text`, and keep the rest; returns the length of `text`."""
        with self._lock:
            # Added, not formatted: bytes have to fail, because click tells a stream of bytes by that.
            *lines, self._rest = (self._rest + text).split("\n")
            if lines:
                self._pass("".join(f"{escaped(line)}\n" for line in lines))
        return len(text)

    def command(self, lines: LogCommand) -> None:
        """Write lines for the CI system as they are."""
        with self._lock:
            self._pass(f"{lines}\n")

    def flush(self) -> None:
        """Flush whole lines. The interpreter's own flush at its end would change the exit code."""
        with self._forgiven():
            self._stream.flush()

    def finish(self) -> None:
        """Write what was left without an end of line."""
        with self._lock:
            rest, self._rest = self._rest, ""
            if rest:
                self._pass(escaped(rest))
        self.flush()

    @property
    def unescaped(self) -> TextIO:
        """The stream itself, for bars that move the cursor of a terminal; their words must be escaped before."""
        return self._stream

    def _pass(self, text: str) -> None:
        with self._forgiven():
            self._stream.write(text)

    def _forgiven(self) -> contextlib.AbstractContextManager[None]:
        # ValueError: a stream that was closed.
        return contextlib.suppress(OSError, ValueError) if self._forgiving else contextlib.nullcontext()

    def __getattr__(self, name: str) -> Any:
        # What is hidden is looked for in this object only, which has no such attribute.
        return object.__getattribute__(self, name) if name in _HIDDEN else getattr(self._stream, name)


def escaping(stream: IO[str] | None, *, forgiving: bool = False) -> TextIO:
    """`stream`, escaped; one that was closed before the start is replaced by nowhere, not by another one."""
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    with contextlib.suppress(AttributeError, ValueError):
        # A terminal that cannot show a letter gets its code; an exception would end the command.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    return cast(TextIO, Escaping(cast(TextIO, stream), forgiving=forgiving))
