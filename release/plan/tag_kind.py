"""Guesses from an image tag's name whether it is fixed, or moves along a line of releases. Pure."""

from __future__ import annotations

import re
from typing import Literal

from release.lazy_pattern import pattern
from release.tagging.model import Line
from release.versions.semver import version_of_image_tag

FixedPolicy = Literal["version", "first-wins"]

# Tags of commits and pull requests in the default scheme, with an optional rebuild number: `sha-3f2a9c1b7d40_r1`.
_OF_COMMIT = pattern(r"(?:sha|pr-[0-9]+)-[0-9a-f]{7,64}(?:_r[0-9]+)?", re.ASCII)
_LINE = pattern(r"(0|[1-9][0-9]{0,99})(?:\.(0|[1-9][0-9]{0,99}))?", re.ASCII)


def fixed_policy(name: str) -> FixedPolicy | None:
    """`version` for `1.4.2`, `first-wins` for `sha-3f2a9c1b7d40` and `pr-12-…`; None for tags that may move."""
    if version_of_image_tag(name) is not None:
        return "version"
    return "first-wins" if _OF_COMMIT.fullmatch(name) else None


def release_line(name: str) -> Line | None:
    """The line that `latest`, `1` and `1.4` follow; None for every other name."""
    if name == "latest":
        return Line(kind="release")
    match = _LINE.fullmatch(name)
    if match is None:
        return None
    return Line(kind="release", major=int(match[1]), minor=None if match[2] is None else int(match[2]))
