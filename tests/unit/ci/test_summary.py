"""The summary stays a table, whatever its cells hold, and below the size at which it would be dropped."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ci.summary import BUDGET, cell, summary_markdown


def test_table() -> None:
    text = summary_markdown(
        "app 1.4.2", ("tag", "why"), [("1.4.2", "git tag v1.4.2"), ("latest",)], notes=["done"]
    )
    assert text == (
        "### app 1.4.2\n\n| tag | why |\n| --- | --- |\n| 1.4.2 | git tag v1.4.2 |\n| latest |  |\n\ndone\n"
    )


def test_markup_is_text() -> None:
    assert cell("a|b `c` <img src=x> [d](e) \\") == (
        "a&#124;b &#96;c&#96; &#60;img src=x&#62; &#91;d&#93;(e) &#92;"
    )
    assert cell("two\nlines\r\n") == "two lines"


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=5))
def test_every_row_has_its_cells(rows: list[list[str]]) -> None:
    lines = summary_markdown("x", ("a", "b"), rows).split("\n")[2:]
    assert len(lines) == len(rows) + 3
    assert all(line.count("|") == 3 for line in lines[:-1])
    assert not any(re.search(r"[<>`\[\]]", line) for line in lines)


def test_rows_over_the_budget_are_counted() -> None:
    rows = [("x" * 1000, "ü" * 500)] * 1000
    text = summary_markdown("big", ("a", "b"), rows, notes=["the end"])
    assert len(text.encode()) <= BUDGET
    kept = text.count("\n| x")
    assert f"\n{1000 - kept} rows omitted\n\nthe end\n" in text
    assert kept > 400
