"""Decides which version is next: by the commits since the last release, a given part, a channel, or the date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

import msgspec

from release.config.component import Component
from release.errors import ConfigError
from release.git.history import History
from release.versions.bump import BumpRules, Part, Reach, Step, step_of
from release.versions.commits import standing_changes
from release.versions.model import Scheme, Version
from release.versions.next_calver import LaterVersionError, UnclearPatternError, next_calver
from release.versions.next_version import FreeVersion, automatic_version, first_free
from release.versions.next_version import next_version as raised_version
from release.versions.prereleases import (
    DEFAULT_CHANNEL,
    LowerPrereleaseError,
    channel_of,
    is_channel,
    next_prerelease,
    require_channel,
)
from release.versions.semver import precedence_key

NextPart = Literal["major", "minor", "patch", "prerelease", "auto"]


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The next version. `reason`: the commits that require the version, if commits decided.

    `passed`: the versions that would have been next, and are taken. `warning`: a text, or empty without a warning.
    """

    version: Version
    passed: tuple[Version, ...] = ()
    reason: str | None = None
    warning: str = ""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `version --next`. `channel`: the channel for a prerelease; None for the channel in progress."""

    part: NextPart
    channel: str | None = None


class GitTags(NamedTuple):
    """`named`: the git tags of a version. `remote`: the clone's remote, which has them too."""

    named: Callable[[Version], Sequence[str]]
    remote: str | None


def next_due(
    component: Component,
    found: History,
    wish: Wish,
    known: Sequence[Version],
    now: int,
    *,
    reach: Callable[[Sequence[str]], Reach] | None = None,
    tags: GitTags | None = None,
) -> Due | None:
    """The next version of a component; None if the wish is `auto` and no commit requires a release.

    `known`: the component's versions, reachable or not. `now`: milliseconds since the epoch. `reach`: how files concern
    the component. `tags`: git tags that hints name. Raises
    `ConfigError` if the wish fits neither the scheme nor the versions that exist.
    """
    section = component.section
    rules = BumpRules(
        types={name.lower(): part for name, part in section.bump.types.items()},
        major_on_zero=section.bump.major_on_zero,
    )
    step = None
    if wish.part in {"auto", "prerelease"}:
        step = step_of(standing_changes(found.commits), rules, reach)
        if step is None and wish.part == "auto":
            return None
    try:
        first = _stable(section.versions, found, wish.part, step, known, now, component)
        free = FreeVersion(first) if section.versions == "calver" else _free(first, wish.part, known)
        version = free.version
        if wish.part != "prerelease":
            reason = None if step is None else step.reason
            return Due(version=version, passed=free.passed, reason=reason)
        channel = _channel(component, found, version, wish.channel)
        version = next_prerelease(version, channel, known)
    except ValueError as error:
        raise ConfigError(
            f"the next version cannot be worked out: {error}",
            hint=_hint_for(error, component, wish, known, now, tags),
        ) from error
    return Due(
        version=version,
        passed=free.passed,
        reason=None if step is None else step.reason,
        warning=_overtaken(version, known),
    )


def _hint_for(
    error: ValueError,
    component: Component,
    wish: Wish,
    known: Sequence[Version],
    now: int,
    tags: GitTags | None,
) -> str:
    section = component.section
    if isinstance(error, LaterVersionError):
        if section.bump.calver:
            with suppress(ValueError):
                made = next_calver(known, now)
                pattern = f"take `bump.calver: {section.bump.calver}` out of shipmark.yml"
                return f"{pattern}: the versions that exist then give {made}"
        return _hint_for_later(error, section.prefix, tags)
    if wish.channel is not None and wish.part == "prerelease" and not is_channel(wish.channel):
        return "a channel begins with a letter, and has letters, digits and `-` only: `--channel rc`"
    if isinstance(error, LowerPrereleaseError):
        return (
            f"`--next auto` ends these prereleases with {error.core}, and those of the next version get a dot "
            "(`rc.1`), behind which numbers are compared as numbers"
        )
    if isinstance(error, UnclearPatternError):
        return f"`bump: {{calver: {error.usual}}}` in shipmark.yml says what the numbers mean"
    return "give the version to `run --version`, or tag it by hand"


def _hint_for_later(error: LaterVersionError, prefix: str, tags: GitTags | None) -> str:
    """What helps against a version that is later than today: a version above it, or that its git tag is deleted."""
    names = [] if tags is None else tags.named(error.version)
    style = "v" if names and names[0].removeprefix(prefix).startswith("v") else ""
    hint = f"release a version above it: `git tag {prefix}{style}{error.above}`"
    if tags is None or not names:
        return hint
    commands = ["git tag -d"] if tags.remote is None else ["git tag -d", f"git push --delete {tags.remote}"]
    deleted = " and ".join(f"`{command} {' '.join(names)}`" for command in commands)
    return (
        f"{hint}; or, if {error.version} is a mistake and was never released, delete its git tag: {deleted}"
    )


def _free(version: Version, part: NextPart, known: Sequence[Version]) -> FreeVersion:
    """`version`, or, if it is taken, the first free version that follows by raising the same part again."""

    def again(taken: Version) -> Version:
        if part == "major" or part == "minor" or part == "patch":  # mypy does not narrow with `in`
            return raised_version(taken, part)
        # The part that the commits raised shows in the version: the last number that is not zero.
        return raised_version(taken, "patch" if taken.patch else "minor" if taken.minor else "major")

    return first_free(version, again, known)


def _stable(
    scheme: Scheme,
    found: History,
    part: NextPart,
    step: Step | None,
    known: Sequence[Version],
    now: int,
    component: Component,
) -> Version:
    """The next stable version, which a prerelease comes before."""
    if scheme == "calver":
        if part in {"major", "minor"}:
            raise ConfigError(
                f"with `versions: calver` the date makes the version, and `--next {part}` has no meaning",
                hint="`--next auto`, `--next patch` and `--next prerelease` take the date",
            )
        return next_calver(known, now, component.section.bump.calver)
    highest = found.highest.version if found.highest else None
    stable = found.stable.version if found.stable else None
    if part == "major" or part == "minor" or part == "patch":  # mypy does not narrow with `in`
        return raised_version(highest, part)
    asked: Part = "patch" if step is None else step.part
    return automatic_version(stable, highest, asked, major_on_zero=component.section.bump.major_on_zero)


def _channel(component: Component, found: History, core: Version, asked: str | None) -> str:
    """The requested channel, else that of the prerelease in progress, else the first channel in the config."""
    if asked is not None:
        require_channel(asked)
        return asked
    highest = found.highest.version if found.highest else None
    same = highest is not None and (highest.major, highest.minor, highest.patch) == (
        core.major,
        core.minor,
        core.patch,
    )
    in_progress = channel_of(highest) if same else None
    return in_progress or next(iter(component.section.channels), DEFAULT_CHANNEL)


def _overtaken(version: Version, known: Sequence[Version]) -> str:
    same = (version.major, version.minor, version.patch)
    others = [one for one in known if (one.major, one.minor, one.patch) == same]
    top = max(others, key=precedence_key, default=None)
    if top is None or precedence_key(top) < precedence_key(version):
        return ""
    return f"{version} sorts below {top}, which exists: SemVer compares the names of channels as text"
