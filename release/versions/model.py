"""The type of a version, and the schemes by which tags are parsed as versions."""

from __future__ import annotations

from typing import Literal

import msgspec

Scheme = Literal["semver", "semver-loose", "calver", "none"]


class Version(msgspec.Struct, frozen=True, kw_only=True, order=False, gc=False):
    """A SemVer 2.0.0 or calendar version. `prerelease`: dot-separated; `build_metadata` has no precedence.

    `text`: a calendar version as it was written (`24.04`), since the numbers lose its zeros; empty for SemVer.
    """

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build_metadata: str = ""
    text: str = ""

    def __str__(self) -> str:
        if self.text:
            return self.text
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += f"-{self.prerelease}"
        return f"{text}+{self.build_metadata}" if self.build_metadata else text

    @property
    def is_stable(self) -> bool:
        """Whether the version is not a prerelease."""
        return not self.prerelease
