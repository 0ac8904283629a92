"""The known releases of a line that count for its moving tag, and the highest of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter

import msgspec

from release.tagging.model import KnownReleases, KnownVersion, Line, of_git_tag
from release.versions.git_tags import version_of
from release.versions.model import Version
from release.versions.semver import Key, image_tag_of, precedence_key
from release.versions.tag_listing import Numbers

# Compares stable versions by their numbers, in C. `precedence_key` would run Python code for each of 20,000 versions.
_STABLE_RANK = attrgetter("version.major", "version.minor", "version.patch", "rebuild")


def highest(line: Line, known: KnownReleases) -> KnownVersion | None:
    """The highest released version of `line`, without yanked versions and pre-releases; None if there is none."""
    return top_of(line, tagged_in(line, known), in_line(line, known), known)


def in_numbers(line: Line, version: Version) -> bool:
    """Whether the version has the major and minor of the line, as far as the line names them."""
    return (line.major is None or line.major == version.major) and (
        line.minor is None or line.minor == version.minor
    )


def covers(line: Line, version: Version) -> bool:
    """Whether the version is one of the line's: a stable version, or a prerelease of the line's channel."""
    if not in_numbers(line, version):
        return False
    return not version.prerelease or (
        line.channel is not None and version.prerelease.split(".", 1)[0] == line.channel
    )


def tagged_in(line: Line, known: KnownReleases) -> Sequence[Numbers]:
    """The version tags of the line that are three numbers: there may be 20,000, and none gets an object."""
    found = [tags.numbers_in(line.major, line.minor) for tags in known.tagged]
    if known.yanked or known.prereleases:
        return [one for some in found for one in some if not is_out(version_of(one), 0, known)]
    return found[0] if len(found) == 1 else [one for some in found for one in some]


def in_line(line: Line, known: KnownReleases) -> list[KnownVersion]:
    """The other releases of the line that count: prereleases and calendar versions of git tags, then `versions`."""
    # Numbers are compared first, which is cheap; `covers` is called for prereleases only. There may be 20,000
    # releases.
    major, minor, channel = line.major, line.minor, line.channel
    others = [of_git_tag(one) for tags in known.tagged for one in tags.others]
    found = [
        one
        for one in (*others, *known.versions)
        if (major is None or one.version.major == major)
        and (minor is None or one.version.minor == minor)
        and (not one.version.prerelease or (channel is not None and covers(line, one.version)))
    ]
    if known.yanked or known.prereleases:
        found = [one for one in found if not is_out(one.version, one.rebuild, known)]
    return found


def _recorded_tops(line: Line, known: KnownReleases) -> list[KnownVersion]:
    """The highest version of the line in each long log."""
    tops = (
        log.highest(line, lambda version, rebuild: is_out(version, rebuild, known)) for log in known.recorded
    )
    return [top for top in tops if top is not None]


def top_of(
    line: Line, tagged: Sequence[Numbers], released: Sequence[KnownVersion], known: KnownReleases
) -> KnownVersion | None:
    """The highest of `tagged`, of `released` and of the long logs; None if there is none.

    `tagged`, `released`: the results of `tagged_in` and `in_line`.
    """
    tops = [of_git_tag(version_of(max(tagged)))] if tagged else []
    rank = _STABLE_RANK if line.channel is None else rank_of
    return max((*tops, *released, *_recorded_tops(line, known)), key=rank, default=None)


def without(known: KnownReleases, names: Collection[str]) -> KnownReleases:
    """`known`, in which the builds with these fixed tags of the default scheme count for no line."""
    return msgspec.structs.replace(known, yanked=(*known.yanked, *names)) if names else known


def is_yanked(version: Version, rebuild: int, known: KnownReleases) -> bool:
    """Whether the version, or this build of it, was taken back."""
    return str(version) in known.yanked or image_tag_of(version, rebuild) in known.yanked


def is_boxed(version: Version, rebuild: int, known: KnownReleases) -> bool:
    """Whether the pre-release box of the version's release is set."""
    return str(version) in known.prereleases or image_tag_of(version, rebuild) in known.prereleases


def is_out(version: Version, rebuild: int, known: KnownReleases) -> bool:
    """Whether a released version counts for no line."""
    return is_yanked(version, rebuild, known) or is_boxed(version, rebuild, known)


def rank_of(known: KnownVersion) -> tuple[Key, int]:
    """A key that sorts releases by precedence, and builds of one version by their number."""
    return precedence_key(known.version), known.rebuild


def count_of(tagged: Sequence[Numbers], released: Sequence[KnownVersion], version: Version) -> int:
    """The number of different versions, `version` included. Git and the registry may both list a version."""
    numbers = set(tagged)
    others = {version, *(one.version for one in released)}
    twice = [
        one
        for one in others
        if (one.major, one.minor, one.patch) in numbers
        and one == version_of((one.major, one.minor, one.patch))
    ]
    return len(numbers) + len(others) - len(twice)
