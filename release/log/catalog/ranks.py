"""Text that sorts as versions do, so that a database finds the highest version of a line. Pure.

Databases compare it byte by byte. A number is written after the count of its digits (`10` is `00210`, which sorts above
`9`, `0019`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from release.lazy_pattern import pattern
from release.versions.calver import last_numbers
from release.versions.model import Scheme, Version
from release.versions.semver import version_of_name

#: The characters after which no other character of a rank sorts.
LAST = "\x7f"


class Rank(NamedTuple):
    """Where a version stands. `channel`: the first identifier of its prerelease (`rc`); `""` for a stable version."""

    channel: str
    text: str


def rank_of(name: str) -> Rank | None:
    """The rank of a version or of one of its builds (`1.4.2_r1`); None for text that is not a version in any scheme."""
    if match := _PLAIN.fullmatch(name):
        major, minor, patch, rebuild = match.groups("0")
        # The fourth number of a stable version is 0. One expression: a long log has one rank for each release.
        return Rank(
            "",
            f"00{len(major)}{major}00{len(minor)}{minor}00{len(patch)}{patch}0010~00{len(rebuild)}{rebuild}",
        )
    for scheme in _SCHEMES:
        read = version_of_name(name, scheme)
        if read is not None:
            version, number = read
            return Rank(version.prerelease.split(".", 1)[0], _text(version) + _number(number))
    return None


# Most versions: a million entries are indexed in a second less than if each of them were parsed by `versions.semver`.
_PLAIN = pattern(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:_r([1-9]\d{0,8}))?", re.ASCII)
_SCHEMES: tuple[Scheme, ...] = ("semver", "calver")


def line_start(major: int | None, minor: int | None) -> str:
    """How the ranks of a line's versions begin."""
    if major is None:
        return ""
    return _number(major) + (_number(minor) if minor is not None else "")


def version_start(version: Version) -> str:
    """How the ranks of all builds of a version begin; build metadata does not count."""
    return _text(version)


def _text(version: Version) -> str:
    # Written apart, the last two of four numbers sort among versions of three numbers, which both schemes read.
    third, fourth = last_numbers(version)
    core = "".join(_number(one) for one in (version.major, version.minor, third, fourth))
    # `~` sorts above all identifiers, `!` below: a prerelease is lower than its version, `rc` lower than `rc.1`.
    return core + (f"{_prerelease(version.prerelease)}!" if version.prerelease else "~")


def _prerelease(text: str) -> str:
    # SemVer 2.0.0, 11.4: numbers are lower than words; `#` sorts below `$`, and both below the characters of a word.
    parts = text.split(".")
    return "".join(f"#{_number(int(part))}" if part.isdecimal() else f"${part}" for part in parts)


def _number(number: int) -> str:
    return _digits(str(number))


def _digits(digits: str) -> str:
    return f"{len(digits):03}{digits}"
