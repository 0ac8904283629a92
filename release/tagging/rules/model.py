"""The values of the rule language: a rule with its attributes, an image, the flavor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from release.config.document import Position
from release.errors import ConfigError
from release.tagging.expressions.source_text import Located, locate
from release.tagging.rules.javascript.pattern import Pattern


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `tags`. `values`: attributes by name, defaults included, each with its place.

    `priority`: higher comes first; NaN, for a value that is not a number, compares equal to every other. `pattern`: the
    compiled regular expression of `match`, or of the attribute `pattern` if that is a regular expression.
    """

    type: str
    values: Mapping[str, Located]
    item: Located
    priority: float
    pattern: Pattern | None = None
    warnings: tuple[str, ...] = ()

    @property
    def attributes(self) -> dict[str, str]:
        """The text of each attribute, by name."""
        return {name: value.text for name, value in self.values.items()}

    @property
    def place(self) -> Position:
        """The position where the rule begins."""
        return self.item.place(0)

    def text(self, name: str) -> str:
        """The text of the attribute `name`; empty if there is none."""
        value = self.values.get(name)
        return "" if value is None else value.text

    def value(self, name: str) -> Located:
        """The attribute `name` with positions; if there is none, empty text at the rule's position."""
        value = self.values.get(name)
        return (
            locate("", source=self.place.source, line=self.place.line, column=self.place.column)
            if value is None
            else value
        )

    def error(self, name: str, message: str, *, hint: str | None) -> ConfigError:
        """An error at the position of the attribute `name`, or else of the rule."""
        return self.values.get(name, self.item).error(0, message, hint=hint)


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `images`, its name as written."""

    name: str
    enable: bool
    place: Position


class Flavor(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for all tags. `prefix_on_latest`, `suffix_on_latest`: whether `latest` has the affix too."""

    latest: Literal["auto", "true", "false"] = "auto"
    prefix: Located | None = None
    prefix_on_latest: bool = False
    suffix: Located | None = None
    suffix_on_latest: bool = False
