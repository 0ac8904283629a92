"""Compares the ends of what was read of a SQL log with its head and with what was read before. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.errors import LogCorrupt
from release.log import Head
from release.log.chain import Malformed, head_of, read_line


def lost(name: str, end: Head, found: str) -> LogCorrupt:
    """The error for entries that end before `end`, the head of the log `name`. `found`: what is there instead."""
    return LogCorrupt(
        f"version log `{name}` lost entries: `log_head` says that entry {end.seq} with hash "
        f"{end.hash[:12]}… is the last, and {found}",
        hint="restore the database from a backup, or copy a mirror to a new one with `shipmark log copy`",
    )


def head_after(name: str, lines: Sequence[bytes], after: int, last: tuple[bytes, Head]) -> Head:
    """The head after entry `after`, the first of `lines`, which was read before. Raises `LogCorrupt` if it is gone.

    `last`: the newest verified line and its head, so that this line is not verified again.
    """
    if after < 0:
        return Head()
    if not lines:
        raise LogCorrupt(
            f"version log `{name}` has no entry {after} any more",
            hint="is this another server, or a copy that lags behind? entries are never removed",
        )
    if lines[0] == last[0]:
        return last[1]
    try:
        entry = read_line(lines[0])
    except Malformed as error:
        raise LogCorrupt(f"entry {after} is not a record: {error}") from error
    if entry.seq != after:
        raise LogCorrupt(
            f"entry {after} is missing or out of place: entry {entry.seq} stands there",
            hint="restore the log from a copy; entries are never removed or reordered",
        )
    return head_of(entry)
