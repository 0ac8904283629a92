"""Evaluates the rule types: one function for each type, and a table of the functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.tagging.expressions.render import Names, parse_template, render
from release.tagging.expressions.source_text import Located
from release.tagging.expressions.tree import Template
from release.tagging.model import Line
from release.tagging.rules.context import RuleContext, date_names
from release.tagging.rules.git_versions import READERS, Reading, read_semver
from release.tagging.rules.globs import globbed
from release.tagging.rules.lines import (
    Emitted,
    role_of_expression,
    role_of_pattern,
    role_of_ref,
    role_of_text,
)
from release.tagging.rules.model import Rule

_INDEX = pattern(r"0|[1-9][0-9]{0,3}", re.ASCII)
# Names that need git's history. In a shallow clone they are empty, which is warned about.
_FROM_HISTORY = frozenset({"version", "distance", "commit_count"})


class Evaluation(msgspec.Struct, kw_only=True):
    """One evaluation: the context, the names for global expressions, and warnings for the user."""

    context: RuleContext
    names: Names
    warnings: list[str] = msgspec.field(default_factory=list)

    def warn(self, rule: Rule, name: str, message: str) -> None:
        """Add a warning with the position of the attribute `name`."""
        self.warnings.append(f"{rule.values.get(name, rule.item).place(0)}: {message}")

    def expand(self, value: Located | None) -> str:
        """Expand global expressions in `value`. A name that is unknown in this clone is empty, with a warning."""
        if value is None:
            return ""
        template = parse_template(value)
        for name in sorted(template.names() & _FROM_HISTORY):
            if self.names[name] is None:
                self.warnings.append(f"{value.place(0)}: `{name}` is not known here; it is left empty")
        return render(template, self.names)


Evaluator = Callable[[Rule, Evaluation], Emitted | None]


def _schedule(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    context = evaluation.context
    if "schedule" not in context.event_name:
        return None
    text = render(parse_template(rule.value("pattern")), date_names(context))
    return Emitted(text=text, latest=False, role=role_of_ref(context), about="a scheduled run")


def _version(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    """The types `semver`, `pep440` and `calver`, which differ in how the git tag is parsed."""
    found = _version_text(rule, evaluation)
    if found is None:
        return None
    text, about = found
    reading = READERS[rule.type](text)
    if reading is None:
        evaluation.warn(rule, "value", f"`{text}` is not a {rule.type} version; the rule gives nothing")
        return None
    template = parse_template(rule.value("pattern"))
    own = None if rule.text("value") or rule.pattern is not None else evaluation.context.release
    release = own or reading.release  # the version by the project's own scheme, if that can parse the git tag
    return Emitted(
        text=_pattern_text(template, reading),
        latest=reading.stable,
        role=role_of_pattern(template.names(), stable=reading.stable, release=release),
        release=release,
        about=about,
    )


def _version_text(rule: Rule, evaluation: Evaluation) -> tuple[str, str] | None:
    """The text that is parsed as a version, and its origin for messages; None if there is no text."""
    found = _subject(rule, evaluation)
    if found is None:
        return None
    text, about = found
    if not rule.text("value"):
        text = text.removeprefix(evaluation.context.prefix)
    if rule.pattern is not None:
        groups = _matched(rule, "match", text)
        if groups is None:
            evaluation.warn(
                rule, "match", f"`{text}` does not match `{rule.text('match')}`; the whole text is used"
            )
        elif len(groups) < 2 or groups[1] is None:
            raise rule.error(
                "match",
                f"`match={rule.text('match')}` matches `{text}` and captures no group, so there is no version",
                hint="put the version in parentheses: `match=app-(.*)`",
            )
        else:
            text = groups[1]
    return text.replace("/", "-"), about


def _subject(rule: Rule, evaluation: Evaluation) -> tuple[str, str] | None:
    """The rule's own `value`, or the git tag."""
    if rule.text("value"):
        text = evaluation.expand(rule.value("value"))
        return text, f"value `{text}`"
    context = evaluation.context
    return (context.git_tag, f"git tag `{context.git_tag}`") if context.ref.startswith("refs/tags/") else None


def _matched(rule: Rule, name: str, text: str) -> tuple[str | None, ...] | None:
    if rule.pattern is None:
        return None
    try:
        return rule.pattern.match(text)
    except ConfigError as error:
        raise rule.error(name, error.message, hint=error.hint) from error


def _pattern_text(template: Template, reading: Reading) -> str:
    """The text of the pattern; a prerelease gives its whole version, so that it cannot move a tag such as `1.4`."""
    if reading.stable:
        return render(template, reading.names)
    return reading.raw if template.only_name() == "raw" else reading.version


def _match(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    found = _subject(rule, evaluation)
    if found is None:
        return None
    text, about = found
    groups = _matched(rule, "pattern", text)
    if groups is None:
        evaluation.warn(
            rule, "pattern", f"`{text}` does not match `{rule.text('pattern')}`; the rule gives nothing"
        )
        return None
    group = _group(rule, groups, text, evaluation)
    if group is None:
        return None
    release = evaluation.context.release
    reading = read_semver(group)
    if release is None and reading is not None:
        release = reading.release
    return Emitted(
        text=group,
        latest=True,
        role="version" if reading is not None else role_of_text(group, evaluation.context),
        release=release,
        about=about,
    )


def _group(rule: Rule, groups: tuple[str | None, ...], text: str, evaluation: Evaluation) -> str | None:
    """The part of a match that `group` names; None, and a warning, where the match has no such part."""
    index = rule.text("group")
    group = groups[int(index)] if _INDEX.fullmatch(index) and int(index) < len(groups) else None
    if group is None:
        evaluation.warn(rule, "group", f"`{rule.text('pattern')}` gives no group {index} of `{text}`")
    return group


def _edge(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    context = evaluation.context
    wanted = rule.text("branch") or context.default_branch
    if context.branch and not wanted:
        evaluation.warn(rule, "branch", "the default branch is not known here; write `type=edge,branch=…`")
    if not context.branch or not wanted or not globbed(wanted, context.branch):
        return None
    return Emitted(
        text="edge",
        latest=False,
        role=Line(kind="branch", name=context.branch),
        about=f"branch `{context.branch}`",
    )


def _ref(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    context = evaluation.context
    event = rule.text("event")
    text = {"branch": context.branch, "tag": context.git_tag, "pr": context.request_ref}[event]
    if not text or not _selected(rule, text):
        return None
    about = f"{'request' if event == 'pr' else 'git tag' if event == 'tag' else 'branch'} `{text}`"
    if rule.pattern is None or "group" not in rule.values:
        role = "version" if event == "tag" else role_of_ref(context)
        return Emitted(text=text, latest=event == "tag", role=role, release=context.release, about=about)
    group = _group(rule, _matched(rule, "pattern", text) or (), text, evaluation)
    if group is None:
        return None
    return Emitted(
        text=group,
        latest=event == "tag",
        role=role_of_text(group, context),
        release=context.release,
        about=about,
    )


def _selected(rule: Rule, text: str) -> bool:
    if rule.text("event") == "branch" and rule.text("branch") and not globbed(rule.text("branch"), text):
        return False
    return rule.pattern is None or _matched(rule, "pattern", text) is not None


def _raw(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    template = parse_template(rule.value("value"))
    text = evaluation.expand(rule.value("value"))
    role = role_of_expression(template.names(), text, evaluation.context)
    return Emitted(
        text=text, latest=False, role=role, release=evaluation.context.release, about="named in the rule"
    )


def _sha(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    context = evaluation.context
    commit = context.head or context.sha if rule.text("commit") == "head" else context.sha
    if not commit:
        return None
    text = commit if rule.text("format") == "long" else context.short(commit)
    return Emitted(text=text, latest=False, role="commit", about=f"commit `{commit[:12]}`")


def _describe(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    described = evaluation.context.described
    if described is None:
        evaluation.warn(
            rule, "pattern", "the history that `type=describe` needs is not here; the rule gives nothing"
        )
        return None
    version = described.version
    sha = evaluation.context.sha[:12]
    long = f"{described.base or '0.0.0'}-{described.distance}-g{sha}"
    names: Names = {
        "this": str(version),
        "version": str(version).partition("+")[0],
        "major": version.major,
        "minor": version.minor,
        "patch": version.patch,
        "prerelease": version.prerelease,
        "distance": described.distance,
        "sha": sha,
        "tag": described.base,
        "describe": described.base if described.base and not described.distance else long,
    }
    template = parse_template(rule.value("pattern"))
    fixed = template.names() & {"this", "version", "describe", "sha"}
    return Emitted(
        text=render(template, names),
        latest=False,
        role=("commit" if described.distance else "version") if fixed else role_of_ref(evaluation.context),
        release=evaluation.context.release,
        about=f"{described.distance} commits after `{described.base}`"
        if described.base
        else "no release before it",
    )


EVALUATORS: Mapping[str, Evaluator] = MappingProxyType(
    {
        "schedule": _schedule,
        "semver": _version,
        "pep440": _version,
        "calver": _version,
        "match": _match,
        "edge": _edge,
        "ref": _ref,
        "raw": _raw,
        "sha": _sha,
        "describe": _describe,
    }
)
