"""Tells one append that a crash tore from damage to several appends. Pure.

A crash can leave the last append cut short, and zeros where sectors of it did not reach the disk. A crash cannot damage
the append before, which was durable earlier. What is still readable of damaged lines says to which append they
belonged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from release.lazy_pattern import pattern

# The member `seq` of an entry; inside a string its quotes would be escaped.
_SEQ = pattern(rb'(?<!\\)"seq":(\d{1,16})(?=[,}])')
_BATCH = pattern(rb'(?<!\\)"batch":\{"first":(\d{1,16}),"last":\d{1,16}\}')
# How an entry begins: canonical JSON sorts members, and all entries have `at`.
_BEGINS = (b'{"actor":', b'{"at":')
# Bytes of the shortest entry: hash, id and prev alone take more.
_SHORTEST = 250


class Torn(msgspec.Struct, frozen=True, kw_only=True):
    """A last append that a crash tore. `offset`, `size`: bytes. `copy`: the file that holds it now; `""`: the log."""

    offset: int
    size: int
    copy: str = ""


@runtime_checkable
class MayTear(Protocol):
    """Optional capability of a store in which a crash can tear the last append."""

    def torn(self) -> tuple[Torn, ...]:
        """Every torn append that was put aside and still lies beside the log, and the one at the log's end."""


def is_one_append(lines: Sequence[bytes], first: int) -> bool:
    """Whether the damaged `lines` at a log's end may be one append, whose first entry is entry `first`.

    `lines`: without newlines, in the order of the file; damage may have joined several entries into one line.
    """
    if any(named != first for line in lines for named in _appends_named(line)):
        return False
    # A line without zero bytes that ends with a newline reached the disk as it was written: no crash damaged it.
    # One such line may still belong to the torn append; a second one is of another append, unless both name one batch.
    whole = [line for line in lines if len(line) >= _SHORTEST and b"\0" not in line]
    return len([line for line in whole if not _BATCH.search(line)]) <= 1


def _appends_named(line: bytes) -> list[int]:
    """The first entry of each append that the line's entries name, as far as they can be read."""
    found = []
    start = 0
    for match in _SEQ.finditer(line):
        entry = line[start : match.start()]
        start = match.end()
        head = entry[entry.rfind(b"\0") + 1 :]
        batch = _BATCH.search(head)
        if batch is not None:
            found.append(int(batch[1]))
        elif len(head) == len(entry) or head.startswith(_BEGINS):
            found.append(int(match[1]))  # the entry's beginning is there, and would name a batch
    return found
