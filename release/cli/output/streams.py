"""Wraps stdout and stderr of the process: escapes every line, and ignores failures to write stderr.

Shipmark's own printers escape their text before; warnings, tracebacks and messages of libraries are escaped only here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Mapping
from typing import IO, Any, TextIO, cast

from ci.speech import LogCommand
from release.cli.output.colors import colored, wants_colors
from release.cli.output.foreign import escaped

# Attributes of a stream that are hidden, because code could write through them without escaping.
_HIDDEN = frozenset({"buffer", "detach", "writelines"})


class Escaping:
    """A text stream that escapes whole lines and passes them on to `stream`. Thread-safe.

    Other attributes are those of `stream`. `forgiving`: text that cannot be written is dropped, so that a release goes
    on when the reader of stderr has gone. `colors`: whether lines begin in the colour of their meaning.
    """

    colors = False

    def __init__(self, stream: TextIO, *, forgiving: bool) -> None:
        self._stream = stream
        self._forgiving = forgiving
        # Guards `_rest`, and keeps lines of several threads apart.
        self._lock = threading.Lock()
        self._rest = ""  # the beginning of a line that has not ended: only whole lines can be escaped

    def write(self, text: str) -> int:
        """Write the lines that end in `text`, and keep the rest; returns the length of `text`."""
        with self._lock:
            # `+` raises for bytes, and must: click recognises a binary stream by writing bytes without an error.
            *lines, self._rest = (self._rest + text).split("\n")
            if lines:
                whole = [escaped(line) for line in lines]
                self._pass("".join(f"{colored(line) if self.colors else line}\n" for line in whole))
        return len(text)

    def command(self, lines: LogCommand) -> None:
        """Write commands for the CI system unescaped."""
        with self._lock:
            self._pass(f"{lines}\n")

    def flush(self) -> None:
        """Flush the lines that were passed on; with `forgiving`, ignore errors.

        An error in Python's flush at exit would change the exit code.
        """
        with self._forgiven():
            self._stream.flush()

    def finish(self) -> None:
        """Write the last line, if it has no line break yet, and flush."""
        with self._lock:
            rest, self._rest = self._rest, ""
            if rest:
                self._pass(escaped(rest))
        self.flush()

    @property
    def unescaped(self) -> TextIO:
        """The wrapped stream, for progress bars, which move the cursor; their text must be escaped before."""
        return self._stream

    def _pass(self, text: str) -> None:
        with self._forgiven():
            self._stream.write(text)

    def _forgiven(self) -> contextlib.AbstractContextManager[None]:
        # Writing to a closed stream raises ValueError.
        return contextlib.suppress(OSError, ValueError) if self._forgiving else contextlib.nullcontext()

    def __getattr__(self, name: str) -> Any:
        # A hidden attribute is looked up in this object only, which does not have it, so that AttributeError is
        # raised.
        return object.__getattribute__(self, name) if name in _HIDDEN else getattr(self._stream, name)


def escaping(stream: IO[str] | None, *, forgiving: bool = False) -> TextIO:
    """`stream`, wrapped in `Escaping`. None, for a stream that was closed before the start, becomes `/dev/null`."""
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    with contextlib.suppress(AttributeError, ValueError):
        # A character that the terminal's encoding lacks is printed as an escape; otherwise an exception would end the
        # command.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    return cast(TextIO, Escaping(cast(TextIO, stream), forgiving=forgiving))


def use_colors(option: str, env: Mapping[str, str]) -> None:
    """Decide for stdout and stderr whether they get colours. `option`: the value of `--color`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Escaping):
            stream.colors = wants_colors(option, env, terminal=stream.isatty())
