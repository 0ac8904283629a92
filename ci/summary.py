"""Formats the step summary: a Markdown table in which text from others cannot become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ci.escape import escape_foreign

#: Bytes of one step's summary. GitHub discards a step's whole summary above 1 MiB; the difference of 150 kB is left for
#: text that the step writes itself.
BUDGET = 900_000

# ASCII characters that are markup in Markdown or HTML. Also `@`, the colon of `://` and the first letter of `www.`:
# GitHub turns `@name` into a mention and addresses into links.
_MARKUP = re.compile(r"[!\"#$%&'*<>?@\[\\\]^_`{|}~]|:(?=//)|w(?=ww\.)", re.IGNORECASE)
# The start of a line that Markdown reads as a list, a horizontal rule or the underline of a heading.
_BLOCK = re.compile(r"\A(?:[-+=]|[0-9]{1,9}(?=[.)]))")


def summary_markdown(
    heading: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    notes: Sequence[str] = (),
    budget: int = BUDGET,
) -> str:
    """Return a heading, a table and notes below it, in at most `budget` bytes of UTF-8.

    Rows that do not fit are left out and counted: `12 rows omitted`. Heading and notes are never shortened, even if
    they exceed the budget alone. Short rows are filled with empty cells.
    """
    head = f"### {cell(heading)}\n\n{_row(columns)}|{' --- |' * len(columns)}\n"
    tail = "".join(f"\n{_paragraph(note)}\n" for note in notes)
    left = budget - _size(head) - _size(tail) - _size("\n999999999 rows omitted\n")
    lines: list[str] = []
    omitted = 0
    for row in rows:
        line = _row([*row, *[""] * (len(columns) - len(row))][: len(columns)])
        left -= _size(line)
        if left < 0:
            omitted += 1
        else:
            lines.append(line)
    more = f"\n{omitted} row{'s' if omitted > 1 else ''} omitted\n" if omitted else ""
    return head + "".join(lines) + more + tail


def cell(text: str) -> str:
    """Return `text` as one line in which all characters of Markdown, tables and HTML are escaped."""
    plain = escape_foreign(" ".join(text.splitlines()))
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", plain)


def _paragraph(text: str) -> str:
    """`text` as a Markdown paragraph. Leading blanks are removed: they would make it a block of code."""
    return _BLOCK.sub(lambda match: "".join(f"&#{ord(letter)};" for letter in match[0]), cell(text).lstrip())


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell(text) for text in cells) + " |\n"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
