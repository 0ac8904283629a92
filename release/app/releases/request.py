"""What is asked of a release beyond the configuration."""

from __future__ import annotations

from typing import Any

import msgspec

from release.errors import ConfigError
from release.versions.model import Version
from release.versions.semver import parse_either


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for a release, or for its preview.

    `version`: release this version, which has no git tag; with a reason. `rebuild_of`: build this released version
    anew, `""` for what is checked out; `rebuild`: as which `_rn`, filled in by the use case. `offline`: a preview that
    opens no connection. `wait`: first wait for other runs of the same images. `plan`: the bytes of a plan file; the
    run is refused unless the world is as it says. `component`: None for all of the workspace's.
    """

    version: Version | None = None
    rebuild_of: str | None = None
    rebuild: int = 0
    reason: str | None = None
    allow_backward: bool = False
    offline: bool = False
    wait: bool = False
    plan: bytes | None = None
    plan_name: str = "plan"
    component: str | None = None

    @property
    def asks_anything(self) -> bool:
        """Whether anything was asked that a plan file would say otherwise."""
        return bool(
            self.version is not None
            or self.rebuild_of is not None
            or self.reason is not None
            or self.allow_backward
        )

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

    def require_reason(self) -> None:
        """Raise `ConfigError` where something needs a reason and has none."""
        for asked, option in (
            (self.version is not None, "--version"),
            (self.allow_backward, "--allow-backward"),
        ):
            if asked and not self.reason:
                raise ConfigError(
                    f"`{option}` needs a reason, which is recorded", hint='add `--reason "..."`'
                )


def version_of(text: str | None) -> Version | None:
    """The version that `--version` names. Raises `ConfigError`."""
    try:
        return None if text is None else parse_either(text.removeprefix("v"))
    except ValueError as error:
        raise ConfigError(
            f"`--version {text}` is not a version: {error}", hint="write it as 1.4.2"
        ) from error
