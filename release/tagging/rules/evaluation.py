"""The evaluation of one rule: its context, the names that expressions use, the text that it reads, and warnings."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.tagging.expressions.render import Names, parse_template, render
from release.tagging.expressions.source_text import Located
from release.tagging.expressions.tree import Template
from release.tagging.rules.context import RuleContext
from release.tagging.rules.lines import Emitted
from release.tagging.rules.model import Rule

_INDEX = pattern(r"0|[1-9][0-9]{0,3}", re.ASCII)


# Names that need git's history. In a shallow clone they are empty, which is warned about.
_FROM_HISTORY = frozenset({"version", "distance", "commit_count"})


class UnknownNameError(Exception):
    """A rule uses a name whose value depends on history that is not here."""


def unknown_names(template: Template, names: Names) -> list[str]:
    """The names of `template` that depend on git's history and are not known."""
    return [name for name in sorted(template.names() & _FROM_HISTORY) if names[name] is None]


class Evaluation(msgspec.Struct, kw_only=True):
    """One evaluation: the context, the names for global expressions, and warnings for the user.

    `leaves_out`: `expand` raises `UnknownNameError` for a name that is unknown in this clone, which is else empty.
    """

    context: RuleContext
    names: Names
    leaves_out: bool = False
    warnings: list[str] = msgspec.field(default_factory=list)

    def warn(self, rule: Rule, name: str, message: str) -> None:
        """Add a warning with the position of the attribute `name`."""
        self.warnings.append(f"{rule.values.get(name, rule.item).place(0)}: {message}")

    def expand(self, value: Located | None) -> str:
        """Expand global expressions in `value`. A name that is unknown in this clone is empty, with a warning.

        Raises `UnknownNameError` for such a name if the evaluation `leaves_out` its rule.
        """
        if value is None:
            return ""
        template = parse_template(value)
        for name in unknown_names(template, self.names):
            told = f"{value.place(0)}: `{name}` is not known here"
            if self.leaves_out:
                raise UnknownNameError(f"{told}; the rule gives nothing")
            self.warnings.append(f"{told}; it is left empty")
        return render(template, self.names)


#: Evaluates one rule type; None if the rule gives no tag.
Evaluator = Callable[[Rule, Evaluation], Emitted | None]


def subject(rule: Rule, evaluation: Evaluation) -> tuple[str, str] | None:
    """The rule's own `value`, or the git tag."""
    if rule.text("value"):
        text = evaluation.expand(rule.value("value"))
        return text, f"value `{text}`"
    context = evaluation.context
    return (context.git_tag, f"git tag `{context.git_tag}`") if context.ref.startswith("refs/tags/") else None


def matched(rule: Rule, name: str, text: str) -> tuple[str | None, ...] | None:
    """The match of the rule's pattern and its groups; None without a pattern or a match.

    `name`: the attribute that has the pattern. Raises `ConfigError` with its position for text that cannot be matched.
    """
    if rule.pattern is None:
        return None
    try:
        return rule.pattern.match(text)
    except ConfigError as error:
        raise rule.error(name, error.message, hint=error.hint) from error


def group_of(rule: Rule, groups: tuple[str | None, ...], text: str, evaluation: Evaluation) -> str | None:
    """The part of a match that `group` names; None, and a warning, where the match has no such part."""
    index = rule.text("group")
    group = groups[int(index)] if _INDEX.fullmatch(index) and int(index) < len(groups) else None
    if group is None:
        evaluation.warn(rule, "group", f"`{rule.text('pattern')}` gives no group {index} of `{text}`")
    return group
