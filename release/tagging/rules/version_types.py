"""Evaluates the rule types that read a version: `semver`, `pep440`, `calver`, `match` and `describe`."""

from __future__ import annotations

from release.tagging.expressions.render import Names, parse_template, render
from release.tagging.expressions.tree import Template
from release.tagging.rules.evaluation import Evaluation, group_of, matched, subject
from release.tagging.rules.git_versions import READERS, Reading, read_semver
from release.tagging.rules.lines import Emitted, role_of_pattern, role_of_ref, role_of_text
from release.tagging.rules.model import Rule
from release.versions.calver import last_numbers


def evaluate_version(rule: Rule, evaluation: Evaluation) -> Emitted | None:
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
    found = subject(rule, evaluation)
    if found is None:
        return None
    text, about = found
    if not rule.text("value"):
        text = text.removeprefix(evaluation.context.prefix)
    if rule.pattern is not None:
        groups = matched(rule, "match", text)
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


def _pattern_text(template: Template, reading: Reading) -> str:
    """The text of the pattern; a prerelease gives its whole version, so that it cannot move a tag such as `1.4`."""
    if reading.stable:
        return render(template, reading.names)
    return reading.raw if template.only_name() == "raw" else reading.version


def evaluate_match(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    """The type `match`: a group of a regular expression, which may be a version."""
    found = subject(rule, evaluation)
    if found is None:
        return None
    text, about = found
    groups = matched(rule, "pattern", text)
    if groups is None:
        evaluation.warn(
            rule, "pattern", f"`{text}` does not match `{rule.text('pattern')}`; the rule gives nothing"
        )
        return None
    group = group_of(rule, groups, text, evaluation)
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


def evaluate_describe(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    """The type `describe`: the last release and the distance of the commit from it."""
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
        "patch": last_numbers(version)[0],
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
