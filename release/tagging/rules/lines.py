"""Decides the role of a rule's image tag: fixed to a version or a commit, or moving along a line."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from release.lazy_pattern import pattern
from release.tagging.model import Line
from release.tagging.rules.context import RuleContext
from release.versions.model import Version
from release.versions.semver import LONGEST

Role = Literal["version", "commit"] | Line

_PARTS = pattern(r"v?([0-9]+)(?:\.([0-9]+))?", re.ASCII)
# Names of CalVer patterns that count as a version's first number (`_YEAR`) or second number (`_MONTH`).
_YEAR = frozenset({"year", "YYYY", "YY"})
_MONTH = frozenset({"month", "MM", "0M"})
# Parts of a name that belong to one run. Each part stands alone between separators, so that `alpine3.19`, `jdk-17`
# and `ltsc2022` stay names that move with releases.
_CACHE = pattern(r"(?:build-?|layer-?)?cache", re.ASCII | re.IGNORECASE)
# The words that CI systems and people put before the number of a run.
_RUN = pattern(
    r"(?:run|build|bld|job|pipeline|workflow|ci|attempt|nightly|snapshot|rev|b|r|j)[-_.]?[0-9]+|[0-9]+[-_.](?:run|build|attempt)",
    re.ASCII | re.IGNORECASE,
)
_DATE = pattern(
    r"(?:19|20|21)[0-9]{2}(?P<dot>[-_.]?)(?:0[1-9]|1[0-2])(?:(?P=dot)(?:0[1-9]|[12][0-9]|3[01]))?(?:[Tt_.-]?[0-9]{4,6}[Zz]?)?"
    r"|(?:19|20|21)[0-9]{2}[-_.]?[Ww](?:0[1-9]|[1-4][0-9]|5[0-3])"
    r"|(?:[01][0-9]|2[0-3])(?:h[0-5][0-9](?:m[0-5][0-9]s?)?|[-_][0-5][0-9][-_][0-5][0-9])",
    re.ASCII,
)
# A number alone, or one as long as an id, a compact date (`240131`) or seconds since 1970.
_NUMBERS = pattern(r"[0-9]+(?:[-_][0-9]+)*", re.ASCII)
_LONG_NUMBER = pattern(r"[0-9]{6,}", re.ASCII)
_APART = pattern(r"(?:^|[-_.])", re.ASCII)
# Names whose text is a commit id, so that a tag with it names one commit for ever.
_COMMITS = frozenset({"sha", "pr_head_sha"})


class Emitted(msgspec.Struct, frozen=True, kw_only=True):
    """The text that one rule makes, without prefix and suffix.

    `latest`: whether the tag `latest` is set too, by default.

    `role`: `version` and `commit` make fixed tags; None makes a tag that is withheld, since its line is unknown.
    `release`: the version that is compared with others of the line. `about`: the origin of the text.
    """

    text: str
    latest: bool
    role: Role | None
    about: str
    release: Version | None = None


def role_of_pattern(used: frozenset[str], *, stable: bool, release: Version | None) -> Role | None:
    """The role of a version pattern that reads the names `used`. `release`: None if it cannot be compared."""
    years, months = bool(used & (_YEAR | {"major"})), bool(used & (_MONTH | {"minor"}))
    whole = used & {"version", "raw", "this"} or (years and months and used & {"patch", "day", "micro"})
    if whole or not stable:
        return "version"
    if release is None:
        return None
    return Line(
        kind="release",
        major=release.major if years else None,
        minor=release.minor if years and months else None,
    )


def role_of_text(text: str, context: RuleContext) -> Role | None:
    """The role of a text that is a part of the git tag, or is written in the rule."""
    release = context.release
    if context.git_tag and (
        text == context.git_tag or (release is not None and text.removeprefix("v") == str(release))
    ):
        return "version"
    parts = _PARTS.fullmatch(text) if len(text) <= LONGEST else None
    if release is None or parts is None:
        return role_of_ref(context)
    if not release.is_stable or int(parts[1]) != release.major:
        return role_of_ref(context)
    if parts[2] is None:
        return Line(kind="release", major=release.major)
    if int(parts[2]) != release.minor:
        return role_of_ref(context)
    return Line(kind="release", major=release.major, minor=release.minor)


def names_one_run(name: str) -> bool:
    """Whether a name carries a run's number, a date or a time, or names a build cache: it belongs to no line."""
    if _NUMBERS.fullmatch(name):
        return True
    for start in [found.end() for found in _APART.finditer(name)]:
        for wanted in (_CACHE, _RUN, _DATE, _LONG_NUMBER):
            found = wanted.match(name, start)
            if found is not None and name[found.end() : found.end() + 1] in ("", "-", "_", "."):
                return True
    return False


def role_of_expression(used: frozenset[str], text: str, context: RuleContext) -> Role | None:
    """The role of a text with expressions: one that names the commit or the version is fixed."""
    if used & _COMMITS:
        return "commit"
    if "version" in used and context.version is not None:
        # The version of an untagged commit contains the commit id.
        return "commit" if context.release is None else "version"
    if "tag" in used and context.git_tag:
        return "version"
    return role_of_text(text, context)


def role_of_ref(context: RuleContext) -> Role | None:
    """The role of a name without version or commit: it moves with releases, the pull request or the branch."""
    if context.release is not None:
        if context.release.is_stable:
            return Line(kind="release")
        return Line(kind="release", channel=context.release.prerelease.split(".", 1)[0])
    if context.request is not None:
        return Line(kind="pull-request", number=context.request)
    name = context.branch or context.git_tag
    return Line(kind="branch", name=name) if name else None
