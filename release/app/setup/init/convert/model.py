"""The result of converting workflows: sections of `shipmark.yml`, edits of the files, and what was left. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not converted. `place`: `file:line`. `what`: one sentence, with what can be done."""

    place: str
    what: str


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """Lines `first` to `last` (from 1, both included) of a file become `lines`. `last` below `first`: an insertion."""

    first: int
    last: int
    lines: tuple[str, ...] = ()


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """One component of the config. `section`: keys of `shipmark.yml` in their order, without those at their default."""

    name: str
    section: dict[str, Any]


class Converted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file. `drafts`: the components that its jobs release."""

    path: str
    text: str
    drafts: tuple[Draft, ...] = ()
    left: tuple[Left, ...] = ()


class CannotConvert(Exception):
    """The job stays as it is. Caught where the job is converted. `line`: in the file."""

    def __init__(self, line: int, what: str) -> None:
        self.line = line
        self.what = what
        super().__init__(what)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """`text` with the edits, which do not overlap; every other line stays byte for byte."""
    lines = text.split("\n")
    # From the end, so that the numbers of lines above stay true.
    for edit in sorted(edits, key=lambda one: (one.first, one.last), reverse=True):
        lines[edit.first - 1 : max(edit.last, edit.first - 1)] = edit.lines
        around = lines[max(edit.first - 2, 0) : edit.first]
        if not edit.lines and len(around) == 2 and not any(line.strip() for line in around):
            del lines[edit.first - 1]  # of the blank lines around a removed step one is enough
    return "\n".join(lines)
