"""The table of rule types: their attributes, defaults and priorities."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

#: Attributes of every type. docker/metadata-action has no `immutable`, and ignores it.
COMMON = ("enable", "priority", "prefix", "suffix", "immutable")


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A rule type. `attributes`: those besides `COMMON`, with their defaults; None: without a default.

    `required`: attributes that must be given, even if empty. `choices`: the values that an attribute may have.
    `regular`: the attribute that is a regular expression. `expressions`: attributes with expressions, besides `enable`,
    `prefix`, `suffix`.
    """

    priority: int
    attributes: Mapping[str, str | None] = {}
    required: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = {}
    regular: str | None = None
    expressions: tuple[str, ...] = ()
    prefix: str | None = None


_VERSION = Kind(
    priority=900,
    attributes={"pattern": None, "value": "", "match": ""},
    required=("pattern",),
    regular="match",
    expressions=("pattern", "value"),
)

#: The types of tag rules. Priorities and defaults are those of docker/metadata-action v6.2.0, so that its rules give
#: equal tags in equal order. `calver` and `describe` are shipmark's own.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "schedule": Kind(
            priority=1000,
            attributes={"pattern": "nightly", "rebuild": None},
            choices={"rebuild": ("true", "false")},
            expressions=("pattern",),
        ),
        "semver": _VERSION,
        "pep440": _VERSION,
        "calver": Kind(
            priority=900,
            attributes={"pattern": "{{version}}", "value": "", "match": ""},
            regular="match",
            expressions=("pattern", "value"),
        ),
        "match": Kind(
            priority=800,
            attributes={"pattern": None, "group": "0", "value": ""},
            required=("pattern",),
            regular="pattern",
            expressions=("value",),
        ),
        "describe": Kind(priority=750, attributes={"pattern": "{{version}}"}, expressions=("pattern",)),
        "edge": Kind(priority=700, attributes={"branch": ""}),
        "ref": Kind(
            priority=600,
            attributes={"event": None, "branch": None, "pattern": None, "group": None},
            required=("event",),
            choices={"event": ("branch", "tag", "pr")},
            regular="pattern",
        ),
        "raw": Kind(priority=200, attributes={"value": None}, required=("value",), expressions=("value",)),
        "sha": Kind(
            priority=100,
            attributes={"format": "short", "commit": None},
            choices={"format": ("short", "long"), "commit": ("built", "head")},
            prefix="sha-",
        ),
    }
)

#: The attributes of all types. An attribute of another type causes a warning; any other name is an error.
ATTRIBUTES: tuple[str, ...] = tuple(
    dict.fromkeys((*COMMON, *(name for kind in KINDS.values() for name in kind.attributes)))
)
