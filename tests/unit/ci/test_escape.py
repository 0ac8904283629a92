"""Escaped text from others contains no command for any CI system's runner."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ci.escape import escape_foreign

COMMANDS = ["::", ":", "##[", "##", "[", "##vso[", "##teamcity[", "#", "error", "::add-mask::x"]
CONTROLS = [
    "\x1b[0m",
    "\x1b",
    "\r",
    "\n",
    " ",
    "\t",
    "\x85",
    "\x9b31m",
    "\u00a0",
    "\u3000",
    "\ufeff",
    "\u2028",
    "\ud800",
]
PIECES = st.sampled_from([*COMMANDS, *CONTROLS])


def is_command(line: str) -> bool:
    """Return whether CI runners read a line as a command: blanks before `::` are skipped, `##[` may be anywhere."""
    return (
        line.lstrip().startswith("::")
        or re.search(r"##(\[|vso\[|teamcity\[)", line, re.IGNORECASE) is not None
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Step 3/4 : RUN make", "Step 3/4 : RUN make"),
        ("::error::boom", ": :error::boom"),
        ("  \t::set-output name=x::y", "  \t: :set-output name=x::y"),
        ("\u00a0::warning::x", "\u00a0: :warning::x"),
        ("a ::error::in the middle is text", "a ::error::in the middle is text"),
        ("fix ##[error]x", "fix ## [error]x"),
        ("###[group]", "### [group]"),
        ("##VSO[task.setvariable variable=x]y", "## VSO[task.setvariable variable=x]y"),
        ("##teamcity[buildStop]", "## teamcity[buildStop]"),
        ("## a heading", "## a heading"),
        ("#\x1b[0m#[error]x", "## [error]x"),
        (":\x1b[1m:error::x", ": :error::x"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("50%\r::error::x", "50%\\r::error::x"),
        ("a\n::error::x", "a\\n::error::x"),
        ("\u2028::x", "\\u2028::x"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\udcff", "\\udcff"),
        ("grüße 日本", "grüße 日本"),
    ],
)
def test_commands_of_ci_runners_in_a_line_are_escaped(line: str, shown: str) -> None:
    assert escape_foreign(line) == shown


@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
@example("##\x1b[0m[x")
def test_no_escaped_line_is_a_command_of_a_ci_runner(line: str) -> None:
    shown = escape_foreign(line)
    assert not is_command(shown)
    assert not is_command("  " + shown)
    assert all(
        unicodedata.category(letter) not in ("Cc", "Cs", "Zl", "Zp") or letter == "\t" for letter in shown
    )
    assert escape_foreign(shown) == shown
    shown.encode()


@given(st.text(alphabet=st.characters(categories=("L", "N")), max_size=30))
def test_escaping_for_ci_runners_does_not_change_plain_text(line: str) -> None:
    assert escape_foreign(line) == line
