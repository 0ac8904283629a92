"""A version, and the schemes that git tags are read by."""

from __future__ import annotations

from typing import Literal

import msgspec

Scheme = Literal["semver", "calver", "none"]


class Version(msgspec.Struct, frozen=True, kw_only=True, order=False, gc=False):
    """A SemVer 2.0.0 version. `prerelease`: dot-separated identifiers; `build_metadata` has no precedence.

    `text`: as it was written, for the calendar versions that SemVer cannot write (`24.04`); else empty.
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
        """Whether this is not a prerelease."""
        return not self.prerelease
