"""Versions: reading them from text and from git's list of tags, comparing them, and writing them as image tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from release.tagging.calver import after, parse_calver
from release.tagging.model import Scheme, Version

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = (
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_VERSION = re.compile(_SEMVER, re.ASCII)
_REBUILT = re.compile(r"_r([1-9][0-9]*)", re.ASCII)
_FLOATING = re.compile(r"v?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_LONGEST = 255  # characters; longer text is no version (and Python refuses to convert endless digits)
_ODD_EXAMPLES = 3

Key = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


class VersionTag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A git tag that is a version. `git_tag`: without `refs/tags/`; `commit`: what it peels to."""

    git_tag: str
    version: Version
    commit: str


class VersionTags(msgspec.Struct, frozen=True, kw_only=True):
    """The version tags of one prefix, in git's order. `odd_count`: how many tags of the prefix are no version."""

    tags: tuple[VersionTag, ...] = ()
    odd_count: int = 0
    odd_examples: tuple[str, ...] = ()

    def at(self, commit: str) -> tuple[VersionTag, ...]:
        """Those that name `commit`, highest precedence first."""
        return tuple(sorted((tag for tag in self.tags if tag.commit == commit), key=_tag_key, reverse=True))

    def named(self, git_tag: str) -> VersionTag | None:
        """The version tag of this name."""
        return next((tag for tag in self.tags if tag.git_tag == git_tag), None)

    @property
    def highest(self) -> VersionTag | None:
        """The one of highest precedence, prereleases included."""
        return highest_tag(self.tags)


def parse(text: str) -> Version:
    """The version that `text` is as a whole (no `v`, no blanks). Raises `ValueError`. Source: SemVer 2.0.0, 2 to 10."""
    match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f"`{text[:_LONGEST]}` is no SemVer version")
    return _version(match.groups(default=""))


def parse_as(text: str, scheme: Scheme) -> Version:
    """The version that `text` is in `scheme`. Raises `ValueError`, always for `none`."""
    if scheme == "none":
        raise ValueError("there are no versions here")
    return parse(text) if scheme == "semver" else parse_calver(text)


def parse_tag_name(name: str, prefix: str = "", scheme: Scheme = "semver") -> Version | None:
    """The version in a git tag's name, `prefix` and an optional `v` before it; None when the name is no version."""
    if not name.startswith(prefix):
        return None
    try:
        return parse_as(name[len(prefix) :].removeprefix("v"), scheme)
    except ValueError:
        return None


def precedence_key(version: Version) -> Key:
    """A key that sorts by precedence; build metadata does not count. Source: SemVer 2.0.0, 11."""
    if not version.prerelease:
        return (version.major, version.minor, version.patch, 1, ())
    return (version.major, version.minor, version.patch, 0, _identifiers(version.prerelease))


@lru_cache(maxsize=1024)
def _identifiers(prerelease: str) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in prerelease.split("."))


def highest_tag(tags: Iterable[VersionTag]) -> VersionTag | None:
    """The tag of highest precedence, the first of equals."""
    return max(tags, key=_tag_key, default=None)


@lru_cache(maxsize=8)
def versions_in(listing: bytes, prefix: str = "", scheme: Scheme = "semver") -> VersionTags:
    """The version tags in the output of `git show-ref -d` (`<object> refs/tags/<name>`, `…^{}` when peeled).

    Twenty thousand tags are usual, so this is one pass of one pattern over the bytes. A tag whose name goes on
    with a slash after the prefix belongs to something else, and a bare `v1` or `v1.4` is somebody's moving tag:
    neither is odd. With `none` nothing is a version, and nothing odd.
    """
    if scheme == "none":
        return VersionTags()
    if scheme == "calver":
        return _calendar_versions_in(listing, prefix)
    rows = _listing_pattern(prefix).findall(listing.decode("utf-8", "backslashreplace"))
    # The peeled line, which holds the commit, follows the tag object's and replaces it.
    found = {row[1]: row for row in rows if row[1]}
    odd = [row[6] for row in rows if row[6] and not _FLOATING.fullmatch(row[6])]
    tags: list[VersionTag] = []
    for name, (commit, _, major, minor, patch, rest, _) in found.items():
        if rest or len(name) > _LONGEST:
            version = parse_tag_name(name)
            if version is None:
                odd.append(name[:_LONGEST])
                continue
        else:
            version = Version(major=int(major), minor=int(minor), patch=int(patch))
        tags.append(VersionTag(git_tag=prefix + name, version=version, commit=commit))
    return _version_tags(tags, odd, prefix)


def _version_tags(tags: list[VersionTag], odd: list[str], prefix: str) -> VersionTags:
    examples = tuple(prefix + name for name in odd[:_ODD_EXAMPLES])
    return VersionTags(tags=tuple(tags), odd_count=len(odd), odd_examples=examples)


def _calendar_versions_in(listing: bytes, prefix: str) -> VersionTags:
    pattern = rf"^(.{{40}}(?:.{{24}})?) refs/tags/{re.escape(prefix)}([^/\n^]+)(?:\^\{{\}})?$"
    rows = re.findall(pattern, listing.decode("utf-8", "backslashreplace"), re.MULTILINE)
    commits = {name: commit for commit, name in rows}
    versions = {name: parse_tag_name(name, scheme="calver") for name in commits}
    tags = [
        VersionTag(git_tag=prefix + name, version=version, commit=commits[name])
        for name, version in versions.items()
        if version is not None
    ]
    return _version_tags(tags, [name for name, version in versions.items() if version is None], prefix)


@lru_cache(maxsize=32)
def _listing_pattern(prefix: str) -> re.Pattern[str]:
    """Rows of commit, name, three numbers and what follows them, loosely; or commit and the name of an odd tag."""
    numbers = rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})([-+][^\n^]*)?"
    return re.compile(
        rf"^(.{{40}}(?:.{{24}})?) refs/tags/{re.escape(prefix)}(?:(v?{numbers})(?:\^\{{\}})?|([^/\n^]+))$",
        re.MULTILINE,
    )


def _version(parts: tuple[str, ...]) -> Version:
    major, minor, patch, prerelease, build_metadata = parts
    return Version(
        major=int(major),
        minor=int(minor),
        patch=int(patch),
        prerelease=prerelease,
        build_metadata=build_metadata,
    )


def _tag_key(tag: VersionTag) -> Key:
    return precedence_key(tag.version)


def off_tag_version(base: Version | None, distance: int, commit: str) -> Version:
    """The version of a commit that is no release, `distance` commits after `base`.

    `1.4.2` gives `1.4.3-dev.5.g3f2a9c1b7d40`, `1.5.0-rc.1` gives `1.5.0-rc.1.dev.5.g…`, and without a base it is
    `0.0.0-dev.N.g…` with the number of all commits. The `g` keeps an all-digit hash from being a number.
    """
    suffix = f"dev.{distance}.g{commit[:12]}"
    if base is not None and base.text:
        return after(base, suffix)
    if base is None:
        return Version(major=0, minor=0, patch=0, prerelease=suffix)
    if base.is_stable:
        return Version(major=base.major, minor=base.minor, patch=base.patch + 1, prerelease=suffix)
    return Version(
        major=base.major, minor=base.minor, patch=base.patch, prerelease=f"{base.prerelease}.{suffix}"
    )


def image_tag_of(version: Version, rebuild: int = 0) -> str:
    """The image tag of a version: `+` is not allowed in one and becomes `_`; the n-th rebuild ends in `_rn`."""
    tag = str(version).replace("+", "_")
    return f"{tag}_r{rebuild}" if rebuild else tag


def version_of_image_tag(image_tag: str, scheme: Scheme = "semver") -> tuple[Version, int] | None:
    """The version and the rebuild number that an image tag names (`1.4.2`, `1.4.2_r1`, `1.4.2_build.5`), or None."""
    text, separator, rest = image_tag.partition("_")
    rebuild = 0
    metadata = rest
    if separator:
        # The last `_rN` is the rebuild; what stands before it came from `+`.
        head, _, last = rest.rpartition("_")
        if match := _REBUILT.fullmatch(f"_{last}"):
            rebuild, metadata = int(match[1]), head
    try:
        whole = f"{text}+{metadata}" if metadata or (separator and not rebuild) else text
        return parse_as(whole, scheme), rebuild
    except ValueError:
        return None
