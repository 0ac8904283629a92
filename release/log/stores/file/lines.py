"""Lines of a log file as bytes: grouped by append, and the last entry before a position. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.errors import LogError
from release.hints import UNWRITABLE
from release.log import Entry, Head
from release.log.chain import Malformed, envelope_of, read_line


def entry_at_end(data: bytes) -> Entry | None:
    """The entry that `data` ends with, checked against its own hash only; None if `data` ends otherwise."""
    before, ended, after = data.rpartition(b"\n")
    if after or not ended:
        return None
    try:
        return read_line(before.rpartition(b"\n")[2])
    except (Malformed, LogError):
        return None


def groups_of(lines: Sequence[bytes], head: Head) -> list[tuple[bytes, Head]]:
    """Bytes to write at once (a line, or the lines of a batch), each with the head after them."""
    groups = []
    group: list[bytes] = []
    for raw in lines:
        envelope = envelope_of(raw, head)
        head = Head(seq=envelope.seq, hash=envelope.hash)
        group += (raw, b"\n")
        if envelope.batch is None or envelope.batch.get("last") == head.seq:
            groups.append((b"".join(group), head))
            group = []
    if group:
        raise LogError(f"entry {head.seq} is part of a batch that is not complete", hint=UNWRITABLE)
    return groups
