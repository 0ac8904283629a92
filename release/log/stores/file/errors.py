"""The errors about a log file, with their causes and hints: of the operating system, and of a file that was changed."""

from __future__ import annotations

import errno

from release.errors import LogCorrupt, LogError, RefusedError
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


def failure(name: str, done: str, error: OSError) -> LogError:
    """The error of the operating system for a log that cannot be `done`: `read` or `written`. `name`: of the log."""
    return LogError(f"version log `{name}` cannot be {done}: {cause_of(error)}", hint=hint_for(error))


def gone(name: str, count: int) -> LogCorrupt:
    """A log that this process has read, of `count` entries, does not exist any more."""
    return LogCorrupt(
        f"version log `{name}` is gone: it held {count} entries a moment ago",
        hint="find out what removed the file; restore it from a copy",
    )


def not_a_log(name: str) -> LogCorrupt:
    """A file that does not begin as a log does."""
    return LogCorrupt(
        f"`{name}` is not a version log: it begins with something else",
        hint="name another file with `log: {path: …}`; this one was left untouched",
    )


def replaced(name: str) -> LogCorrupt:
    """Another file has the log's name since this process opened the log."""
    return LogCorrupt(
        f"version log `{name}` was replaced by another file while it was in use",
        hint="stop the program that replaces it, check the log with `shipmark log verify`, then run again",
    )


def shorter(name: str, size: int, verified: int) -> LogCorrupt:
    """A log of `size` bytes, of which this process has verified more."""
    return LogCorrupt(
        f"version log `{name}` became shorter: {size} bytes, {verified} were verified before",
        hint="entries are never removed; restore the log from a copy",
    )


def on_network(name: str, kind: str) -> LogError:
    """A log on a network file system. `kind`: its type, as the operating system names it."""
    return LogError(
        f"version log `{name}` lies on a network file system (`{kind}`), where locks often do not work",
        hint="use `log: {store: git}` or `log: {store: sql}`, or take the risk with "
        "`log: {store: file, allow_network_fs: true}`",
    )
