"""Formats tables for people and for spreadsheets: aligned columns, and cells of CSV files. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.cli.output.foreign import one_line

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines with aligned columns; the last column is not padded."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def csv_cell(text: str) -> str:
    """`text` as one cell of a CSV file: on one line, and with an apostrophe if a spreadsheet would read a formula.

    Source: OWASP, "CSV Injection": `=`, `+`, `-`, `@`, tab and CR begin a formula, and their full-width forms; an
    apostrophe in front makes it text. Some programs skip blanks before such a character.
    """
    line = one_line(text)
    is_formula = text.lstrip(" ").startswith(_FORMULA) or line.lstrip().startswith(_FORMULA)
    return f"'{line}" if is_formula else line
