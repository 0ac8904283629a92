"""The version tags in what `git show-ref -d` prints: `<object> refs/tags/<name>`, and `…^{}` for what it peels to.

Twenty thousand tags are usual, and nearly all of them are asked for nothing but their version. So one pass of one
pattern reads the versions; what a tag is called and what it names is looked up in the listing when somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from operator import attrgetter

import msgspec

from release.versions.model import Scheme, Version
from release.versions.semver import NUMBER, Key, parse_tag_name, precedence_key

_FLOATING = re.compile(r"v?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_ODD_EXAMPLES = 3
_ODD_LENGTH = 100  # characters of an example
_NUMBERS = attrgetter("major", "minor", "patch")


class VersionTag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A git tag that is a version. `git_tag`: without `refs/tags/`; `commit`: what it peels to."""

    git_tag: str
    version: Version
    commit: str


class VersionTags:
    """The version tags of one prefix. A value: it never changes.

    `versions`: of each tag, in no order that matters. `odd_count`: how many tags of the prefix are no version;
    `odd_examples`: the first three.
    """

    def __init__(
        self,
        listing: bytes,
        prefix: str,
        scheme: Scheme,
        versions: Sequence[Version],
        odd: Sequence[str] = (),
    ) -> None:
        self._listing = listing
        self._prefix = prefix
        self._scheme = scheme
        self.versions = versions
        self.odd_count = len(odd)
        self.odd_examples = tuple(name[:_ODD_LENGTH] for name in odd[:_ODD_EXAMPLES])

    @cached_property
    def tags(self) -> tuple[VersionTag, ...]:
        """Every tag with its commit, in git's order. Reads all names once more."""
        rows = re.findall(rb"^([0-9a-f]+) refs/tags/([^^\n]+)", self._listing, re.MULTILINE)
        commits = {name: commit for commit, name in rows}  # the peeled line follows, and replaces
        found = []
        own = set(self.versions)
        for raw, commit in commits.items():
            name = raw.decode("utf-8", "backslashreplace")
            version = parse_tag_name(name, self._prefix, self._scheme)
            if version in own:
                found.append(
                    VersionTag(
                        git_tag=name, version=version, commit=commit.decode("ascii", "backslashreplace")
                    )
                )
        return tuple(found)

    @cached_property
    def highest(self) -> VersionTag | None:
        """The one of highest precedence, prereleases included."""
        stable = [version for version in self.versions if not version.prerelease]
        others = [version for version in self.versions if version.prerelease]
        tops = [max(stable, key=_NUMBERS)] if stable else []
        tops += [max(others, key=precedence_key)] if others else []
        return self.of(max(tops, key=precedence_key))[0] if tops else None

    def at(self, commit: str) -> tuple[VersionTag, ...]:
        """Those that name `commit`, highest precedence first."""
        names = sorted({name.removesuffix("^{}") for name in _names_of(self._listing, commit)})
        found = [tag for name in names if (tag := self.named(name)) is not None]
        return tuple(sorted(found, key=_tag_key, reverse=True))

    def named(self, git_tag: str) -> VersionTag | None:
        """The version tag of this name."""
        version = parse_tag_name(git_tag, self._prefix, self._scheme)
        if version is None or version not in self.versions:
            return None
        commit = commit_named(self._listing, git_tag)
        return None if commit is None else VersionTag(git_tag=git_tag, version=version, commit=commit)

    def of(self, version: Version) -> tuple[VersionTag, ...]:
        """Those that are exactly `version`: `v1.4.2` and `1.4.2`."""
        names = (f"{self._prefix}v{version}", f"{self._prefix}{version}")
        return tuple(tag for name in names if (tag := self.named(name)) is not None)

    def where(self, keep: Callable[[Version], bool]) -> VersionTags:
        """Only the tags whose version `keep` keeps."""
        return VersionTags(self._listing, self._prefix, self._scheme, [v for v in self.versions if keep(v)])


@lru_cache(maxsize=8)
def versions_in(listing: bytes, prefix: str = "", scheme: Scheme = "semver") -> VersionTags:
    """The version tags of `prefix`, read in `scheme`; with `none` nothing is a version, and nothing odd.

    A tag whose name goes on with a slash after the prefix belongs to something else, and a bare `v1` or `v1.4` is
    somebody's moving tag: neither is odd.
    """
    if scheme == "none":
        return VersionTags(listing, prefix, scheme, ())
    text = listing.decode("utf-8", "backslashreplace")
    # Most tags are three numbers and nothing else: they need no second look.
    rows = _pattern(prefix, numbers=scheme == "semver").findall(text)
    versions = [
        Version(major=int(major), minor=int(minor), patch=int(patch))
        for major, minor, patch, _ in rows
        if major
    ]
    odd = []
    for name in [name for _, _, _, name in rows if name]:
        # There may be thousands of nightly tags: two dots at least, or a calendar, are worth a second look.
        hopeful = scheme == "calver" or name.count(".") > 1
        version = parse_tag_name(name, scheme=scheme) if hopeful else None
        if version is not None:
            versions.append(version)
        elif scheme == "calver" or not _FLOATING.fullmatch(name):
            odd.append(prefix + name)
    return VersionTags(listing, prefix, scheme, versions, odd)


@lru_cache(maxsize=32)
def _pattern(prefix: str, *, numbers: bool) -> re.Pattern[str]:
    """Per tag three numbers, or the name of one that is anything else. Peeled lines are left out."""
    # A hundred digits make no image tag any more; and Python refuses to convert endless ones.
    number = NUMBER.replace("*", "{0,99}")
    plain = rf"v?({number})\.({number})\.({number})" if numbers else r"()()()(?!)"
    return re.compile(rf" refs/tags/{re.escape(prefix)}(?:{plain}|([^/\n^]+))\n")


def _names_of(listing: bytes, commit: str) -> list[str]:
    """What follows `<commit> refs/tags/`, wherever a line begins with that."""
    start = commit.encode() + b" refs/tags/"
    names, place = [], listing.find(start)
    while place >= 0:
        end = listing.find(b"\n", place)
        if place == 0 or listing[place - 1 : place] == b"\n":
            names.append(listing[place + len(start) : end].decode("utf-8", "backslashreplace"))
        place = listing.find(start, end)
    return names


def commit_named(listing: bytes, git_tag: str) -> str | None:
    """The object that `git_tag` peels to (a commit, as a rule), or None when the listing has no such tag."""
    for suffix in (b"^{}\n", b"\n"):
        end = listing.find(b" refs/tags/" + git_tag.encode("utf-8", "backslashreplace") + suffix)
        if end >= 0:
            start = listing.rfind(b"\n", 0, end) + 1
            return listing[start:end].decode("ascii", "backslashreplace")
    return None


def highest_tag(tags: Iterable[VersionTag]) -> VersionTag | None:
    """The tag of highest precedence, the first of equals."""
    return max(tags, key=_tag_key, default=None)


def _tag_key(tag: VersionTag) -> Key:
    return precedence_key(tag.version)
