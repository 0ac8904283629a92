"""Computes the next version by raising one part of the last, and finds the first that is free. Pure.

Source: SemVer 2.0.0, 4 to 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import semver

from release.versions.bump import Part
from release.versions.model import Version
from release.versions.semver import parse, precedence_key


def next_version(base: Version | None, part: Part) -> Version:
    """`base` with `part` raised. A prerelease whose `part` is raised already gives its release.

    For example, `1.5.0-rc.1` and `minor` give `1.5.0`. Without a base the first version is `0.1.0`, or `1.0.0` for
    `major`.
    """
    if base is None:
        return Version(major=1, minor=0, patch=0) if part == "major" else Version(major=0, minor=1, patch=0)
    return parse(str(semver.Version.parse(str(base)).next_version(part)))


def automatic_version(
    stable: Version | None, highest: Version | None, part: Part, *, major_on_zero: bool = False
) -> Version:
    """The next version after `stable` (the highest stable release in HEAD's history), for commits that raise `part`.

    While the major version is 0, a breaking change raises the minor part, unless `major_on_zero`. `highest`: as
    `stable`, but prereleases included: after `1.5.0-rc.1` the next version is at least `1.5.0`.
    """
    if part == "major" and (stable is None or stable.major == 0) and not major_on_zero:
        part = "minor"
    version = next_version(stable, part)
    if highest is None or precedence_key(highest) < precedence_key(version):
        return version
    return Version(major=highest.major, minor=highest.minor, patch=highest.patch)


class FreeVersion(NamedTuple):
    """A version that nothing names. `passed`: the versions before it that are taken, in order."""

    version: Version
    passed: tuple[Version, ...] = ()


def first_free(
    version: Version, again: Callable[[Version], Version], taken: Iterable[Version]
) -> FreeVersion:
    """`version`, or the first free one that `again` leads to. `again`: gives a version of higher precedence.

    Versions that differ only in build metadata count as one.
    """
    keys = {precedence_key(one) for one in taken}
    passed: list[Version] = []
    while precedence_key(version) in keys:
        passed.append(version)
        version = again(version)
    return FreeVersion(version, tuple(passed))
