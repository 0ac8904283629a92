"""Reads a JSON Lines log: tells entries, a torn tail and corruption apart. Pure: bytes in, entries out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from release.errors import LogCorrupt, LogError
from release.log import LINE_LIMIT, Entry, Head
from release.log.chain import GROUP, Malformed, head_of, read_line, require_next, verify_lines
from release.log.torn import is_one_append

# Lines that are parsed to find a sound entry in a file whose first line is damaged.
# A damaged append is rarely longer; more lines would only be parsed in vain in files that are not logs.
_LINES_TRIED = 8
# Bytes of damaged lines that are kept to judge them. An append has a few entries, and no entry more than `LINE_LIMIT`.
_LARGEST_APPEND = 64 * LINE_LIMIT
_RESTORE = "restore the log from a copy, such as a mirror or a backup; the damaged log was left untouched"


def scan(chunks: Iterable[bytes], head: Head) -> Iterator[list[Entry]]:
    """Yield the entries after `head`, several at a time, in order.

    Stops before a torn tail: the rest of the newest append, if a crash kept it from becoming durable. Raises
    `LogCorrupt`, with the position, for a damaged entry followed by a later append (intact or damaged), and for a
    well-formed entry with a wrong hash or predecessor: a crash cannot cause these.
    """
    groups = _groups(chunks)
    batch: list[Entry] = []
    for lines, ended in groups:
        error: LogError | None = None
        entries = verify_lines(lines, head) if ended else []
        if entries is None:
            entries, error = _one_by_one(lines, head)
        if complete := _complete(batch, entries):
            yield complete
        if error is not None:
            raise error
        if entries:
            head = head_of(entries[-1])
        if len(entries) < len(lines):
            rest = chain([(lines[len(entries) + 1 :], ended)], groups)
            _require_torn(lines[len(entries)], rest, head, batch)
            return


def _one_by_one(lines: Sequence[bytes], head: Head) -> tuple[list[Entry], LogError | None]:
    """The entries before the first damaged line, and the error of one that cannot follow the entry before it."""
    entries: list[Entry] = []
    try:
        for raw in lines:
            if (entry := _entry(raw)) is None:
                break
            require_next(entry, head)
            head = head_of(entry)
            entries.append(entry)
    except LogError as error:
        return entries, error
    return entries, None


def _complete(batch: list[Entry], entries: list[Entry]) -> list[Entry]:
    """Those of `entries` whose append is complete, behind those that waited in `batch`; it then has the others."""
    if not batch and not any("batch" in entry.fields for entry in entries):
        return entries
    complete = []
    for entry in entries:
        batch.append(entry)
        if entry.seq >= batch_of(entry)[1]:
            complete += batch
            batch.clear()
    return complete


def _require_torn(
    first_damaged: bytes, rest: Iterable[tuple[list[bytes], bool]], head: Head, batch: list[Entry]
) -> None:
    """Raise `LogCorrupt` unless the damaged line, and all that follow it, can be one append."""
    damaged = head.seq + 1
    first = batch_of(batch[0])[0] if batch else damaged
    lines, size = [first_damaged], len(first_damaged)
    for raw, ended in ((raw, ended) for group, ended in rest for raw in group):
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


def _groups(chunks: Iterable[bytes]) -> Iterator[tuple[list[bytes], bool]]:
    """Yield lines without their newlines, at most `GROUP` at a time, and whether each had one: the last may lack it."""
    rest: list[bytes] = []
    size = 0
    for chunk in chunks:
        *ended, tail = chunk.split(b"\n")
        if ended:
            ended[0] = b"".join((*rest, ended[0]))
            yield from ((ended[start : start + GROUP], True) for start in range(0, len(ended), GROUP))
            rest, size = [], 0
        if size <= LINE_LIMIT:  # longer lines cannot be entries: do not collect an endless one in memory
            rest.append(tail)
            size += len(tail)
    last = b"".join(rest)
    if last:
        yield [last], False
