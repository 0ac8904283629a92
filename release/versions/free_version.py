"""Finds the next version that is free: no git tag, log entry or image names it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from release.versions.model import Version
from release.versions.semver import precedence_key


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
