"""Computes the next prerelease of a channel: `1.5.0-rc.2` after `1.5.0-rc.1`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from release.lazy_pattern import pattern
from release.versions.model import Version
from release.versions.semver import parse_as, precedence_key

_CHANNEL = pattern(r"[A-Za-z][0-9A-Za-z-]*", re.ASCII)
_NUMBERED = pattern(
    r"(?P<channel>[A-Za-z](?:[0-9A-Za-z-]*[A-Za-z-])?)(?P<dot>\.?)(?P<number>[0-9]{1,9})", re.ASCII
)
DEFAULT_CHANNEL = "rc"


class LowerPrereleaseError(ValueError):
    """The next prerelease of a channel would sort below one that exists. `core`: their stable version."""

    def __init__(self, made: Version, last: Version, core: Version) -> None:
        super().__init__(f"{made} would sort below {last}, which exists")
        self.core = core


def is_channel(text: str) -> bool:
    """Whether `text` is one identifier of SemVer that begins with a letter."""
    return _CHANNEL.fullmatch(text) is not None


def require_channel(channel: str) -> None:
    """Raise `ValueError` unless the channel is one identifier of SemVer that begins with a letter."""
    if not is_channel(channel):
        raise ValueError(f"`{channel}` is not the name of a channel, such as `rc`")


def channel_of(version: Version | None) -> str | None:
    """The channel of a prerelease: `rc` of `1.5.0-rc.1` and of `1.5.0-rc1`; None of a stable version."""
    if version is None or version.is_stable:
        return None
    found = _NUMBERED.fullmatch(version.prerelease)
    first = found["channel"] if found is not None else version.prerelease.split(".")[0]
    return first if _CHANNEL.fullmatch(first) else None


def is_same_prerelease(one: Version, other: Version) -> bool:
    """Whether both are prereleases of one channel for one stable version: `1.5.0-rc.1`, `1.5.0-rc.2`."""
    channel = channel_of(one)
    same = (one.major, one.minor, one.patch) == (other.major, other.minor, other.patch)
    return same and channel is not None and channel == channel_of(other)


def next_prerelease(core: Version, channel: str, known: Iterable[Version]) -> Version:
    """The next prerelease of the stable version `core`: one number more than the highest of the channel, or 1.

    `known`: all versions of the component. `rc1` is continued as `rc2`. Raises `LowerPrereleaseError` where that would
    sort below its predecessor, as `rc10` does below `rc9`.
    """
    dot, number, last = ".", 0, None
    for one in known:
        if not one.prerelease or (one.major, one.minor, one.patch) != (core.major, core.minor, core.patch):
            continue
        found = _NUMBERED.fullmatch(one.prerelease)
        if one.prerelease == channel:
            last = last or one
        elif found is not None and found["channel"] == channel and int(found["number"]) > number:
            dot, number, last = found["dot"], int(found["number"]), one
    # `2024.10.3-rc2` can be read as SemVer, too, and would not compare with calendar versions then.
    made = parse_as(f"{core}-{channel}{dot}{number + 1}", "calver" if core.text else "semver")
    if last is not None and precedence_key(made) <= precedence_key(last):
        raise LowerPrereleaseError(made, last, core)
    return made
