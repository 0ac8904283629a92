"""Reads version tags from a listing of git tags, see `tag_listing`.

A repository may have 20,000 tags, and commands need little more than their versions. So one regular expression reads
all versions in one pass, and those of three numbers stay tuples, which are compared and counted without an object for
each; the name and commit of a single tag are searched in the listing when they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from operator import attrgetter

import msgspec

from release.lazy_pattern import pattern
from release.versions.model import Scheme, Version
from release.versions.semver import Key, parse_tag_name, precedence_key
from release.versions.tag_listing import Numbers, commit_named, commits_of, numbers_and_names, tags_at

# Moving git tags such as `v1`. `v1.4` may be one, too, or a release that the scheme does not read.
_FLOATING = pattern(r"v?([0-9]+)(?:\.([0-9]+))?", re.ASCII)
# Odd tags that the warning names: enough to recognise their form, and the warning stays on one line.
_ODD_EXAMPLES = 3
_ODD_LENGTH = 100  # characters of one example, since a ref name may have hundreds
# Compares stable versions in C: `precedence_key` would run Python code for each of 20,000 tags.
_NUMBERS = attrgetter("major", "minor", "patch")


class VersionTag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A git tag that names a version.

    `git_tag`: the tag's name without `refs/tags/`; `commit`: the object that the tag peels to.
    """

    git_tag: str
    version: Version
    commit: str


class VersionTags:
    """The version tags with one prefix; immutable.

    `numbers`: the versions of tags with three numbers and nothing else. `others`: those of the other version tags. Both
    are unsorted, one for each tag. `odd`: the tags with the prefix that do not name a version.
    """

    def __init__(
        self,
        listing: bytes,
        prefix: str,
        scheme: Scheme,
        numbers: Sequence[Numbers] = (),
        others: Sequence[Version] = (),
        odd: Sequence[str] = (),
        *,
        keep: Callable[[Version], bool] | None = None,
    ) -> None:
        self._listing = listing
        self._prefix = prefix
        self._scheme = scheme
        self._keep = keep
        self._of_major: dict[int, list[Numbers]] = {}
        self.numbers = numbers
        self.others = others
        self.odd = tuple(odd)

    def __bool__(self) -> bool:
        """Whether there is a version tag."""
        return bool(self.numbers or self.others)

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """The version of each tag, unsorted. Makes an object for each, which takes time."""
        return (*map(version_of, self.numbers), *self.others)

    def numbers_in(self, major: int | None, minor: int | None) -> Sequence[Numbers]:
        """Those of `numbers` with this major and minor number. None: any."""
        if major is None:
            return self.numbers
        if major not in self._of_major:
            self._of_major[major] = [one for one in self.numbers if one[0] == major]
        found = self._of_major[major]
        return found if minor is None else [one for one in found if one[1] == minor]

    @property
    def odd_count(self) -> int:
        """The number of odd tags."""
        return len(self.odd)

    @property
    def odd_examples(self) -> tuple[str, ...]:
        """The first odd tags, for messages."""
        return examples_of(self.odd)

    @cached_property
    def tags(self) -> tuple[VersionTag, ...]:
        """Every version tag with its commit, in git's order. Parses the names of all tags, which takes time."""
        found = []
        for raw, commit in commits_of(self._listing).items():
            name = raw.decode("utf-8", "backslashreplace")
            version = self._version_in(name)
            if version is not None:
                found.append(
                    VersionTag(
                        git_tag=name, version=version, commit=commit.decode("ascii", "backslashreplace")
                    )
                )
        return tuple(found)

    @cached_property
    def highest_stable(self) -> Version | None:
        """The highest version that is not a prerelease; None without one."""
        stable = [one for one in self.others if not one.prerelease]
        tops = [version_of(max(self.numbers))] if self.numbers else []
        tops += [max(stable, key=_NUMBERS)] if stable else []
        return max(tops, key=_NUMBERS, default=None)

    @cached_property
    def highest(self) -> VersionTag | None:
        """The version tag of highest precedence, prereleases included; None without version tags."""
        others = [one for one in self.others if one.prerelease]
        tops = [] if self.highest_stable is None else [self.highest_stable]
        tops += [max(others, key=precedence_key)] if others else []
        return self.of(max(tops, key=precedence_key))[0] if tops else None

    def at(self, commit: str) -> tuple[VersionTag, ...]:
        """The version tags at `commit`, highest precedence first."""
        # Not `named`, which searches the whole listing: a commit may have 100,000 tags.
        versions = ((name, self._version_in(name)) for name in tags_at(self._listing, commit))
        found = [VersionTag(git_tag=name, version=one, commit=commit) for name, one in versions if one]
        return tuple(sorted(found, key=_tag_key, reverse=True))

    def tops_above(self, commit: str) -> tuple[VersionTag, ...]:
        """The highest stable version of all, and of each line of the version at `commit`; above it prereleases, too.

        Those that are not above the version at `commit` are left out, as are all if `commit` has no version tag.
        """
        own = next(iter(self.at(commit)), None)
        if own is None:
            return ()
        tops: list[Version] = []
        major, minor = own.version.major, own.version.minor
        for line in ((None, None), (major, None), (major, minor)):
            numbers = self.numbers_in(*line)
            tops += [version_of(max(numbers))] if numbers else []
            others = [
                one for one in self.others if line[0] in (None, one.major) and line[1] in (None, one.minor)
            ]
            tops += [max(some, key=precedence_key) for some in _by_stability(others) if some]
        key = precedence_key(own.version)
        above = {one: None for one in tops if precedence_key(one) > key}
        return tuple(tag for version in above for tag in self.of(version))

    def named(self, git_tag: str) -> VersionTag | None:
        """The version tag called `git_tag`; None if there is none."""
        version = self._version_in(git_tag)
        commit = None if version is None else commit_named(self._listing, git_tag)
        if version is None or commit is None:
            return None
        return VersionTag(git_tag=git_tag, version=version, commit=commit)

    def _version_in(self, git_tag: str) -> Version | None:
        version = parse_tag_name(git_tag, self._prefix, self._scheme)
        return version if version is None or self._keep is None or self._keep(version) else None

    def of(self, version: Version) -> tuple[VersionTag, ...]:
        """The tags of exactly `version`, with and without `v`: `v1.4.2`, `1.4.2`; in `semver-loose` also `v1.4`."""
        if self._scheme == "semver-loose":
            return tuple(tag for tag in self.tags if tag.version == version)
        names = (f"{self._prefix}v{version}", f"{self._prefix}{version}")
        return tuple(tag for name in names if (tag := self.named(name)) is not None)

    def where(self, keep: Callable[[Version], bool]) -> VersionTags:
        """The version tags for whose version `keep` is true."""
        before = self._keep

        def both(version: Version) -> bool:
            return (before is None or before(version)) and keep(version)

        kept = [version for version in self.versions if keep(version)]
        return VersionTags(self._listing, self._prefix, self._scheme, others=kept, keep=both)


def _by_stability(versions: Iterable[Version]) -> tuple[list[Version], list[Version]]:
    """The stable versions, and the prereleases."""
    stable: list[Version] = []
    others: list[Version] = []
    for one in versions:
        (others if one.prerelease else stable).append(one)
    return stable, others


def version_of(numbers: Numbers) -> Version:
    """The version of three numbers."""
    return Version(major=numbers[0], minor=numbers[1], patch=numbers[2])


# A command reads the same listing for several checks. Each result keeps thousands of versions in memory: keep few.
@lru_cache(maxsize=8)
def versions_in(listing: bytes, prefix: str = "", scheme: Scheme = "semver") -> VersionTags:
    """The version tags in `listing` that start with `prefix`. The scheme `none` has neither versions nor odd tags.

    Tags with a slash after the prefix (of another component) are not odd; nor are, in SemVer, moving tags: `v1`, and
    `v1.4` if there is a version 1.4.x.
    """
    if scheme == "none":
        return VersionTags(listing, prefix, scheme)
    # Most tags are three numbers, which the listing gives parsed; only other names are parsed below.
    numbers, names = numbers_and_names(listing, prefix, numbers=scheme != "calver")
    if not names:
        return VersionTags(listing, prefix, scheme, numbers)
    others: list[Version] = []
    odd: list[str] = []
    moving: list[str] = []
    is_floating = _FLOATING.fullmatch
    # There may be thousands of nightly tags. A SemVer version has two dots or more, so other names are not parsed.
    dots = {"calver": 0, "semver-loose": 1}.get(scheme, 2)
    for name in names:
        version = parse_tag_name(name, scheme=scheme) if name.count(".") >= dots else None
        if version is not None:
            others.append(version)
        elif scheme == "calver" or not is_floating(name):
            odd.append(prefix + name)
        else:
            moving.append(name)
    odd += [prefix + name for name in _without_line(moving, numbers, others)]
    return VersionTags(listing, prefix, scheme, numbers, others, odd)


def _without_line(names: Sequence[str], numbers: Sequence[Numbers], others: Sequence[Version]) -> list[str]:
    """The names such as `v1.4` for which there is no version 1.4.x: they are not moving tags of a line."""
    if not names:
        return []
    lines = {(major, minor) for major, minor, _ in numbers} | {(one.major, one.minor) for one in others}
    found = [(name, _FLOATING.fullmatch(name)) for name in names]
    lines_of = {(str(major), str(minor)) for major, minor in lines}
    return [name for name, match in found if match and match[2] and match.groups() not in lines_of]


def examples_of(names: Sequence[str]) -> tuple[str, ...]:
    """The first of `names`, shortened, for messages."""
    return tuple(name[:_ODD_LENGTH] for name in names[:_ODD_EXAMPLES])


def highest_tag(tags: Iterable[VersionTag]) -> VersionTag | None:
    """The tag of highest precedence; the first of several with equal precedence."""
    return max(tags, key=_tag_key, default=None)


def _tag_key(tag: VersionTag) -> Key:
    return precedence_key(tag.version)
