"""Filters the `shipmark.yml` of an untrusted run: allowed keys, and values that use public variables only.

The filter runs before values are converted, so that code for other keys never sees them. A new key is left out until it
is added to `ALLOWED`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from release.build_spec import BuildSpec, options
from release.config.model import (
    BumpSection,
    CheckSection,
    ComponentSection,
    ConfigFile,
    LogSection,
    TargetSection,
)
from release.config.retention import (
    DeleteSection,
    InUseSection,
    KeepSection,
    LimitsSection,
    LogWindowSection,
    RetentionSection,
    TrashSection,
)
from release.config.variables import names_in
from release.lazy_pattern import pattern

_COMPONENT = frozenset(
    """
    image images tags flavor labels annotations build prefix paths depends versions latest base channels
    """.split()  # noqa: SIM905  # quoted names would hide the list
)

# A component's keys that an untrusted run does not read.
_NOT_OF_COMPONENT = frozenset(
    """
    reuse attest checks pull_requests release_on ignore_tags events bump retention
    """.split()  # noqa: SIM905  # quoted names would hide the list
)

# `retention:` and everything in it: an untrusted run prunes nothing, and must not start a command of `in_use:`.
_RETENTION: tuple[type[msgspec.Struct], ...] = (
    RetentionSection,
    DeleteSection,
    KeepSection,
    LogWindowSection,
    LimitsSection,
    InUseSection,
    TrashSection,
)

#: Section -> its keys that are read in an untrusted run: those that affect what would be built, and the image's names.
ALLOWED: Mapping[type[msgspec.Struct], frozenset[str]] = {
    ConfigFile: _COMPONENT | {"components"},
    ComponentSection: _COMPONENT,
    TargetSection: frozenset({"image", "required", "moving"}),
    BuildSpec: frozenset(name for name, option in options().items() if option.untrusted),
    LogSection: frozenset(),
    CheckSection: frozenset(),
    BumpSection: frozenset(),
    **dict.fromkeys(_RETENTION, frozenset()),
}

#: Section -> its keys that are not read in an untrusted run. A test fails for a key that is in neither `ALLOWED` nor
#: `DENIED`.
DENIED: Mapping[type[msgspec.Struct], frozenset[str]] = {
    ConfigFile: _NOT_OF_COMPONENT | {"project", "log", "requires"},
    ComponentSection: _NOT_OF_COMPONENT,
    TargetSection: frozenset({"insecure"}),
    BuildSpec: frozenset(name for name, option in options().items() if not option.untrusted),
    LogSection: frozenset({"store", "path", "ref", "remote", "url", "allow_network_fs"}),
    CheckSection: frozenset({"name", "run", "timeout"}),
    BumpSection: frozenset({"types", "major_on_zero", "paths", "calver"}),
    **{section: frozenset(section.__struct_fields__) for section in _RETENTION},
}

_ENV = pattern(r"\benv\b(?:\s*\.\s*([A-Za-z_][A-Za-z0-9_]*))?")


class _Left(Exception):
    """Signals that a value is left out of the config; the user never sees it."""


def readable(value: dict[str, Any], public: Collection[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The allowed part of a config file, and the paths of the keys left out, such as `log` or `build.args.KEY`.

    `public`: the variables that values may use. Unknown keys are kept, so that the conversion reports them as errors.
    """
    reader = _Reader(public)
    return reader.section(value, ConfigFile, ""), tuple(reader.left)


class _Reader:
    def __init__(self, public: Collection[str]) -> None:
        self._public = frozenset(public)
        self.left: list[str] = []

    def section(self, value: dict[str, Any], kind: type[msgspec.Struct], path: str) -> dict[str, Any]:
        known, allowed = frozenset(kind.__struct_fields__), ALLOWED[kind]
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            where = f"{path}{key}"
            if key in known and key not in allowed:
                self.left += [where] if inner is not None else []
                continue
            try:
                kept[key] = self._member(key, inner, where)
            except _Left:
                self.left.append(where)
        return kept

    def _member(self, key: str, value: Any, path: str) -> Any:
        if key == "build" and isinstance(value, dict):
            return self.section(value, BuildSpec, f"{path}.")
        if key == "components" and isinstance(value, dict):
            return {
                name: self.section(one, ComponentSection, f"{path}.{name}.") if isinstance(one, dict) else one
                for name, one in value.items()
            }
        if key == "images" and isinstance(value, list):
            return self._entries(
                [
                    self._target(one, f"{path}[{number}]") if isinstance(one, dict) else one
                    for number, one in enumerate(value)
                ],
                path,
            )
        return self._value(value, path)

    def _target(self, value: dict[str, Any], path: str) -> Any:
        kept = self.section(value, TargetSection, f"{path}.")
        # A target is useless without its `image`; that path is in `left` already.
        return kept if "image" in kept or "image" not in value else None

    def _value(self, value: Any, path: str) -> Any:
        """`value` without entries that use non-public variables; of a text, the lines that use one are left out.

        Raises `_Left` if nothing remains.
        """
        if isinstance(value, str):
            lines = value.split("\n")
            kept = [line for line in lines if self._is_public(line)]
            if len(kept) < len(lines):
                if not "".join(kept).strip():
                    raise _Left
                self.left.append(f"{path} (a line)")
            return "\n".join(kept)
        if isinstance(value, list):
            return self._entries(value, path)
        if isinstance(value, dict):
            return self._table(value, path)
        return value

    def _entries(self, value: list[Any], path: str) -> list[Any]:
        kept = []
        for number, one in enumerate(value):
            where = f"{path}[{number}]"
            if one is None:
                continue
            if isinstance(one, dict):
                # A rule or a target: without one of its fields it would mean something else, so the whole entry is left
                # out.
                if all(self._is_public(text) for text in _texts(one)):
                    kept.append(one)
                else:
                    self.left.append(where)
                continue
            try:
                kept.append(self._value(one, where))
            except _Left:
                self.left.append(where)
        if value and not kept:
            raise _Left
        return kept

    def _table(self, value: dict[str, Any], path: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            where = f"{path}.{key}"
            try:
                if not self._is_public(str(key)):
                    raise _Left
                kept[key] = self._value(inner, where)
            except _Left:
                self.left.append(where)
        return kept

    def _is_public(self, text: str) -> bool:
        names = set(names_in(text))
        for expression in _expressions(text):
            names.update(_ENV.findall(expression))  # "" if `env` is used without a name; "" is never public
        return names <= self._public


def _expressions(text: str) -> Iterator[str]:
    """Yield each `{{…}}` in linear time; a regular expression would search `}}` again for every `{{`."""
    position = text.find("{{")
    while position >= 0:
        end = text.find("}}", position)
        if end < 0:
            return
        yield text[position:end]
        position = text.find("{{", end)


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, one in value.items() for text in (str(key), *_texts(one))]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []
