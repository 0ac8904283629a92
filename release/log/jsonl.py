"""Reads a JSON Lines log: tells entries, a torn tail and corruption apart. Pure: bytes in, entries out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from release.errors import LogCorrupt
from release.log import Entry, Head
from release.log.chain import Malformed, head_of, read_line, require_next
from release.log.record import LINE_LIMIT
from release.log.torn import is_one_append

# Lines that are parsed to find a sound entry in a file whose first line is damaged.
# A damaged append is rarely longer; more lines would only be parsed in vain in files that are not logs.
_LINES_TRIED = 8
# Bytes of damaged lines that are kept to judge them. An append has a few entries, and no entry more than `LINE_LIMIT`.
_LARGEST_APPEND = 64 * LINE_LIMIT
_RESTORE = "restore the log from a copy, such as a mirror or a backup; the damaged log was left untouched"


def scan(chunks: Iterable[bytes], head: Head) -> Iterator[tuple[Entry, int]]:
    """Yield each entry after `head`, with its length in the file (bytes, newline included).

    Stops before a torn tail: the rest of the newest append, if a crash kept it from becoming durable. Raises
    `LogCorrupt`, with the position, for a damaged entry followed by a later append (intact or damaged), and for a
    well-formed entry with a wrong hash or predecessor: a crash cannot cause these.
    """
    lines = _lines(chunks)
    batch: list[Entry] = []
    for raw, ended in lines:
        entry = _entry(raw) if ended else None
        if entry is None:
            _require_torn(raw, lines, head, batch)
            return
        require_next(entry, head)
        head = head_of(entry)
        batch.append(entry)
        if head.seq >= batch_of(entry)[1]:
            for complete in batch:
                yield complete, len(complete.raw) + 1
            batch.clear()


def _require_torn(
    first_damaged: bytes, rest: Iterator[tuple[bytes, bool]], head: Head, batch: list[Entry]
) -> None:
    """Raise `LogCorrupt` unless the damaged line, and all that follow it, can be one append."""
    damaged = head.seq + 1
    first = batch_of(batch[0])[0] if batch else damaged
    lines, size = [first_damaged], len(first_damaged)
    for raw, ended in rest:
        entry = _entry(raw) if ended else None
        if entry is not None:
            if batch_of(entry)[0] != first:
                raise LogCorrupt(
                    f"entry {damaged} is damaged, and entries follow it: this is not an interrupted write",
                    hint=_RESTORE,
                )
            continue
        lines.append(raw)
        size += len(raw)
        if size > _LARGEST_APPEND:
            break
    if size > _LARGEST_APPEND or not is_one_append(lines, first):
        raise LogCorrupt(
            f"entry {damaged} and entries after it are damaged: an interrupted write damages one append only",
            hint=_RESTORE,
        )


def _entry(raw: bytes) -> Entry | None:
    try:
        return read_line(raw)
    except Malformed:
        return None


def may_begin_a_log(start: bytes) -> bool:
    """Whether a file that begins with `start` is a log, or may be one whose first append a power cut tore.

    `start`: the first `LINE_LIMIT` + 1 bytes. A torn append is the beginning of a record, possibly with zeros in place
    of disk blocks that were not written. A record begins with `{"a`: canonical JSON sorts members, and all have `at`.
    """
    first, ended, _ = start.partition(b"\n")
    if b"\0" not in first:
        if ended:
            # One sound entry makes the file a log, even if its first line is damaged: `scan` then reports the damage.
            return any(_entry(line) is not None for line in start.split(b"\n", _LINES_TRIED)[:_LINES_TRIED])
        # A torn append may be a whole entry without its newline. Another complete JSON value is not part of a log.
        return _begins_a_record(first) and (not _is_json(first) or _entry(first) is not None)
    if not _begins_a_record(first.partition(b"\0")[0]):
        return False
    # Canonical JSON has no control characters, so a file with some is not a log.
    return not any(byte < 0x20 for byte in start.replace(b"\0", b"").replace(b"\n", b""))


def _begins_a_record(text: bytes) -> bool:
    return text.startswith(b'{"a') or b'{"a'.startswith(text)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def last_entry(tail: bytes, *, whole: bool) -> Entry | None:
    """The last entry, checked against its own hash only; None when only a full scan can find it.

    `tail`: the last bytes of the file. `whole`: whether `tail` is the whole file.
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
    """First and last `seq` of the append that wrote the entry. Raises `LogCorrupt` for an impossible `batch`."""
    seq = entry.seq
    batch = entry.fields.get("batch")
    if not isinstance(batch, dict):
        return seq, seq
    first, last = batch.get("first"), batch.get("last")
    if type(first) is not int or type(last) is not int or not first <= seq <= last:
        raise LogCorrupt(f"entry {seq} names a batch that it cannot belong to")
    return first, last


def _lines(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each line without its newline, and whether the newline was there."""
    rest: list[bytes] = []
    size = 0
    for chunk in chunks:
        *ended, tail = chunk.split(b"\n")
        if ended:
            rest.append(ended[0])
            yield b"".join(rest), True
            for line in ended[1:]:
                yield line, True
            rest, size = [], 0
        if size <= LINE_LIMIT:  # longer lines cannot be entries: do not collect an endless one in memory
            rest.append(tail)
            size += len(tail)
    last = b"".join(rest)
    if last:
        yield last, False
