"""Ranges of versions."""

from __future__ import annotations

import pytest

from release.versions.ranges import parse_range
from release.versions.semver import parse


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=1.0 <2.0", "1.0.0 1.9.9 1.5.0-rc.1 1.0.0-rc.1", "0.9.0 2.0.0 2.0.0-rc.1"),
        ("^1.4", "1.4.0 1.9.0", "1.3.9 2.0.0"),
        ("^0.4.2", "0.4.2 0.4.9", "0.4.1 0.5.0"),
        ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
        ("~1.4.2", "1.4.2 1.4.9", "1.4.1 1.5.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("1.x", "1.0.0 1.9.9", "0.9.0 2.0.0"),
        ("*", "0.0.0 9.9.9", ""),
        ("1.4", "1.4.0 1.4.9", "1.3.0 1.5.0"),
        ("1.4.2", "1.4.2", "1.4.1 1.4.3 1.4.2-rc.1"),
        (">1.4", "1.5.0 2.0.0", "1.4.0 1.4.9"),
        (">1.4.2", "1.4.3 1.4.3-rc.1", "1.4.2 1.4.2-rc.1"),
        ("<=1.4", "1.4.9 1.0.0", "1.5.0"),
        ("<=1.5.0-rc.1", "1.5.0-rc.1 1.4.0", "1.5.0-rc.2 1.5.0"),
        ("<1.0 || >= 3", "0.1.0 3.0.0", "1.0.0 2.0.0"),
        (">=1.0, <2.0", "1.0.0 1.9.9", "0.9.0 2.0.0"),
        ("== 1.4", "1.4.0 1.4.9", "1.3.0 1.5.0"),
    ],
)
def test_range_holds_the_versions_that_it_names(text: str, inside: str, outside: str) -> None:
    found = parse_range(text)
    assert found is not None
    assert [one for one in inside.split() if not found.holds(parse(one))] == []
    assert [one for one in outside.split() if found.holds(parse(one))] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1.4.2.3",
        ">",
        "1.4 ||",
        "=>1",
        "1.4-rc.1",
        "^",
        "9" * 600,
        "<1.0.0-01",
        ",",
        "1.04",
        ">=1.0<2",
    ],
)
def test_text_that_is_no_range_is_refused(text: str) -> None:
    assert parse_range(text) is None
