"""Globs of branch names, compared with equivalent regular expressions, and with hostile patterns."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.tagging.rules.globs import globbed


def plain(pattern: str, name: str) -> bool:
    parts = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = "".join(parts.get(piece, re.escape(piece)) for piece in re.split(r"(\*\*|\*|\?)", pattern))
    return re.fullmatch(text, name, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("release/*", "release/1.4", True),
        ("release/*", "release/1/4", False),
        ("release/**", "release/1/4", True),
        ("*", "", True),
        ("", "", True),
        ("?", "/", False),
        ("main", "main", True),
        ("main", "mainz", False),
        ("a.b", "axb", False),
        ("[a]", "a", False),
        ("\N{GRINNING FACE}*", "\N{GRINNING FACE}x", True),
    ],
)
def test_a_branch_glob_is_matched_with_the_whole_branch_name(pattern: str, name: str, fits: bool) -> None:
    assert globbed(pattern, name) is fits


@given(st.text(alphabet="ab*?/", max_size=8), st.text(alphabet="ab/", max_size=8))
def test_branch_glob_matches_as_the_equivalent_regular_expression(pattern: str, name: str) -> None:
    assert globbed(pattern, name) is plain(pattern, name)


@pytest.mark.parametrize("pattern", ["**a" * 300 + "b", "*a" * 300 + "b", "*?" * 300 + "b", "*" * 1000 + "b"])
def test_hostile_branch_glob_is_matched_within_one_second(pattern: str) -> None:
    started = time.process_time()
    assert not globbed(pattern, "a" * 500)
    assert time.process_time() - started < 1
