"""Finds the line along which each tag of `shipmark metadata` moves, and the releases to compare. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from release.errors import ConfigError
from release.tagging.expressions.render import parse_template
from release.tagging.model import KnownReleases, KnownVersion, Line
from release.tagging.rules.context import RuleContext
from release.tagging.rules.evaluate import RuleTag
from release.tagging.rules.git_versions import READERS, read_semver
from release.tagging.rules.lines import names_one_run, role_of_ref
from release.tagging.rules.model import Flavor, Rule
from release.versions.model import Version

_VERSIONS = frozenset(READERS)
# Names in expressions whose values differ from run to run.
_OF_ONE_RUN = frozenset({"date", "commit_date", "commit_count", "distance", "pr"})
# A prefix or suffix of this many digits or more counts as the number of a run. A shorter number may name a variant:
# `1.4-17` may be the image for Java 17.
_SHORT = 4
_NOT_KNOWN = "the other releases are not known here"


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that moves along `line` to `release`, compared with the `known` releases."""

    line: Line
    release: Version
    known: KnownReleases


class Loose(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that moves with releases, whose release cannot be compared with others. `reason`: why, for a warning."""

    reason: str


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """The version that a rule's regular expression selects in a git tag, and the text of the git tag before it."""

    release: Version
    before: str


class MetadataGuard:
    """Finds the line of each tag.

    `known`: releases by the project's own prefix, or None; `unguarded`: why there are none. `git_tags`: the names of
    all git tags, for rules whose regular expression selects releases with another prefix.
    """

    def __init__(
        self,
        run: RuleContext,
        tags: Sequence[RuleTag],
        flavor: Flavor,
        *,
        known: KnownReleases | None,
        unguarded: str,
        git_tags: Sequence[str],
    ) -> None:
        self._run, self._tags, self._flavor = run, tags, flavor
        self._known, self._unguarded, self._git_tags = known, unguarded, git_tags

    def of(self, tag: RuleTag) -> Guarded | Loose | None:
        """How a tag is guarded; None for a fixed tag, a tag of one run, and a tag of a branch or pull request."""
        run = self._run
        if isinstance(tag.role, str) or self._follows_no_line(tag):
            return None
        is_release = isinstance(tag.role, Line) and tag.role.kind == "release"
        if not is_release and not run.git_tag:
            return None
        rule, chosen = self._chosen(tag)
        release = tag.release or run.release if chosen is None else chosen.release
        if release is None:
            return Loose(reason=f"git tag `{run.git_tag}` names no version")
        line = tag.role if is_release else role_of_ref(msgspec.structs.replace(run, release=release))
        if not isinstance(line, Line) or line.kind != "release":
            return None
        if self._known is None:
            return Loose(reason=self._unguarded or _NOT_KNOWN)
        if rule is None or chosen is None:
            return Guarded(line=line, release=release, known=self._known)
        try:
            versions = tuple(self._versions(rule, chosen))
        except ConfigError as error:
            return Loose(reason=error.message)
        known = msgspec.structs.replace(self._known, versions=versions, tagged=())
        return Guarded(line=line, release=release, known=known)

    def _chosen(self, tag: RuleTag) -> tuple[Rule | None, Selected | None]:
        """The rule whose regular expression selects the line of a tag, and what it selects.

        None where the git tag is a version by the project's own prefix: then the prefix selects the line. A tag whose
        own rule selects nothing takes the first rule that does.
        """
        run = self._run
        if run.release is not None or not run.git_tag:
            return None, None
        for rule in (tag.rule, *(one.rule for one in self._tags)):
            chosen = selected(rule, run.git_tag, run.prefix)
            if chosen is not None:
                return rule, chosen
        return None, None

    def _versions(self, rule: Rule, chosen: Selected) -> Iterator[KnownVersion]:
        """The releases in git tags that begin as the run's git tag does, and from which the rule selects a version."""
        for name in self._git_tags:
            if name.startswith(chosen.before):
                other = selected(rule, name, self._run.prefix)
                if other is not None and other.before == chosen.before:
                    yield KnownVersion(version=other.release, source="git tag")

    def _follows_no_line(self, tag: RuleTag) -> bool:
        """Whether a tag's name belongs to one run: it carries a number or date of the run, or names a build cache."""
        rule = tag.rule
        affixes = [
            rule.values.get("prefix", self._flavor.prefix),
            rule.values.get("suffix", self._flavor.suffix),
        ]
        read = [affix for affix in affixes if affix is not None]
        # The pattern of a version rule reads the version, whose own numbers may look like a date.
        by_version = tag.of_flavor or rule.type in _VERSIONS
        if not by_version:
            read += [rule.value("value")] if rule.type == "raw" else []
            read += [rule.value("pattern")] if rule.type == "schedule" else []
        if not tag.of_flavor and any(parse_template(one).names() & _OF_ONE_RUN for one in read):
            return True
        if isinstance(tag.role, Line) and tag.role.major is not None:
            by_version = True  # the name is the line's own number
        if by_version:
            texts = [affix.text.strip("-_.") for affix in affixes if affix is not None]
            return any(names_one_run(text) for text in texts if not (text.isdecimal() and len(text) < _SHORT))
        return names_one_run(tag.name)


def selected(rule: Rule, git_tag: str, prefix: str = "") -> Selected | None:
    """The version that the regular expression of a rule selects in a git tag, or None. `prefix`: of version tags.

    Where the expression captures only a part of the version (`1.2`), the version is read from the beginning of that
    part to the end of the git tag.
    """
    if rule.pattern is None or rule.text("value") or rule.text("event") in {"branch", "pr"}:
        return None
    cut = len(prefix) if rule.type in _VERSIONS and git_tag.startswith(prefix) else 0
    groups = rule.pattern.match(git_tag[cut:])
    if groups is None:
        return None
    reader = READERS.get(rule.type, read_semver)
    texts = [text for text in (*groups[1:], groups[0]) if text]
    for text, whole in [*((text, False) for text in texts), *((text, True) for text in texts)]:
        start = git_tag.find(text, cut)
        reading = reader(git_tag[start:] if whole else text)
        if reading is not None and reading.release is not None:
            # Where the whole match is `v1.2.3`, its `v` belongs to the match, not to `before`: versions with and
            # without a `v` are of one line.
            return Selected(release=reading.release, before=git_tag[:start])
    return None
