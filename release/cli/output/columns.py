"""Formats tables for people and for spreadsheets: aligned columns, and cells of CSV files. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.cli.output.foreign import one_line

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


#: The narrowest last column beside the others. A narrower one begins on a line of its own.
_NARROWEST = 24
# Stands for a blank within backticks while lines are broken, so that what one may type stays in one piece.
_GLUE = "\x1f"


def columns(rows: Sequence[tuple[str, ...]], *, width: int | None = None) -> list[str]:
    """Rows as lines with aligned columns; the last column is not padded.

    `width`: of the lines, in which the last column is broken at blanks; None: no line is broken.
    """
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines: list[str] = []
    for row in rows:
        start = "".join(f"{cell.ljust(size)}  " for cell, size in zip(row, widths, strict=False))
        if width is None or len(start) + len(row[-1]) <= width:
            lines.append(f"{start}{row[-1]}".rstrip())
        elif width - len(start) >= _NARROWEST:
            lines += wrapped(start, row[-1], width, indent=len(start))
        else:
            lines += [start.rstrip(), *wrapped("     ", row[-1], width, indent=5)]
    return lines


def wrapped(start: str, text: str, width: int, *, indent: int) -> list[str]:
    """`text` behind `start`, broken at blanks outside of backticks; further lines begin with `indent` blanks."""
    import textwrap  # imported late: only terminals need it

    pieces = one_line(text).split("`")
    glued = "`".join(piece.replace(" ", _GLUE) if at % 2 else piece for at, piece in enumerate(pieces))
    lines = textwrap.wrap(
        glued,
        width,
        initial_indent=start,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [one.replace(_GLUE, " ") for one in lines]


def csv_cell(text: str) -> str:
    """`text` as one cell of a CSV file: on one line, and with an apostrophe if a spreadsheet would read a formula.

    Source: OWASP, "CSV Injection": `=`, `+`, `-`, `@`, tab and CR begin a formula, and their full-width forms; an
    apostrophe in front makes it text. Some programs skip blanks before such a character.
    """
    line = one_line(text)
    is_formula = text.lstrip(" ").startswith(_FORMULA) or line.lstrip().startswith(_FORMULA)
    return f"'{line}" if is_formula else line
