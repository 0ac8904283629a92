"""Patterns in `${name#pattern}`, `${name%pattern}` and `${name/pattern/text}`. Pure.

`*` stands for any text and `?` for one character, neither for a line break; `\\` makes them, and itself, literal.
Brackets are not special. A pattern is matched by following all of its positions at once, so that no pattern takes
more than one pass over the value (regular expressions with several `.*` take time that grows with a power of its
length).
"""

from __future__ import annotations

import re

import msgspec

from release.lazy_pattern import pattern
from release.limits import PATTERN_CHARACTERS

_ANY, _STAR = "?", "*"
# Go's `Regexp.ReplaceAllString` reads these in the replacement as references to groups. A pattern has no groups, so
# each becomes empty text, except `$$`, which becomes `$`.
_GROUP = pattern(r"\$(?:(\$)|\w+|\{\w+\})", re.ASCII)


class ExpansionError(ValueError):
    """The text cannot be expanded. The message gives the reason, but not the file and line. `hint`: what helps."""

    hint = "write a literal `$` as `\\$`, and close quotes on the same line"


class ValueRequired(ExpansionError):
    """A variable without a value in `${NAME:?text}` or `${NAME?text}`."""

    hint = "give it a value: with `ARG` in this stage and `build: {args: …}`, or with `ENV`"


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed pattern. `tokens`: (character, whether it is a wildcard); no two stars stand side by side."""

    tokens: tuple[tuple[str, bool], ...]

    def reversed(self) -> Pattern:
        """The pattern of the same texts read backwards."""
        return Pattern(tokens=self.tokens[::-1])


def read_pattern(text: str) -> Pattern:
    """Parse a pattern. Raises `ValueError` for an escape that does not exist."""
    tokens: list[tuple[str, bool]] = []
    at = 0
    while at < len(text):
        token = (text[at], text[at] in (_ANY, _STAR))
        at += 1
        if token[0] == "\\":
            following = text[at : at + 1]
            if following in ("}", "/"):
                continue  # the escape is one of `${…}`, and not part of the pattern
            if following not in ("*", "?", "\\"):
                raise ValueError(f"`\\{following}` is not an escape of a pattern")
            token = (following, False)
            at += 1
        if token != (_STAR, True) or tokens[-1:] != [token]:
            tokens.append(token)
    return Pattern(tokens=tuple(tokens))


def trim_prefix(pattern: Pattern, value: str, *, longest: bool) -> str:
    """`value` without the shortest or longest match at its start. Raises `ValueError` for a value that is too long."""
    ends = _Matcher(pattern, value).ends(0, first=not longest)
    return value[ends[-1] :] if ends else value


def trim_suffix(pattern: Pattern, value: str, *, longest: bool) -> str:
    """`value` without the shortest or longest match at its end. Raises `ValueError` for a value that is too long."""
    return trim_prefix(pattern.reversed(), value[::-1], longest=longest)[::-1]


def replace(pattern: Pattern, value: str, text: str, *, every: bool, most: int) -> str:
    """`value` with its first match, or every one, replaced. The leftmost match counts, and of it the longest.

    Raises `ValueError` for a value that is too long, and for a result of more than `most` characters more.
    """
    if every:
        text = _GROUP.sub(lambda match: match[1] or "", text)
    forward, result, copied = _Matcher(pattern, value), "", 0
    for start in _Matcher(pattern.reversed(), value[::-1]).starts():
        # Go ignores an empty match directly behind another match.
        if start < copied:
            continue
        end = forward.ends(start, first=False)[-1]
        if end == start == copied and copied:
            continue
        result += value[copied:start] + text
        copied = end
        if len(result) > most + len(value):
            raise ValueError("the replacements make too many characters")
        if not every:
            break
    return result + value[copied:]


class _Matcher:
    """Follows a pattern over a value. Bit `n` of a state: the first `n` tokens have matched."""

    def __init__(self, pattern: Pattern, value: str) -> None:
        if len(value) > PATTERN_CHARACTERS:
            raise ValueError(f"a pattern is applied to more than {PATTERN_CHARACTERS:,} characters")
        self._value = value
        self._done = 1 << len(pattern.tokens)
        self._stars = self._any = 0
        self._literal: dict[str, int] = {}
        for at, (character, is_wildcard) in enumerate(pattern.tokens):
            if not is_wildcard:
                self._literal[character] = self._literal.get(character, 0) | 1 << at
            elif character == _STAR:
                self._stars |= 1 << at
            else:
                self._any |= 1 << at

    def ends(self, start: int, *, first: bool) -> list[int]:
        """The ends of all matches that begin at `start`, in ascending order. `first`: stop after the first end."""
        state = self._closed(1)
        ends = [start] if state & self._done else []
        for at in range(start, len(self._value)):
            if not state or (ends and first):
                break
            state = self._next(state, self._value[at])
            ends += [at + 1] if state & self._done else []
        return ends

    def starts(self) -> list[int]:
        """For a reversed value and pattern: the positions in the original value where matches begin, ascending."""
        size = len(self._value)
        state = self._closed(1)
        found = [size] if state & self._done else []
        for at, character in enumerate(self._value):
            state = self._next(state, character) | self._closed(1)
            found += [size - at - 1] if state & self._done else []
        return found[::-1]

    def _next(self, state: int, character: str) -> int:
        matching = self._literal.get(character, 0)
        staying = 0
        if character != "\n":  # like `.` in Go, a wildcard does not match a line break
            matching |= self._any
            staying = state & self._stars
        return self._closed((state & matching) << 1 | staying)

    def _closed(self, state: int) -> int:
        """The state after stars have matched the empty text."""
        return state | (state & self._stars) << 1
