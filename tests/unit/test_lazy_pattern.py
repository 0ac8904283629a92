"""A pattern that is compiled late matches as a compiled one, and is compiled once, at its first use."""

from __future__ import annotations

import re
from typing import Any

import pytest

from release.lazy_pattern import pattern


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Give the list of what is compiled during the test."""
    found: list[Any] = []
    real = re.compile

    def compile_(*given: Any) -> re.Pattern[Any]:
        found.append(given[0])
        return real(*given)

    monkeypatch.setattr(re, "compile", compile_)
    return found


def test_pattern_is_compiled_at_its_first_use(compiled: list[Any]) -> None:
    digits = pattern(r"[0-9]+", re.ASCII)
    assert (compiled, digits.pattern) == ([], r"[0-9]+")
    assert [text for text in ("17", "x", "18") if digits.fullmatch(text)] == ["17", "18"]
    assert compiled == [r"[0-9]+"]


def test_pattern_has_the_methods_attributes_and_flags_of_a_compiled_one() -> None:
    late, early = pattern(r"(?P<name>a)(b)?", re.IGNORECASE), re.compile(r"(?P<name>a)(b)?", re.IGNORECASE)
    text = "xAbaB"
    assert late.findall(text) == early.findall(text)
    assert late.sub("-", text) == early.sub("-", text)
    assert late.split(text) == early.split(text)
    assert [one.span() for one in late.finditer(text)] == [one.span() for one in early.finditer(text)]
    assert (late.pattern, late.flags, late.groups, late.groupindex) == (
        early.pattern,
        early.flags,
        early.groups,
        early.groupindex,
    )
    assert str(late.search(text, 2, 4)) == str(early.search(text, 2, 4))


def test_pattern_of_bytes_matches_bytes() -> None:
    assert pattern(rb"[0-9a-f]{2}").match(b"0f")


def test_unknown_attribute_is_an_error() -> None:
    late = pattern("a")
    with pytest.raises(AttributeError):
        _ = late.nothing  # type: ignore[attr-defined]
