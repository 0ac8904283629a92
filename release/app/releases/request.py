"""What the command line asks of a release beyond the configuration."""

from __future__ import annotations

from typing import Any

import msgspec

from release.versions.model import Version


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks of this release beyond the configuration."""

    version: Version | None = None
    rebuild_of: str | None = None  # "": what is checked out
    rebuild: int = 0  # n of `_rn`, once it is known which
    reason: str | None = None
    allow_backward: bool = False
    offline: bool = False

    @property
    def request(self) -> dict[str, Any]:
        """As the plan and the `planned` record say it; empty when nothing special was asked."""
        asked: dict[str, Any] = {}
        if self.version is not None:
            asked["version"] = str(self.version)
        if self.rebuild_of is not None:
            asked["rebuild_of"] = self.rebuild_of
        if self.rebuild:
            asked["rebuild"] = self.rebuild
        if self.allow_backward:
            asked["allow_backward"] = True
        if self.reason:
            asked["reason"] = self.reason
        return asked
