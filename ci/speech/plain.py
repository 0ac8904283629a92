"""Plain text, for CI systems without log commands and for runs outside of CI."""

from __future__ import annotations

from ci.escape import escape_foreign
from ci.speech import Level, LogCommand


def group(title: str, *, at: int = 0) -> LogCommand:  # noqa: ARG001  (the Protocol's signature)
    """Return the title as a heading."""
    return LogCommand(f"== {escape_foreign(title)}")


def end_group(title: str, *, at: int = 0) -> LogCommand:  # noqa: ARG001  (the Protocol's signature)
    """Return nothing: a heading has no end."""
    return LogCommand("")


def annotation(
    level: Level, message: str, *, title: str | None = None, file: str | None = None, line: int | None = None
) -> LogCommand:
    """Return one line: `warning: shipmark.yml:3: title: message`."""
    place = f"{file}:{line}" if file and line else file
    return LogCommand(": ".join(escape_foreign(part) for part in (level, place, title, message) if part))


def mask(value: str) -> LogCommand:  # noqa: ARG001  (the Protocol's signature)
    """Return nothing: there is no way to hide a value."""
    return LogCommand("")
