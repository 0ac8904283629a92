"""The version tags in what `git show-ref -d` prints: `<object> refs/tags/<name>`, and `…^{}` for what it peels to.

Twenty thousand tags are usual and nearly all of them are asked for nothing but their version. So one pass of one
pattern reads the versions, and what a tag names is looked up in the listing when somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from operator import attrgetter

import msgspec

from release.tagging.model import Scheme, Version
from release.tagging.versions import LONGEST, NUMBER, Key, parse_tag_name, precedence_key

_FLOATING = re.compile(r"v?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_ODD_EXAMPLES = 3
_NUMBERS = attrgetter("major", "minor", "patch")


class VersionTag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A git tag that is a version. `git_tag`: without `refs/tags/`; `commit`: what it peels to."""

    git_tag: str
    version: Version
    commit: str


class VersionTags:
    """The version tags of one prefix, in git's order. A value: it never changes.

    `versions`: of each tag. `odd_count`: how many tags of the prefix are no version; `odd_examples`: the first three.
    """

    def __init__(
        self,
        listing: bytes,
        names: Sequence[str],
        versions: Sequence[Version],
        odd: Sequence[str] = (),
    ) -> None:
        self._listing = listing
        self._names = names
        self.versions = versions
        self.odd_count = len(odd)
        self.odd_examples = tuple(odd[:_ODD_EXAMPLES])

    @cached_property
    def tags(self) -> tuple[VersionTag, ...]:
        """Every tag with its commit."""
        rows = re.findall(rb"^([0-9a-f]+) refs/tags/([^^\n]+)", self._listing, re.MULTILINE)
        commits = {name: commit for commit, name in rows}  # the peeled line follows, and replaces
        pairs = zip(self._names, self.versions, strict=True)
        return tuple(
            VersionTag(git_tag=name, version=version, commit=commits[_encoded(name)].decode("ascii"))
            for name, version in pairs
        )

    @cached_property
    def highest(self) -> VersionTag | None:
        """The one of highest precedence, prereleases included."""
        stable = [version for version in self.versions if not version.prerelease]
        others = [version for version in self.versions if version.prerelease]
        tops = [max(stable, key=_NUMBERS)] if stable else []
        tops += [max(others, key=precedence_key)] if others else []
        if not tops:
            return None
        return self._tag(self.versions.index(max(tops, key=precedence_key)))

    def at(self, commit: str) -> tuple[VersionTag, ...]:
        """Those that name `commit`, highest precedence first."""
        rows = re.findall(
            rb"^%s refs/tags/([^^\n]+)" % re.escape(commit.encode()), self._listing, re.MULTILINE
        )
        here = {row.decode("utf-8", "backslashreplace") for row in rows}
        found = [self._tag(self._names.index(name)) for name in here.intersection(self._names)]
        return tuple(sorted(sorted(found, key=attrgetter("git_tag")), key=_tag_key, reverse=True))

    def named(self, git_tag: str) -> VersionTag | None:
        """The version tag of this name."""
        return self._tag(self._names.index(git_tag)) if git_tag in self._names else None

    def of(self, version: Version) -> tuple[VersionTag, ...]:
        """Those that are exactly `version`: `v1.4.2` and `1.4.2`."""
        return tuple(self._tag(place) for place, one in enumerate(self.versions) if one == version)

    def where(self, keep: Callable[[VersionTag], bool]) -> VersionTags:
        """Only the tags that `keep` keeps."""
        kept = [tag for tag in self.tags if keep(tag)]
        return VersionTags(self._listing, [tag.git_tag for tag in kept], [tag.version for tag in kept])

    def _tag(self, place: int) -> VersionTag:
        name = self._names[place]
        commit = commit_named(self._listing, name)
        assert commit is not None, name  # noqa: S101 - the names come from the listing
        return VersionTag(git_tag=name, version=self.versions[place], commit=commit)


def commit_named(listing: bytes, git_tag: str) -> str | None:
    """The object that `git_tag` peels to (a commit, as a rule), or None when the listing has no such tag."""
    for suffix in (b"^{}\n", b"\n"):
        end = listing.find(b" refs/tags/" + _encoded(git_tag) + suffix)
        if end >= 0:
            start = listing.rfind(b"\n", 0, end) + 1
            return listing[start:end].decode("ascii")
    return None


def highest_tag(tags: Iterable[VersionTag]) -> VersionTag | None:
    """The tag of highest precedence, the first of equals."""
    return max(tags, key=_tag_key, default=None)


@lru_cache(maxsize=8)
def versions_in(listing: bytes, prefix: str = "", scheme: Scheme = "semver") -> VersionTags:
    """The version tags of `prefix`, read in `scheme`; with `none` nothing is a version, and nothing odd.

    A tag whose name goes on with a slash after the prefix belongs to something else, and a bare `v1` or `v1.4` is
    somebody's moving tag: neither is odd.
    """
    if scheme == "none":
        return VersionTags(listing, (), ())
    text = listing.decode("utf-8", "backslashreplace")
    if scheme == "calver":
        return _calendar_versions(listing, text, prefix)
    names: list[str] = []
    versions: list[Version] = []
    odd: list[str] = []
    for letter, major, minor, patch, rest, other in _pattern(prefix).findall(text):
        if other:
            if not _FLOATING.fullmatch(other):
                odd.append(prefix + other)
            continue
        name = f"{prefix}{letter}{major}.{minor}.{patch}{rest}"
        if rest or len(name) > LONGEST:
            version = parse_tag_name(name, prefix)
            if version is None:
                odd.append(name[:LONGEST])
                continue
        else:
            version = Version(major=int(major), minor=int(minor), patch=int(patch))
        names.append(name)
        versions.append(version)
    return VersionTags(listing, names, versions, odd)


@lru_cache(maxsize=32)
def _pattern(prefix: str) -> re.Pattern[str]:
    """Per tag: the `v`, three numbers and what follows them, loosely; or the name of an odd one. No peeled lines."""
    numbers = rf"(v?)({NUMBER})\.({NUMBER})\.({NUMBER})([-+][^\n^]*)?"
    return re.compile(rf" refs/tags/{re.escape(prefix)}(?:{numbers}|([^/\n^]+))\n")


def _calendar_versions(listing: bytes, text: str, prefix: str) -> VersionTags:
    names = [prefix + name for name in re.findall(rf" refs/tags/{re.escape(prefix)}([^/\n^]+)\n", text)]
    read = {name: parse_tag_name(name, prefix, "calver") for name in names}
    good = {name: version for name, version in read.items() if version is not None}
    odd = [name for name, version in read.items() if version is None]
    return VersionTags(listing, tuple(good), tuple(good.values()), odd)


def _tag_key(tag: VersionTag) -> Key:
    return precedence_key(tag.version)


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "backslashreplace")
