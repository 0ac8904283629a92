"""Reading a JSON Lines log: telling entries, a torn tail and corruption apart. Pure: bytes in, entries out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from release.errors import LogCorrupt
from release.log import Entry, Head
from release.log.chain import Malformed, head_of, read_line, require_next


def scan(chunks: Iterable[bytes], head: Head) -> Iterator[tuple[Entry, int]]:
    """Each entry after `head`, with the bytes that it takes in the file (its newline included).

    Stops before a torn tail: what the last append left when it did not become durable. Only the last append
    can be torn, so whatever is damaged with a sound entry of a later append behind it, and whatever is well
    formed but wrong, was changed afterwards: `LogCorrupt`, naming the position.
    """
    lines = _lines(chunks)
    batch: list[Entry] = []
    for raw, ended in lines:
        entry = _entry(raw) if ended else None
        if entry is None:
            _require_torn(lines, head, batch)
            return
        require_next(entry, head)
        head = head_of(entry)
        batch.append(entry)
        if head.seq >= batch_of(entry)[1]:
            for complete in batch:
                yield complete, len(complete.raw) + 1
            batch.clear()


def _require_torn(rest: Iterator[tuple[bytes, bool]], head: Head, batch: list[Entry]) -> None:
    """Raise `LogCorrupt` when a line behind the damaged one belongs to another append than the damaged one."""
    damaged = head.seq + 1
    first = batch_of(batch[0])[0] if batch else damaged
    for raw, ended in rest:
        entry = _entry(raw) if ended else None
        if entry is not None and batch_of(entry)[0] != first:
            raise LogCorrupt(
                f"entry {damaged} is damaged, and entries follow it: this is no interrupted write",
                hint="restore the log from a copy; what is there was left untouched",
            )


def _entry(raw: bytes) -> Entry | None:
    try:
        return read_line(raw)
    except Malformed:
        return None


def last_entry(tail: bytes, *, whole: bool) -> Entry | None:
    """The entry that the log ends with, checked against itself only; None when only a full scan can tell.

    `tail`: the last bytes of the file; `whole`: they are all of it.
    """
    before, ended, after = tail.rpartition(b"\n")
    if after or not ended:
        return None
    _, newline, raw = before.rpartition(b"\n")
    if not newline and not whole:
        return None
    entry = _entry(raw)
    return entry if entry is not None and batch_of(entry)[1] == entry.seq else None


def batch_of(entry: Entry) -> tuple[int, int]:
    """First and last `seq` of the append that wrote the entry."""
    seq = entry.seq
    batch = entry.fields.get("batch")
    if not isinstance(batch, dict):
        return seq, seq
    first, last = batch.get("first"), batch.get("last")
    if type(first) is not int or type(last) is not int or not first <= seq <= last:
        raise LogCorrupt(f"entry {seq} names a batch that it cannot be in")
    return first, last


def _lines(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Lines without their newline, and whether there was one."""
    rest: list[bytes] = []
    for chunk in chunks:
        *ended, tail = chunk.split(b"\n")
        if ended:
            rest.append(ended[0])
            yield b"".join(rest), True
            for line in ended[1:]:
                yield line, True
            rest = []
        rest.append(tail)
    last = b"".join(rest)
    if last:
        yield last, False
