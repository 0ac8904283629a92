"""Decides how a run treats a git tag that is not a version: as an error, with a warning, or silently. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import msgspec

from release.errors import GitError
from release.tagging.model import TagPolicy
from release.versions.model import Scheme
from release.versions.semver import looks_like_version, parse_tag_name

# In the order in which they are recommended: `2024.10.3` is a version of the first two.
_SCHEMES: tuple[Scheme, ...] = ("semver", "calver", "semver-loose")
# Where the version begins in a tag such as `release-1.2.3`. Digits are limited as in `version_like`.
_NUMBERS = r"v?[0-9]{1,9}\.[0-9]{1,9}"
# Characters of a git tag that are compared with `ignore_tags`, and shown. A longer name is not a version of any scheme.
_LONGEST = 255


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A git tag that started the run, or that is at HEAD, and that is not a version of the component.

    `looks`: `version`, `other`; `elsewhere` for a tag of another component; `ignored` for one of `ignore_tags`.
    `reading`: the setting that would read the tag as a version. `example`: a tag that is a version of the component.
    """

    git_tag: str
    looks: Literal["version", "other", "elsewhere", "ignored"]
    reading: str = ""
    example: str = ""

    @property
    def reason(self) -> str:
        """The reason why the run releases nothing for the tag."""
        if self.looks == "elsewhere":
            return f"git tag `{self.git_tag}` does not belong to this component"
        return f"git tag `{self.git_tag}` is not a version here" + (
            "" if not self.reading else f"; {self.reading}"
        )

    def error(self) -> GitError:
        """The error for a tag that looks like a version."""
        ways = self.reading or (
            f"the git tag of a release is written `{self.example}`" if self.example else ""
        )
        ways += "; " if ways else ""
        return GitError(
            f"git tag `{self.git_tag}` started this run and looks like a version, but is not one here",
            hint=f"{ways}if it is not a release, add it to `ignore_tags:` in shipmark.yml",
        )


def unread(git_tag: str, policy: TagPolicy) -> Unread | None:
    """How a run treats `git_tag`; None if `git_tag` is a version of the component."""
    if policy.versions != "none" and parse_tag_name(git_tag, policy.prefix, policy.versions) is not None:
        return None
    if belongs_elsewhere(git_tag, policy):
        return Unread(git_tag=git_tag, looks="elsewhere")
    if is_ignored(git_tag, policy.ignore_tags):
        return Unread(git_tag=git_tag, looks="ignored")
    if looks_like_version(git_tag):
        return Unread(
            git_tag=git_tag, looks="version", reading=_reading(git_tag, policy), example=_example(policy)
        )
    return Unread(git_tag=git_tag, looks="other")


def is_ignored(git_tag: str, patterns: Iterable[str]) -> bool:
    """Whether one of `patterns` (`*`, `?`, `[0-9]`) matches the whole name."""
    return not not_ignored((git_tag,), patterns)


def not_ignored(git_tags: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """The tags of which `is_ignored` is not true."""
    match = _matcher(tuple(patterns)).match
    return [git_tag for git_tag in git_tags if not match(git_tag[:_LONGEST])]


# A repository may have 20,000 tags. Matching a tag once, with all patterns joined, takes a third of the time of
# matching it with each pattern.
@lru_cache(maxsize=8)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the whole name of a tag that one of `patterns` matches."""
    from fnmatch import translate  # imported late: needed only for a git tag that is no version

    return re.compile("|".join(map(translate, patterns)) or "(?!)")


def belongs_elsewhere(git_tag: str, policy: TagPolicy) -> bool:
    """Whether, of all components' prefixes that the tag begins with, the longest is another component's."""
    fitting = [prefix for prefix in policy.other_prefixes if git_tag.startswith(prefix)]
    longest = max(map(len, fitting), default=-1)
    return longest > (len(policy.prefix) if git_tag.startswith(policy.prefix) else -1)


def _example(policy: TagPolicy) -> str:
    if policy.versions == "none":
        return ""
    return policy.prefix + ("2026.11.3" if policy.versions == "calver" else "v1.5.0-rc.1")


def _reading(git_tag: str, policy: TagPolicy) -> str:
    """The setting that would read the tag as a version: a scheme, else a prefix, else both; empty if none would."""
    if git_tag.startswith(policy.prefix) and (found := _scheme_of(git_tag, policy.prefix)):
        scheme, version = found
        return f"`versions: {scheme}` reads it as {version}"
    numbers = re.search(_NUMBERS, git_tag, re.ASCII)
    prefix = git_tag[: numbers.start()] if numbers else ""
    if not prefix:
        return ""
    own = None if policy.versions == "none" else parse_tag_name(git_tag, prefix, policy.versions)
    if own is not None:
        return f"`prefix: {prefix}` reads it as {own}"
    read = _scheme_of(git_tag, prefix)
    return "" if read is None else f"`prefix: {prefix}` with `versions: {read[0]}` reads it as {read[1]}"


def _scheme_of(git_tag: str, prefix: str) -> tuple[Scheme, str] | None:
    for scheme in _SCHEMES:
        version = parse_tag_name(git_tag, prefix, scheme)
        if version is not None:
            return scheme, str(version)
    return None
