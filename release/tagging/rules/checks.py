"""Checks of a rule that was read: its type, its attributes and their values. Raises `ConfigError` with the place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from release.hints import did_you_mean
from release.tagging.expressions.render import parse_template
from release.tagging.expressions.source_text import Located
from release.tagging.rules.javascript.numbers import javascript_number
from release.tagging.rules.kinds import ATTRIBUTES, KINDS, Kind


def require_type(kind: Located) -> str:
    """The rule's type, a key of `KINDS`."""
    if kind.text not in KINDS:
        raise kind.error(0, f"unknown type `{kind.text}`", hint=_known(kind.text, KINDS))
    return kind.text


def require_known(key: Located) -> None:
    """Raise unless some type of rule has the attribute."""
    name = key.text.lower()
    if name not in ATTRIBUTES:
        hint = (
            "an expression with `=` needs `value=` before it"
            if "{{" in name
            else _known(name, ("type", *ATTRIBUTES))
        )
        raise key.error(0, f"unknown attribute `{key.text}`", hint=hint)


def require_enabling(text: str, place: Located) -> None:
    """Raise unless `text`, the attribute `enable` with its expressions expanded, is a truth value.

    `place`: the attribute as it was written.
    """
    if text not in ("true", "false"):
        raise place.error(
            0,
            f"`enable` is `{text}`, it must be `true` or `false`",
            hint="`{{is_default_branch}}` and `{{is_not_default_branch}}` give one of them",
        )


def require_valid(name: str, kind: Kind, item: Located, values: Mapping[str, Located]) -> None:
    """Raise if an attribute is missing, or has a value that its type does not take.

    `name`, `kind`: the rule's type. `item`: the whole rule. `values`: its attributes.
    """
    for key in kind.required:
        if key not in values:
            hint = f"write `type={name},{key}=…`"
            if "," not in item.text:
                # `tags: [type=raw,value=x]` is a list of two items for YAML.
                hint += "; a rule in a list in brackets needs quotes, since a comma ends an item there"
            raise item.error(0, f"`type={name}` needs `{key}`", hint=hint)
    for key, choices in kind.choices.items():
        if key in values and values[key].text not in choices:
            allowed = ", ".join(f"`{choice}`" for choice in choices)
            raise values[key].error(
                0,
                f"`{key}={values[key].text}` of `type={name}` must be one of {allowed}",
                hint=_known(values[key].text, choices),
            )
    if "{{" not in values["enable"].text:
        require_enabling(values["enable"].text, values["enable"])
    if "immutable" in values and values["immutable"].text not in ("true", "false"):
        raise values["immutable"].error(
            0,
            f"`immutable={values['immutable'].text}` must be `true` or `false`",
            hint="`true`: the tag names one image for ever; `false`: it moves",
        )
    if "group" in values and math.isnan(javascript_number(values["group"].text)):
        raise values["group"].error(
            0,
            f"`group={values['group'].text}` is not a number",
            hint="groups are counted from 1; 0 is the whole match",
        )


def require_expressions(kind: Kind, values: Mapping[str, Located]) -> None:
    """Parse the rule's expressions, so that an invalid one is an error in every run, not only in a release."""
    for key in ("enable", "prefix", "suffix", *kind.expressions):
        if key in values:
            parse_template(values[key])


def _known(name: str, known: Iterable[str]) -> str:
    names = tuple(known)
    return did_you_mean(name, names, "known are " + ", ".join(f"`{one}`" for one in names))
