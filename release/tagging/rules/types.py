"""Evaluates the rule types: a table with one function for each type, and the functions that read no version."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from release.tagging.expressions.render import parse_template, render
from release.tagging.model import Line
from release.tagging.rules.context import date_names
from release.tagging.rules.evaluation import Evaluation, Evaluator, group_of, matched
from release.tagging.rules.globs import globbed
from release.tagging.rules.lines import Emitted, role_of_expression, role_of_ref, role_of_text
from release.tagging.rules.model import Rule
from release.tagging.rules.version_types import evaluate_describe, evaluate_match, evaluate_version


def _schedule(rule: Rule, evaluation: Evaluation) -> Emitted | None:
    context = evaluation.context
    if "schedule" not in context.event_name:
        return None
    text = render(parse_template(rule.value("pattern")), date_names(context))
    return Emitted(text=text, latest=False, role=role_of_ref(context), about="a scheduled run")


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
    group = group_of(rule, matched(rule, "pattern", text) or (), text, evaluation)
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
    return rule.pattern is None or matched(rule, "pattern", text) is not None


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


EVALUATORS: Mapping[str, Evaluator] = MappingProxyType(
    {
        "schedule": _schedule,
        "semver": evaluate_version,
        "pep440": evaluate_version,
        "calver": evaluate_version,
        "match": evaluate_match,
        "edge": _edge,
        "ref": _ref,
        "raw": _raw,
        "sha": _sha,
        "describe": evaluate_describe,
    }
)
