"""The step summary stays a table, whatever its cells contain, and below the size limit of GitHub."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.summary import BUDGET, COMMENT_BUDGET, COMMENT_MARK, Summary, Table, cell, comment_of, markdown_of
from tests.support.openings import ALL, commands_in


def summary_markdown(
    title: str, columns: tuple[str, ...], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> str:
    """Return the Markdown of a summary with one table."""
    return markdown_of(Summary(title=title, tables=(Table(columns=columns, rows=rows),), notes=notes))


def test_summary_shows_state_error_hint_pull_line_tables_notes_and_links_in_this_order() -> None:
    text = markdown_of(
        Summary(
            title="Failed: app 1.4.2",
            problem="no `space` left",
            hint="free some",
            pull=("ghcr.io/acme/app@sha256:0123",),
            tables=(
                Table(columns=("tag", "why"), rows=[("1.4.2", "git tag v1.4.2"), ("latest",)]),
                Table(title="Steps", columns=("step",), rows=[("build",)]),
                Table(title="Nothing", columns=("step",), rows=[]),
            ),
            links=[("commit 0a1b", "https://git.test/a/b/commit/0a1b"), ("run", "javascript:alert(1)")],
            notes=["done"],
        )
    )
    assert text == (
        "### Failed: app 1.4.2\n\n**error:** no &#96;space&#96; left\n\n**hint:** free some\n"
        "\n```sh\ndocker pull ghcr.io/acme/app@sha256:0123\n```\n"
        "\n| tag | why |\n| --- | --- |\n| 1.4.2 | git tag v1.4.2 |\n| latest |  |\n"
        "\n#### Steps\n\n| step |\n| --- |\n| build |\n"
        "\ndone\n\n[commit 0a1b](https://git.test/a/b/commit/0a1b) · run javascript:alert(1)\n"
    )


@pytest.mark.parametrize("text", [*ALL, "a b", "a\n```\n# b", "-x", "a`b", "a@b;rm"])
def test_text_that_is_no_reference_is_not_part_of_the_line_to_copy(text: str) -> None:
    assert "docker pull" not in markdown_of(Summary(title="x", pull=(text,)))


@pytest.mark.parametrize(
    "text", [*ALL, "https://git.test/) [x](https://evil.test", "https://a/<b>`c`|d\n# e"]
)
def test_address_of_a_link_cannot_end_the_link(text: str) -> None:
    shown = markdown_of(Summary(title="x", links=[("run", text)]))
    assert list(commands_in(shown)) == []
    assert shown.count("](") <= 1
    assert shown.count("\n") == 3
    assert not re.search(r"[<>`|]", shown)


def test_comment_begins_with_its_mark_and_fits_into_a_comment() -> None:
    rows = [("x" * 1000, "ü" * 500)] * 1000
    text = comment_of(Summary(title="big", tables=(Table(columns=("a", "b"), rows=rows),), notes=["the end"]))
    assert text.startswith(f"{COMMENT_MARK}\n### big\n")
    assert len(text.encode()) <= COMMENT_BUDGET
    assert text.endswith("\nthe end\n")


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


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), min_size=1, max_size=5))
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
