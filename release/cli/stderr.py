"""stderr that never fails: whoever read it may be gone, and a release must not care."""

from __future__ import annotations

import os
from typing import IO, Any, TextIO, cast


class Harmless:
    """Passes on to `stream` what it takes, and drops the rest. What it does not define is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written; returns the length of `text` in any case."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # a broken pipe, a full disk; a stream that was closed
            return len(text)

    def flush(self) -> None:
        """Flush what can be flushed. The interpreter's own flush at its end would change the exit code."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def harmless(stream: IO[str] | None) -> TextIO:
    """`stream`, made harmless; one that was closed before the start is replaced by nowhere, not by stdout."""
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    return cast(TextIO, Harmless(cast(TextIO, stream)))
