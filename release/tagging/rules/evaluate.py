"""Evaluates rules to image tags. Equal rules, flavor and context give the same tags in the same order."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from release.lazy_pattern import pattern
from release.tagging.expressions.render import parse_template, render
from release.tagging.expressions.source_text import Located
from release.tagging.model import Line
from release.tagging.names import is_image_tag
from release.tagging.rules.checks import require_enabling
from release.tagging.rules.context import RuleContext, global_names
from release.tagging.rules.evaluation import Evaluation, UnknownNameError
from release.tagging.rules.lines import Emitted, Role, names_one_run, role_of_ref
from release.tagging.rules.model import Flavor, Rule
from release.tagging.rules.types import EVALUATORS
from release.versions.model import Version

_OTHER = pattern(r"[^A-Za-z0-9._-]+", re.ASCII)
_LATEST = "latest"
# Attributes of rules whose expressions may use all global names. `pattern` has names of its own.
_EXPANDED = frozenset({"enable", "prefix", "suffix", "value"})


class RuleTag(msgspec.Struct, frozen=True, kw_only=True):
    """One image tag and the rule that made it.

    `role`, `release`: as in `Emitted`. `of_flavor`: made by the flavor, not a rule.
    """

    name: str
    role: Role | None
    release: Version | None
    reason: str
    rule: Rule
    of_flavor: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The tags of all rules, each once; `latest` of the flavor is last. `version`: the first tag, or None."""

    version: str | None
    latest: bool
    tags: tuple[RuleTag, ...]
    warnings: tuple[str, ...]


def evaluate_rules(
    rules: Sequence[Rule], flavor: Flavor, context: RuleContext, *, leaves_out: bool = False
) -> Outcome:
    """The tags that `rules`, which are sorted, make in `context`.

    `leaves_out`: a rule with an expression whose value is not known in this clone gives no tag. Else the value is
    empty, as in docker/metadata-action.
    Raises `ConfigError` with line and column for a bad expression, and for a tag that no registry accepts.
    """
    evaluation = Evaluation(context=context, names=global_names(context), leaves_out=leaves_out)
    tags: dict[str, RuleTag] = {}
    latest: RuleTag | None = None
    wanted: bool | None = None
    for rule in rules:
        evaluation.warnings.extend(rule.warnings)
        try:
            emitted = _evaluate(rule, evaluation)
            name = None if emitted is None else _name(rule, emitted, flavor, evaluation)
        except UnknownNameError as unknown:
            evaluation.warnings.append(str(unknown))
            continue
        if emitted is None or not name:
            continue
        tag = RuleTag(
            name=name,
            role=_role(name, rule, emitted, context),
            release=emitted.release,
            reason=_reason(rule, emitted),
            rule=rule,
        )
        tags.setdefault(name, tag)
        if wanted is None:
            wanted = emitted.latest if flavor.latest == "auto" else flavor.latest == "true"
            latest = _latest(tag, flavor, context) if wanted else None
    version = next(iter(tags), None)
    if latest is not None:
        tags.setdefault(latest.name, latest)
    for tag in tags.values():
        _require_image_tag(tag)
    return Outcome(
        version=version, latest=bool(wanted), tags=tuple(tags.values()), warnings=tuple(evaluation.warnings)
    )


def names_read(rules: Sequence[Rule], flavor: Flavor) -> frozenset[str]:
    """The names in expressions of `rules` and `flavor`: callers need not find out the values of other names."""
    expressions = [value for rule in rules for key, value in rule.values.items() if key in _EXPANDED]
    expressions += [affix for affix in (flavor.prefix, flavor.suffix) if affix is not None]
    return frozenset().union(*(parse_template(expression).names() for expression in expressions))


def sanitize(text: str) -> str:
    """Replace each run of characters that are not allowed in image tags by one `-`."""
    return _OTHER.sub("-", text)


def _evaluate(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    enable = evaluation.expand(rule.value("enable"))
    require_enabling(enable, rule.values["enable"])
    if enable == "false":
        return None
    return EVALUATORS[rule.type](rule, evaluation)


def _name(rule: Rule, emitted: Emitted, flavor: Flavor, evaluation: Evaluation) -> str:
    prefix = rule.values.get("prefix", flavor.prefix)
    suffix = rule.values.get("suffix", flavor.suffix)
    return sanitize(evaluation.expand(prefix) + emitted.text + evaluation.expand(suffix))


def _role(name: str, rule: Rule, emitted: Emitted, context: RuleContext) -> Role | None:
    """The role of a tag: the one that the attribute `immutable` sets, else that of its rule.

    A name with a run's number, a date or a time moves with the run's ref, not with releases; so does a tag that
    `immutable=false` keeps from being fixed.
    """
    own = Line(kind="branch", name=context.git_tag) if context.git_tag else role_of_ref(context)
    match rule.text("immutable"):
        case "true" if not isinstance(emitted.role, str):
            return "version" if emitted.release is not None else "commit"
        case "false" if isinstance(emitted.role, str):
            return own
    if emitted.role == Line(kind="release") and names_one_run(name):
        return own
    return emitted.role


def _latest(tag: RuleTag, flavor: Flavor, context: RuleContext) -> RuleTag:
    prefix = _affix(flavor.prefix, context) if flavor.prefix_on_latest else ""
    suffix = _affix(flavor.suffix, context) if flavor.suffix_on_latest else ""
    role: Role | None = Line(kind="release") if tag.release is not None else role_of_ref(context)
    why = "the flavor says so" if flavor.latest == "true" else f"comes with `{tag.name}`"
    return RuleTag(
        name=sanitize(f"{prefix}{_LATEST}{suffix}"),
        role=role,
        release=tag.release or context.release,
        reason=f"`{_LATEST}`: {why}",
        rule=tag.rule,
        of_flavor=True,
    )


def _affix(affix: Located | None, context: RuleContext) -> str:
    """A prefix or suffix of `latest`. Its expressions are not expanded, as in docker/metadata-action.

    `{{env.NAME}}` of a config is expanded all the same: the action has no such name, and GitHub replaces `${{ … }}`,
    which `shipmark init` converts to it, before the action reads the text.
    """
    if affix is None:
        return ""
    template = parse_template(affix)
    is_variable = bool(context.env) and template.names() == {"env"}
    return render(template, global_names(context)) if is_variable else affix.text


def _reason(rule: Rule, emitted: Emitted) -> str:
    return f"{emitted.about} (rule `type={rule.type}` at {rule.place})"


def _require_image_tag(tag: RuleTag) -> None:
    if not is_image_tag(tag.name):
        raise tag.rule.item.error(
            0,
            f"`{tag.name}` is not an image tag that a registry accepts",
            hint="a tag begins with a letter, digit or `_`, and has at most 128 of `A-Za-z0-9._-`",
        )
