"""Parses rules: lines in the language of docker/metadata-action, or YAML mappings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cmp_to_key

from release.config.document import Position
from release.errors import ConfigError
from release.tagging.expressions.source_text import Located, locate
from release.tagging.rules.checks import require_expressions, require_known, require_type, require_valid
from release.tagging.rules.javascript.numbers import javascript_number
from release.tagging.rules.javascript.pattern import Pattern, parse_pattern
from release.tagging.rules.kinds import COMMON, KINDS, Kind
from release.tagging.rules.listing import parse_fields, parse_items
from release.tagging.rules.model import Rule

#: The rules that apply if the input has none. docker/metadata-action has the same defaults.
DEFAULT_RULES = ("type=schedule", "type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr")


def parse_rules(items: Iterable[Located]) -> tuple[Rule, ...]:
    """The rules of `items`, the default ones if there is none, highest priority first.

    Raises `ConfigError` with line and column for what docker/metadata-action refuses, for attributes that no rule has,
    and for what shipmark does not support: blocks in expressions, patterns without an equivalent in Python, long texts.
    """
    rules = [parse_rule(item) for item in items]
    if not rules:
        rules = [parse_rule(locate(item, source="default rules")) for item in DEFAULT_RULES]
    return sort_rules(rules)


def rules_from_config(
    tags: str | Sequence[str | Mapping[str, str]], *, source: str = "tags", places: Sequence[Position] = ()
) -> tuple[Rule, ...]:
    """The rules of a config's `tags:`: a block of lines, or a list of lines and mappings; highest priority first.

    `places`: the positions of the list's entries, or of the block. Without `places`, errors name `tags[2]:1:5`, or a
    line of the block.
    """
    rules: list[Rule] = []
    entries: Sequence[str | Mapping[str, str]] = (tags,) if isinstance(tags, str) else tags
    for number, entry in enumerate(entries):
        name = source if isinstance(tags, str) else f"{source}[{number}]"
        place = places[number] if number < len(places) else Position(source=name, line=1, column=1)
        if isinstance(entry, str):
            items = parse_items(
                entry, source=place.source, line=place.line, column=place.column, indent=place.column - 1
            )
            rules += [parse_rule(item) for item in items]
        else:
            rules.append(rule_from_mapping(entry, place))
    return sort_rules(rules) if rules else parse_rules(())


def sort_rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Sort rules by priority, highest first. Rules whose priorities are equal or not numbers keep their order."""
    return tuple(sorted(rules, key=cmp_to_key(_compare)))


def _compare(one: Rule, other: Rule) -> int:
    return (other.priority > one.priority) - (other.priority < one.priority)


def parse_rule(item: Located) -> Rule:
    """Parse the rule in one item."""
    kind: Located | None = None
    given: dict[str, Located] = {}
    for field in parse_fields(item):
        split = field.text.find("=")
        if split <= 0:
            given["value"] = field.strip()
            continue
        key = field.cut(0, split).strip()
        value = field.cut(split + 1, len(field.text)).strip()
        if key.text.lower() == "type":
            require_type(value)
            kind = value
        else:
            require_known(key)
            given[key.text.lower()] = value
    return build_rule(item, kind, given)


def rule_from_mapping(entry: Mapping[str, str], place: Position) -> Rule:
    """The rule in a YAML mapping that stands at `place`: `{type: semver, pattern: "{{version}}"}`."""
    values = {
        key: locate(value, source=place.source, line=place.line, column=place.column)
        for key, value in entry.items()
    }
    item = locate(
        ",".join(f"{key}={value}" for key, value in entry.items()),
        source=place.source,
        line=place.line,
        column=place.column,
    )
    kind = values.pop("type", None)
    for key in values:
        require_known(locate(key, source=place.source, line=place.line, column=place.column))
    return build_rule(item, kind, {key.lower(): value for key, value in values.items()})


def build_rule(item: Located, kind: Located | None, given: Mapping[str, Located]) -> Rule:
    """Make a rule with the defaults of its type, and check required attributes and choices."""
    name = "raw" if kind is None else require_type(kind)
    found = KINDS[name]
    place = item.place(0)
    defaults = {"priority": str(found.priority), "enable": "true"}
    if found.prefix is not None:
        defaults["prefix"] = found.prefix
    defaults |= {key: value for key, value in found.attributes.items() if value is not None}
    if name == "ref" and "event" in given and given["event"].text == "pr":
        defaults["prefix"] = "pr-"
    own = {key: value for key, value in given.items() if key in COMMON or key in found.attributes}
    values = {
        key: locate(value, source=place.source, line=place.line, column=place.column)
        for key, value in defaults.items()
        if key not in own
    } | own
    require_valid(name, found, item, values)
    require_expressions(found, values)
    priority = javascript_number(values["priority"].text)
    pattern = _pattern(found, values)
    return Rule(
        type=name,
        values=values,
        item=item,
        priority=priority,
        pattern=pattern,
        warnings=_warnings(name, given, own, priority, pattern),
    )


def _pattern(kind: Kind, values: Mapping[str, Located]) -> Pattern | None:
    value = values.get(kind.regular) if kind.regular else None
    if value is None or (kind.regular == "match" and not value.text):
        return None
    try:
        pattern = parse_pattern(value.text, literal=kind.regular == "pattern")
    except ConfigError as error:
        cut = value.text.rpartition("{")[2].isdecimal()  # `a{1`, of `a{1,2}`
        hint = 'a comma ends a field: protect it as in `"""pattern=a{1,2}"""`' if cut else error.hint
        raise value.error(0, error.message, hint=hint) from error
    return pattern


def _warnings(
    name: str,
    given: Mapping[str, Located],
    own: Mapping[str, Located],
    priority: float,
    pattern: Pattern | None,
) -> tuple[str, ...]:
    found = [
        f"{value.place(0)}: `type={name}` has no attribute `{key}`; it is ignored"
        for key, value in given.items()
        if key not in own
    ]
    if math.isnan(priority):
        value = own["priority"]
        found.append(
            f"{value.place(0)}: `priority={value.text}` is not a number; the rule keeps its position"
        )
    if pattern is not None and "match" in own and not pattern.groups:
        value = own["match"]
        found.append(
            f"{value.place(0)}: `match={value.text}` has no group, so a match is an error: `match=app-(.*)`"
        )
    return (*found, *_unknown_zones(own))


def _unknown_zones(own: Mapping[str, Located]) -> list[str]:
    """Warnings about time zones in expressions that do not exist. As moment.js does, dates are in UTC then."""
    zones = [
        (value.place(match.start()), match[1])
        for value in own.values()
        if "tz=" in value.text
        for match in re.finditer(r"""\btz=['"]([^'"]*)['"]""", value.text)
    ]
    if not zones:
        return []
    from release.tagging.expressions.moment import find_zone  # imported late: few rules name a time zone

    try:
        unknown = [(place, name) for place, name in zones if find_zone(name) is None]
    except ConfigError:
        return []  # this machine has no time zone data: an error where a rule that applies needs them
    return [f"{place}: no time zone is called `{name}`; UTC is taken" for place, name in unknown]
