"""Telling fixed and moving tags apart by their names."""

from __future__ import annotations

import pytest

from release.plan.tag_kind import fixed_policy, release_line
from release.tagging.model import Line


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("1.4.2", "version"),
        ("1.5.0-rc.1", "version"),
        ("1.4.2_build.7", "version"),
        ("1.4.2_r1", "version"),
        ("sha-3f2a9c1b7d40", "first-wins"),
        ("sha-3f2a9c1b7d40_r2", "first-wins"),
        ("pr-12-3f2a9c1b7d40", "first-wins"),
        ("pr-12", None),
        ("latest", None),
        ("1.4", None),
        ("1", None),
        ("main", None),
        ("sha-main", None),
        ("v1.4.2", None),
    ],
)
def test_only_tags_of_versions_and_commits_are_fixed(name: str, policy: str | None) -> None:
    assert fixed_policy(name) == policy


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("latest", Line(kind="release")),
        ("1", Line(kind="release", major=1)),
        ("0", Line(kind="release", major=0)),
        ("1.4", Line(kind="release", major=1, minor=4)),
        ("1.4.2", None),
        ("01", None),
        ("main", None),
        ("1.", None),
        ("", None),
    ],
)
def test_release_line_of_a_tag_is_latest_or_major_or_major_and_minor(name: str, line: Line | None) -> None:
    assert release_line(name) == line
