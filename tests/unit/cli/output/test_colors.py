"""Colours of a terminal: one for one meaning, behind the escapes, and only where they are wanted."""

from __future__ import annotations

import io
from typing import cast

import pytest

from release.cli.output.colors import colored, wants_colors
from release.cli.output.columns import columns
from release.cli.output.streams import Escaping

GREEN, RED, END = "\x1b[32m", "\x1b[1;31m", "\x1b[0m"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  +  tag:x", f"  {GREEN}+{END}  tag:x"),
        ("error: no", f"{RED}error:{END} no"),
        ("errors: no", "errors: no"),
        ("+", "+"),
        ("", ""),
        ("ghcr.io/acme/app:1 + 2", "ghcr.io/acme/app:1 + 2"),
    ],
)
def test_word_or_mark_at_the_beginning_of_a_line_has_the_colour_of_its_meaning(
    line: str, expected: str
) -> None:
    assert colored(line) == expected


@pytest.mark.parametrize(
    ("option", "env", "terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, False, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_option_then_variables_then_the_terminal_decide_about_colours(
    option: str, env: dict[str, str], terminal: bool, expected: bool
) -> None:
    assert wants_colors(option, env, terminal=terminal) is expected


def test_text_of_others_is_escaped_before_a_line_gets_its_colour() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]  # a stream in memory says that it is no terminal
    escaping = Escaping(cast(io.TextIOWrapper, stream), forgiving=False)
    escaping.colors = True
    escaping.write("error: \x1b[31mred\n")
    text = stream.getvalue()
    assert text.startswith(f"{RED}error:{END} ")
    assert text.count("\x1b") == 2


def test_last_column_is_broken_at_blanks_and_keeps_what_stands_in_backticks() -> None:
    rows = [("1.4", "moving", "the highest of `a b c` known"), ("latest", "fixed", "x")]
    lines = columns(rows, width=40)
    assert lines == [
        "1.4     moving  the highest of `a b c`",
        "                known",
        "latest  fixed   x",
    ]
    assert columns(rows) == [lines[0] + " known", lines[2]]
    narrow = columns([("+", "content:registry.example.com/acme/app", "not there yet")], width=50)
    assert narrow == ["+  content:registry.example.com/acme/app", "     not there yet"]
