"""The step summary stays a table, whatever its cells contain, and below the size limit of GitHub."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.summary import BUDGET, cell, summary_markdown
from tests.support.openings import ALL, commands_in


def test_summary_has_heading_table_and_notes() -> None:
    text = summary_markdown(
        "app 1.4.2", ("tag", "why"), [("1.4.2", "git tag v1.4.2"), ("latest",)], notes=["done"]
    )
    assert text == (
        "### app 1.4.2\n\n| tag | why |\n| --- | --- |\n| 1.4.2 | git tag v1.4.2 |\n| latest |  |\n\ndone\n"
    )


def test_summary_cell_escapes_markup_and_joins_lines() -> None:
    assert cell("a|b `c` <img src=x> [d](e) \\") == (
        "a&#124;b &#96;c&#96; &#60;img src=x&#62; &#91;d&#93;(e) &#92;"
    )
    assert cell("two\nlines\r\n") == "two lines"


@pytest.mark.parametrize(
    "text", [*ALL, "https://evil.example/x", "www.evil.example", "ask @acme/team", "#1", "<b>", "![x](y)"]
)
def test_foreign_text_in_a_summary_becomes_neither_command_nor_markup(text: str) -> None:
    shown = summary_markdown(text, (text, "b"), [(text, text)], notes=[text])
    assert list(commands_in(shown)) == []
    assert not re.search(r"[<>`\[\]@]|://|www\.|(?<!&)#(?!## )", shown.removeprefix("###"))
    # One heading, the two lines of the table's head, one row, one note.
    assert len(shown.split("\n\n")) == 3
    assert shown.count("\n") == 7


@pytest.mark.parametrize("text", ["- x", "+ x", "=====", "1. x", "12) x", "    code", "---", "***"])
def test_a_summary_note_with_markdown_at_its_start_stays_a_paragraph(text: str) -> None:
    note = summary_markdown("x", ("a",), [], notes=[text]).split("\n")[-2]
    assert re.match(r"[A-Za-z&]", note)


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=5))
def test_every_row_of_the_summary_table_has_as_many_cells_as_columns(rows: list[list[str]]) -> None:
    lines = summary_markdown("x", ("a", "b"), rows).split("\n")[2:]
    assert len(lines) == len(rows) + 3
    assert all(line.count("|") == 3 for line in lines[:-1])
    assert not any(re.search(r"[<>`\[\]]", line) for line in lines)


def test_summary_counts_the_rows_that_are_omitted_above_the_size_limit() -> None:
    rows = [("x" * 1000, "ü" * 500)] * 1000
    text = summary_markdown("big", ("a", "b"), rows, notes=["the end"])
    assert len(text.encode()) <= BUDGET
    kept = text.count("\n| x")
    assert f"\n{1000 - kept} rows omitted\n\nthe end\n" in text
    assert kept > 400
