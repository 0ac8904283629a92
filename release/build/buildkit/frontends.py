"""What a Dockerfile frontend of BuildKit can build, by its version. Pure.

A daemon of version 0.N contains the frontend `docker/dockerfile:1.(N-6)`, which `# syntax=` may replace by another one.
Source: the release notes of the frontend.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build.dockerfile.features.names import Feature
from release.lazy_pattern import pattern

#: Feature -> the first frontend, `1.N`, that has it outside of the channel `labs`.
_SINCE: Mapping[Feature, int] = {
    "run-network": 3,
    "copy-link": 4,
    "heredoc": 4,
    "add-checksum": 6,
    "add-git": 6,
    "add-keep-git-dir": 6,
    "expansion-unset": 6,
    "healthcheck-start-interval": 6,
    "expansion-pattern": 7,
    "mount-secret-env": 10,
    "copy-chmod-symbolic": 14,
    "add-unpack": 17,
    "copy-exclude": 19,
    "copy-parents": 20,
    "run-security": 20,
}
#: The first frontend with named contexts.
_CONTEXTS = 4
#: The first frontend that warns of a base image for another platform (BuildKit's pull request 4924).
_WARNS_OF_BASES = 8
_BEHIND = 6  # BuildKit 0.14 contains `docker/dockerfile:1.8`
_PINNED = pattern(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?:1\.([0-9]{1,4})(?:\.[0-9]+)?(?:@.*)?")
_DAEMON = pattern(r"0\.([0-9]{1,4})\b")


class Frontend(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the frontend. `minor`: 4 of `1.4`; None: not known, taken for the newest. `shown`: for messages."""

    minor: int | None = None
    shown: str = "BuildKit"

    @property
    def lacking(self) -> frozenset[Feature]:
        """The features that newer frontends have."""
        return frozenset(feature for feature, since in _SINCE.items() if not self._has(since))

    @property
    def has_contexts(self) -> bool:
        """Whether it has named contexts."""
        return self._has(_CONTEXTS)

    @property
    def warns_of_bases(self) -> bool:
        """Whether it warns of a base image for another platform than that of the build."""
        return self._has(_WARNS_OF_BASES)

    def _has(self, since: int) -> bool:
        return self.minor is None or self.minor >= since


def frontend_of(syntax: str | None, daemon: str | None) -> Frontend:
    """The frontend that reads the Dockerfile. `syntax`: of its first line; `daemon`: the version of BuildKit.

    A tag without a second number, such as `1`, is the newest version. The channel `labs` has features before others.
    """
    if syntax is not None:
        match = _PINNED.fullmatch(syntax)
        return Frontend(minor=int(match[1]), shown=f"`# syntax={syntax}`") if match else Frontend()
    match = _DAEMON.match(daemon or "")
    # A program that was built without a version says `0.0.0+unknown`.
    if match is None or int(match[1]) == 0:
        return Frontend()
    return Frontend(minor=int(match[1]) - _BEHIND, shown=f"BuildKit 0.{match[1]}")
