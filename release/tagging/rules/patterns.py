"""JavaScript regular expressions for Python's `re`: what `match` rules are written in.

`\\d` and `\\w` are ASCII, `$` does not match before a trailing line break, `(?<name>…)` is a group. The lengths of
pattern and subject are capped: backtracking can take exponential time, and a ref name may come from anybody.
"""

from __future__ import annotations

import re

import msgspec

from release.errors import ConfigError
from release.tagging.rules.translation import Translator

_MAX_PATTERN = 1000  # characters
_MAX_SUBJECT = 512  # characters; longer names are no releases
_FLAGS = "dgimsuvy"
_LITERAL = re.compile(r"/(.+)/([^/]*)\Z", re.DOTALL)


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A translated regular expression. `groups`: how many capture groups it has."""

    text: str
    compiled: re.Pattern[str]
    every: bool  # flag `g`: the result is the list of matches instead of the groups
    sticky: bool  # flag `y`: only at the beginning

    @property
    def groups(self) -> int:
        """How many capture groups there are."""
        return self.compiled.groups

    def match(self, subject: str) -> tuple[str | None, ...] | None:
        """The whole match and its groups, or all matches (flag `g`); None without a match.

        Raises `ConfigError` for a subject of more than 512 characters.
        """
        if len(subject) > _MAX_SUBJECT:
            raise ConfigError(
                f"`{subject[:40]}…` has {len(subject)} characters, patterns see at most {_MAX_SUBJECT}"
            )
        if not self.every:
            found = self.compiled.match(subject) if self.sticky else self.compiled.search(subject)
            return None if found is None else (found[0], *found.groups())
        return self._all(subject) or None

    def _all(self, subject: str) -> tuple[str, ...]:
        matches = []
        position = 0
        for found in self.compiled.finditer(subject):
            if self.sticky and found.start() != position:
                break
            position = found.end() + (not found[0])
            matches.append(found[0])
        return tuple(matches)


def parse_pattern(text: str, *, literal: bool = True) -> Pattern:
    """Compile `text`: a plain expression, or with `literal` also `/expression/flags`.

    Raises `ConfigError` for what is no regular expression, or none that can be translated.
    """
    if len(text) > _MAX_PATTERN:
        raise ConfigError(f"a pattern of {len(text)} characters, at most {_MAX_PATTERN} are read")
    found = _LITERAL.match(text) if literal else None
    source, flags = (found[1], found[2]) if found else (text, "")
    unknown = [flag for flag in flags if flag not in _FLAGS]
    if unknown or len(set(flags)) != len(flags) or {"u", "v"} <= set(flags):
        raise ConfigError(
            f"`{flags}` are no flags of a regular expression", hint="flags are `dgimsuvy`, each once"
        )
    translated = Translator(source, flags).translate()
    try:
        compiled = re.compile(translated, re.IGNORECASE if "i" in flags else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"`{text}` cannot be used as a regular expression here: {error}") from error
    return Pattern(text=text, compiled=compiled, every="g" in flags, sticky="y" in flags)
