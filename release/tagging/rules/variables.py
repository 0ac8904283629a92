"""Refuses variables in a config's rules that are not replaced, are not set, or look like secrets. Pure.

In `shipmark metadata` such text stays as docker/metadata-action has it: empty, or sanitised into the tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from release.hints import nearest
from release.json_text import is_utf8
from release.secrets.names import looks_secret
from release.tagging.expressions.render import parse_template
from release.tagging.expressions.source_text import Located, locate
from release.tagging.expressions.tree import Call
from release.tagging.rules.kinds import KINDS
from release.tagging.rules.model import Flavor, Rule

#: Every name that some expression may use: `global_names`, and what rules with versions add.
NAMES = frozenset(
    (
        "branch",
        "tag",
        "sha",
        "base_ref",
        "is_default_branch",
        "is_not_default_branch",
        "version",
        "distance",
        "commit_count",
        "channel",
        "pr",
        "pr_head_sha",
        "env",
        "date",
        "commit_date",
        "this",
        "raw",
        "major",
        "minor",
        "patch",
        "prerelease",
        "build",
        "loose",
        "includePrerelease",
        "describe",
        "year",
        "month",
        "day",
        "micro",
        "modifier",
        "YYYY",
        "YY",
        "MM",
        "0M",
    )
)
# Attributes with expressions in every rule; `KINDS` has those of each type.
_EXPANDED = ("enable", "prefix", "suffix")


def require_variables(
    rules: Sequence[Rule],
    flavor: Flavor,
    pairs: Mapping[str, Mapping[str, str]],
    env: Mapping[str, str],
) -> None:
    """Raise `ConfigError` with the position of a variable in the config that cannot be used.

    `pairs`: labels and annotations, by the name of their section. `env`: the variables that the config may use.
    """
    for rule in rules:
        _require_no_shell(rule.item)
        for name in (*_EXPANDED, *KINDS[rule.type].expressions):
            if (value := rule.values.get(name)) is not None:
                _require_set(value, env)
    for affix in (flavor.prefix, flavor.suffix):
        if affix is not None:
            _require_no_shell(affix)
            _require_set(affix, env)
    require_variables_in(pairs, env)


def require_variables_in(pairs: Mapping[str, Mapping[str, str]], env: Mapping[str, str]) -> None:
    """The part of `require_variables` about labels and annotations."""
    for section, texts in pairs.items():
        for name, text in texts.items():
            if "{{" in text:
                _require_set(locate(text, source=f"{section}.{name}"), env)


def _require_no_shell(text: Located) -> None:
    offset = text.text.find("${")
    if offset < 0:
        return
    if text.text.startswith("${{", offset):
        hint = "shipmark.yml is not a workflow: `{{branch}}`, `{{sha}}`, `{{env.GITHUB_RUN_NUMBER}}` are replaced"
    else:
        name = text.text[offset + 2 :].partition("}")[0]
        hint = f"write `{{{{env.{name}}}}}`" if name.isidentifier() else "write `{{env.NAME}}`"
    raise text.error(offset, "`${…}` is not replaced in rules", hint=hint)


def _require_set(value: Located, env: Mapping[str, str]) -> None:
    _require_spelling(value)
    for name, offset in _variables(value):
        if looks_secret(name):
            raise value.error(
                offset,
                f"`env.{name}` looks like a secret, and tags and labels can be read by others",
                hint=f"if {name} is not a secret, use a variable with another name",
            )
        if name not in env:
            raise value.error(
                offset,
                f"`env.{name}` is not set" if name else "`env` needs the name of a variable: `{{env.NAME}}`",
                hint=f"set {name} in the environment of this job"
                if name
                else "write the variable's name there",
            )
        if not is_utf8(env[name]):
            raise value.error(
                offset, f"`env.{name}` has bytes that are not UTF-8", hint=f"set {name} in UTF-8"
            )


def _require_spelling(value: Located) -> None:
    """Raise `ConfigError` for a name that is like a known one. Other unknown names are empty, as in the action."""
    for node in parse_template(value).nodes:
        for path in node.paths() if isinstance(node, Call) else ():
            name = path.parts[0] if path.parts else "this"
            if name not in NAMES and (near := nearest(name, NAMES)) is not None:
                raise value.error(
                    path.offset, f"there is no `{name}` here", hint=f"did you mean `{{{{{near}}}}}`?"
                )


def _variables(value: Located) -> Iterable[tuple[str, int]]:
    for node in parse_template(value).nodes:
        if isinstance(node, Call):
            for path in node.paths():
                if path.parts[:1] == ("env",):
                    yield ".".join(path.parts[1:]), path.offset


def environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """The variables for expressions, without those that look like secrets.

    `env`: None for `shipmark metadata`, where every variable is empty as in docker/metadata-action.
    """
    return {} if env is None else {name: text for name, text in env.items() if not looks_secret(name)}
