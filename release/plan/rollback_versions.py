"""The versions that a rollback takes back, and the version to which each moving tag moves. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.errors import RefusedError
from release.tagging.line_releases import highest, in_numbers
from release.tagging.model import KnownReleases, KnownVersion, Line, MovingTag
from release.versions.model import Version
from release.versions.semver import image_tag_of, precedence_key


class TagRestore(msgspec.Struct, frozen=True, kw_only=True):
    """A moving tag, and the version to which the rollback moves it. `named`: the version's fixed tag by rules.

    `passed`: the higher builds that count, such as `1.6.0`, and have no image where the tag is.
    """

    tag: str
    line: Line
    version: Version
    rebuild: int = 0
    named: str = ""
    passed: tuple[str, ...] = ()

    @property
    def fixed(self) -> str:
        """The fixed tag of the version."""
        return self.named or image_tag_of(self.version, self.rebuild)


def above(to: Version, known: KnownReleases, line: Line | None = None) -> tuple[Version, ...]:
    """The released versions above `to` that were not taken back, highest first; with `line` only those of that line.

    Raises `RefusedError` if `to` was never released, or was taken back itself.
    """
    if str(to) in known.yanked:
        raise RefusedError(f"{to} was taken back itself", hint="choose a version that still counts")
    if not any(one.version == to for one in known.listed):
        raise RefusedError(
            f"{to} was never released, as far as git, the log and the registry know",
            hint="`shipmark log list` lists the versions that were released",
        )
    found = {
        str(one.version): one.version
        for one in known.listed
        if precedence_key(one.version) > precedence_key(to)
        and str(one.version) not in known.yanked
        and (line is None or in_numbers(line, one.version))
    }
    return tuple(sorted(found.values(), key=precedence_key, reverse=True))


def rebuilds_above(to: Version, rebuild: int, known: KnownReleases) -> tuple[str, ...]:
    """The fixed tags of the builds of `to` above build `rebuild` that were not taken back, highest first.

    Raises `RefusedError` if build `rebuild` itself was taken back, or does not exist.
    """
    builds = {one.rebuild for one in known.listed if one.version == to}
    name = image_tag_of(to, rebuild)
    if rebuild and name in known.yanked:
        raise RefusedError(f"{name} was taken back itself", hint="choose a build that still counts")
    if rebuild and rebuild not in builds:
        raise RefusedError(
            f"{name} was never released, as far as the log and the registry know",
            hint="`shipmark log list` lists the builds that were released",
        )
    higher = [image_tag_of(to, one) for one in sorted(builds, reverse=True) if one > rebuild]
    return tuple(one for one in higher if one not in known.yanked)


def taken_back(to: Version, known: KnownReleases) -> tuple[Version, ...]:
    """The versions above `to` that were taken back earlier, highest first."""
    found = {
        str(one.version): one.version
        for one in known.listed
        if precedence_key(one.version) > precedence_key(to) and str(one.version) in known.yanked
    }
    return tuple(sorted(found.values(), key=precedence_key, reverse=True))


def aims(tags: Sequence[MovingTag], known: KnownReleases) -> tuple[tuple[TagRestore, ...], tuple[str, ...]]:
    """The version to which each tag moves, narrow tags (`1.4`) first; and the tags whose line has no version left."""
    found, left = [], []
    for tag in sorted({tag.name: tag for tag in tags}.values(), key=_width):
        top = highest(tag.line, known)
        if top is None:
            left.append(tag.name)
        else:
            found.append(TagRestore(tag=tag.name, line=tag.line, version=top.version, rebuild=top.rebuild))
    return tuple(found), tuple(left)


def commit_of(version: Version, known: KnownReleases) -> str | None:
    """The commit from which a version was released, or None if no source says."""
    named: list[KnownVersion] = [one for one in known.listed if one.version == version]
    return next((one.commit for one in named if one.commit is not None), None)


def _width(tag: MovingTag) -> tuple[bool, bool, str]:
    return (tag.line.major is None, tag.line.minor is None, tag.name)
