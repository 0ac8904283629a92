"""Compiles JavaScript regular expressions, which `match` rules are written in. Pure.

`\\d` and `\\w` are ASCII, `$` does not match before a trailing line break, `(?<name>…)` is a group. Backtracking can
take exponential time, and a ref name may come from anybody: the lengths of pattern and subject are capped, and so is
the time. The library `regex` matches, because it has a time limit and lets other threads run meanwhile; `re` has
neither, and no signal ends it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.limits import PATTERN_SECONDS
from release.tagging.rules.javascript.translation import LONGEST_SUBJECT, Translator

# Characters of a regular expression; real ones have fewer than 100. Compiling takes time that grows with the length and
# has no time limit.
_MAX_PATTERN = 1000
_FLAGS = "dgimsuvy"
_LITERAL = pattern(r"/(.+)/([^/]*)\Z", re.DOTALL)


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A translated regular expression. `groups`: how many capture groups it has."""

    text: str
    compiled: Any  # of the library `regex`, which has no types
    every: bool  # flag `g`: the result is the list of matches instead of the groups
    sticky: bool  # flag `y`: only at the beginning

    @property
    def groups(self) -> int:
        """How many capture groups there are."""
        return int(self.compiled.groups)

    def match(self, subject: str) -> tuple[str | None, ...] | None:
        """The whole match and its groups, or all matches (flag `g`); None without a match.

        Raises `ConfigError` for a subject of more than 512 characters, and when the time is up.
        """
        if len(subject) > LONGEST_SUBJECT:
            raise ConfigError(
                f"`{subject[:40]}…` has {len(subject)} characters, patterns are matched with at most {LONGEST_SUBJECT}",
                hint="give the rule a shorter `value`",
            )
        try:
            return (self._all(subject) or None) if self.every else self._first(subject)
        except TimeoutError as error:
            raise ConfigError(
                f"`{self.text}` needs more than {PATTERN_SECONDS:g} s for `{subject[:40]}`",
                hint="do not repeat a repetition: write `a+`, not `(a+)+`",
            ) from error

    def _first(self, subject: str) -> tuple[str | None, ...] | None:
        search = self.compiled.match if self.sticky else self.compiled.search
        found = search(subject, timeout=PATTERN_SECONDS, concurrent=True)
        return None if found is None else (found[0], *found.groups())

    def _all(self, subject: str) -> tuple[str, ...]:
        matches = []
        position = 0
        for found in self.compiled.finditer(subject, timeout=PATTERN_SECONDS, concurrent=True):
            if self.sticky and found.start() != position:
                break
            position = found.end() + (not found[0])
            matches.append(found[0])
        return tuple(matches)


def parse_pattern(text: str, *, literal: bool = True) -> Pattern:
    """Compile `text`: a plain expression, or with `literal` also `/expression/flags`.

    Raises `ConfigError` for what is not a regular expression, or cannot be translated.
    """
    if len(text) > _MAX_PATTERN:
        raise ConfigError(
            f"a pattern of {len(text)} characters, at most {_MAX_PATTERN} are read",
            hint="write several rules, each with a part of it",
        )
    found = _LITERAL.match(text) if literal else None
    source, flags = (found[1], found[2]) if found else (text, "")
    unknown = [flag for flag in flags if flag not in _FLAGS]
    if unknown or len(set(flags)) != len(flags) or {"u", "v"} <= set(flags):
        raise ConfigError(
            f"`{flags}` are not flags of a regular expression", hint="flags are `dgimsuvy`, each once"
        )
    translated = Translator(source, flags).translate()
    # Imported late: few configs have a regular expression, and the import takes 10 ms.
    import regex  # type: ignore[import-untyped, import-not-found, unused-ignore]

    try:
        compiled = regex.compile(translated, regex.V0 | (regex.IGNORECASE if "i" in flags else 0))
    except (regex.error, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"`{text}` cannot be used as a regular expression here: {error}",
            hint="write it with characters, sets such as `[0-9]`, groups and `*`, `+`, `?` or `{1,3}`",
        ) from error
    return Pattern(text=text, compiled=compiled, every="g" in flags, sticky="y" in flags)
