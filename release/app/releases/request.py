"""The request of `run` and `preview`, which holds their command-line options."""

from __future__ import annotations

from typing import Any

import msgspec

from release.errors import ConfigError
from release.versions.model import Version
from release.versions.semver import parse_either


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for a release, or for its preview.

    `version`: release this version, which has no git tag; needs `reason`. `release`: release this git tag, which is at
    HEAD, although the run is for a branch. `rebuild_of`: build this released version again, `""` for the version at
    HEAD; `rebuild`: the number of the rebuild, filled in by the use case. `offline`: a preview that opens no
    connection. `wait`: first wait for other runs that release the same images. `plan`: the bytes of a plan file; the
    run is refused if anything changed since the plan was made. `component`: None for all of the workspace's components.
    `places`: where another tool or runner left the image (`--from`). `as_commit`: release that image although its
    labels do not name this commit; needs `reason`.
    """

    version: Version | None = None
    release: str | None = None
    rebuild_of: str | None = None
    rebuild: int = 0
    reason: str | None = None
    allow_backward: bool = False
    offline: bool = False
    wait: bool = False
    plan: bytes | None = None
    plan_name: str = "plan"
    component: str | None = None
    places: tuple[str, ...] = ()
    as_commit: bool = False

    @property
    def asks_anything(self) -> bool:
        """Whether an option is given whose value a plan file also contains."""
        return bool(
            self.version is not None
            or self.release is not None
            or self.rebuild_of is not None
            or self.reason is not None
            or self.allow_backward
            or self.places
            or self.as_commit
        )

    @property
    def request(self) -> dict[str, Any]:
        """The options as plans and `planned` records hold them; empty if none is given."""
        asked: dict[str, Any] = {}
        if self.version is not None:
            asked["version"] = str(self.version)
        if self.release is not None:
            asked["release_tag"] = self.release  # `release` is the release key in a record
        if self.rebuild_of is not None:
            asked["rebuild_of"] = self.rebuild_of
        if self.rebuild:
            asked["rebuild"] = self.rebuild
        if self.allow_backward:
            asked["allow_backward"] = True
        if self.places:
            asked["from"] = list(self.places)
        if self.as_commit:
            asked["as_commit"] = True
        if self.reason:
            asked["reason"] = self.reason
        return asked

    def require_whole(self) -> None:
        """Raise `ConfigError` for contradicting options, `--as-commit` without `--from`, or a missing reason."""
        if self.as_commit and not self.places:
            raise ConfigError(
                "`--as-commit` is about the image of `--from`, and there is none",
                hint="add `--from PLACE`, or leave `--as-commit` out",
            )
        if self.release is not None and self.version is not None:
            raise ConfigError(
                "`--release` and `--version` are both given",
                hint="`--release TAG` releases a git tag, `--version X.Y.Z` a version without one",
            )
        self.require_reason()

    @property
    def asked_tag(self) -> str | None:
        """The git tag that `--release` names; `""`, any version tag at HEAD, for a rebuild; else None."""
        return self.release or (None if self.rebuild_of is None else "")

    def require_reason(self) -> None:
        """Raise `ConfigError` if `--version`, `--allow-backward` or `--as-commit` is given without a reason."""
        for asked, option in (
            (self.version is not None, "--version"),
            (self.allow_backward, "--allow-backward"),
            (self.as_commit, "--as-commit"),
        ):
            if asked:
                require_said(self.reason, f"`{option}`")


def require_said(reason: str | None, what: str) -> None:
    """Raise `ConfigError` unless the reason of `what` has more than blanks."""
    if not (reason or "").strip():
        raise ConfigError(f"{what} needs a reason, which is recorded", hint='add `--reason "..."`')


def version_of(text: str | None) -> Version | None:
    """The version that `--version` names. Raises `ConfigError`."""
    try:
        return None if text is None else parse_either(text.removeprefix("v"))
    except ValueError as error:
        raise ConfigError(
            f"`--version {text}` is not a version: {error}", hint="write it as 1.4.2"
        ) from error
