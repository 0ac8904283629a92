"""Computes the next version by raising one part of the last: a part given, or found in commit messages.

Source: SemVer 2.0.0, 4 to 8; Conventional Commits 1.0.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec
import semver

from release.versions.model import Version
from release.versions.semver import parse, precedence_key

Part = Literal["major", "minor", "patch"]
# Sorted from the smallest change to the largest: the greatest index among several commits gives the next version.
_ORDER: tuple[Part, ...] = ("patch", "minor", "major")
_HEADER = re.compile(r"(?P<type>[A-Za-z]+)(?:\([^()\r\n]*\))?(?P<breaking>!)?: \S", re.ASCII)
_BREAKING = re.compile(r"^BREAKING[ -]CHANGE: \S", re.MULTILINE)
# `feat` and `fix`: Conventional Commits 1.0.0. `perf` and `revert` change behaviour too, so they are released as
# patches. Other types (`docs`, `chore`) are not released.
_PARTS: dict[str, Part] = {
    "feat": "minor",
    "feature": "minor",
    "fix": "patch",
    "perf": "patch",
    "revert": "patch",
}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the version that a commit message raises. `part`: None if the message needs no release."""

    part: Part | None
    breaking: bool = False


def change_of(message: str) -> Change:
    """Parse a Conventional Commits message; any other message raises no part."""
    match = _HEADER.match(message)
    if match is None:
        return Change(part=None)
    if match["breaking"] or _BREAKING.search(message):
        return Change(part="major", breaking=True)
    return Change(part=_PARTS.get(match["type"].lower()))


def part_of(messages: Iterable[str]) -> Part | None:
    """The most significant part that the messages raise; None if no message needs a release."""
    asked = [change.part for change in map(change_of, messages) if change.part is not None]
    return max(asked, key=_ORDER.index, default=None)


def next_version(base: Version | None, part: Part) -> Version:
    """`base` with `part` raised. A prerelease whose `part` is raised already gives its release.

    So `1.5.0-rc.1` and `minor` give `1.5.0`. Without a base the first version is `0.1.0`, or `1.0.0` for `major`.
    """
    if base is None:
        return Version(major=1, minor=0, patch=0) if part == "major" else Version(major=0, minor=1, patch=0)
    return parse(str(semver.Version.parse(str(base)).next_version(part)))


def automatic_version(
    stable: Version | None, highest: Version | None, messages: Iterable[str]
) -> Version | None:
    """The next version from the commits since `stable`, the highest stable release in HEAD's history.

    While the major version is 0, a breaking change raises the minor part. `highest`: as `stable`, but prereleases
    included: after `1.5.0-rc.1` the next version is at least `1.5.0`. None if no message needs a release.
    """
    part = part_of(messages)
    if part is None:
        return None
    if part == "major" and (stable is None or stable.major == 0):
        part = "minor"
    version = next_version(stable, part)
    if highest is None or precedence_key(highest) < precedence_key(version):
        return version
    return Version(major=highest.major, minor=highest.minor, patch=highest.patch)
