"""Formats the job summary and the comment on a request: Markdown in which text from others cannot become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

import msgspec

from ci.escape import escape_foreign

#: Bytes of one step's summary. GitHub discards a step's whole summary above 1 MiB; the difference of 150 kB is left for
#: text that the step writes itself.
BUDGET = 900_000

#: Bytes of a comment. GitHub's limit is 65,536 characters, GitLab's 1,000,000.
COMMENT_BUDGET = 60_000

#: First line of a comment, by which a later run of the workflow finds the comment again. Markdown does not show it.
COMMENT_MARK = "<!-- shipmark -->"

# ASCII characters that are markup in Markdown or HTML. Also `@`, the colon of `://` and the first letter of `www.`:
# GitHub turns `@name` into a mention and addresses into links.
_MARKUP = r"[!\"#$%&'*<>?@\[\\\]^_`{|}~]|:(?=//)|[wW](?=[wW]{2}\.)"
# The start of a line that Markdown reads as a list, a horizontal rule or the underline of a heading.
_BLOCK = r"\A(?:[-+=]|[0-9]{1,9}(?=[.)]))"

# Text that may stand in a block of code as it is: an image's name with tag and digest.
_REFERENCE = r"[A-Za-z0-9][A-Za-z0-9._:/@-]*"
# Characters that an address keeps; all others are percent-encoded, so that an address cannot end its link.
_ADDRESS = "/:?#=&%+,;@~-._"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the summary. `title`: the heading above it; none if empty."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    title: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a job summary, in the order in which it is shown.

    `title`: begins with the state, such as `Released: app 1.4.2`. `problem`, `hint`: the error with which the command
    ended. `pull`: image references for lines to copy. `tables`: the first is shortened last. `links`: pairs of text
    and address; an address that is not http or https is shown as text.
    """

    title: str
    problem: str = ""
    hint: str = ""
    pull: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    links: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


def markdown_of(summary: Summary, *, budget: int = BUDGET) -> str:
    """Return the summary as Markdown, in at most `budget` bytes of UTF-8 as long as head and tail fit.

    Rows that do not fit are left out and counted.
    """
    head = f"### {cell(summary.title)}\n"
    if summary.problem:
        head += f"\n**error:** {cell(summary.problem)}\n"
    if summary.hint:
        head += f"\n**hint:** {cell(summary.hint)}\n"
    lines = [f"docker pull {one}" for one in summary.pull if re.fullmatch(_REFERENCE, one)]
    if lines:
        head += "\n```sh\n" + "\n".join(lines) + "\n```\n"
    tail = "".join(f"\n{_paragraph(note)}\n" for note in summary.notes)
    if summary.links:
        tail += "\n" + " · ".join(_link(text, address) for text, address in summary.links) + "\n"
    left = budget - _size(head) - _size(tail)
    body = ""
    for table in summary.tables:
        if not table.rows:
            continue
        part = _table(table, left - _size(body))
        body += part
    return head + body + tail


def comment_of(summary: Summary) -> str:
    """Return the summary as the text of a comment on a request."""
    mark = f"{COMMENT_MARK}\n"
    return mark + markdown_of(summary, budget=COMMENT_BUDGET - _size(mark))


def _table(table: Table, budget: int) -> str:
    title = f"\n#### {cell(table.title)}\n" if table.title else ""
    head = f"{title}\n{_row(table.columns)}|{' --- |' * len(table.columns)}\n"
    return head + _rows(table.columns, table.rows, budget - _size(head))


def _rows(columns: Sequence[str], rows: Iterable[Sequence[str]], budget: int) -> str:
    """Return the rows that fit into `budget` bytes, and the number of those that do not."""
    left = budget - _size("\n999999999 rows omitted\n")
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
    return "".join(lines) + more


def _link(text: str, address: str) -> str:
    if not address.startswith(("https://", "http://")):
        return cell(f"{text} {address}".strip())
    return f"[{cell(text)}]({quote(address, safe=_ADDRESS)})"


def cell(text: str) -> str:
    """Return `text` as one line in which all characters of Markdown, tables and HTML are escaped."""
    plain = escape_foreign(" ".join(text.splitlines()))
    return re.sub(_MARKUP, lambda match: f"&#{ord(match[0])};", plain)


def _paragraph(text: str) -> str:
    """`text` as a Markdown paragraph. Leading blanks are removed: they would make it a block of code."""
    return re.sub(
        _BLOCK, lambda match: "".join(f"&#{ord(letter)};" for letter in match[0]), cell(text).lstrip()
    )


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell(text) for text in cells) + " |\n"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
