"""Errors of the operating system about a log file, with their causes and hints."""

from __future__ import annotations

import errno

from release.errors import LogCorrupt, RefusedError
from release.filesystem.files import write_hint


def refused(error: RefusedError) -> LogCorrupt:
    """The refusal of a symlink or device at the log's path as `LogCorrupt`, since callers handle errors of the log."""
    return LogCorrupt(f"version log: {error.message}", hint=error.hint)


def cause_of(error: OSError) -> str:
    """What the operating system says, in lower case."""
    return (error.strerror or str(error)).lower()


def hint_for(error: OSError) -> str:
    """What helps against the error."""
    if (full := write_hint(error)) is not None:
        return full
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "give this user the right to write there, or name another file with `log: {path: …}`"
        case _:
            return "check the disk and the path, then run again"
