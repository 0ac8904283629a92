"""Patterns of `.dockerignore`, COPY and `paths:`: Go's `filepath.Match` plus `**`, matched in linear time. Pure.

No star is tried twice: if text follows `*` or `**`, the first position where that text matches is as good as a later
one. So a star and the text after it are matched lazily inside an atomic group, `(?>…)`, into which `re` does not
backtrack. Only the last text of a name or path has a fixed position. A plain translation (`[^/]*` for each star) would
backtrack for years on `*a*a*a*a*b`. All this holds only for a `**` at the start of a name, so `a**b` is replaced by the
alternatives `ab` and `a*/**/b`.
"""

from __future__ import annotations

import itertools
import re

#: Characters of one pattern. Linux opens no longer path (PATH_MAX), and the time to compile a pattern grows with it.
LONGEST_PATTERN = 4096
#: How often `**` may follow other characters of a name (`a**b`). Each one doubles the regular expression: three give
#: eight alternatives.
_MOST_INNER = 3

_STAR = "*"
_DOUBLE = "**"
_SLASH = "/"
#: A token is `_STAR`, `_DOUBLE`, `_SLASH`, or a regular expression that matches one character of a name.
Tokens = list[str]


def expression_of(pattern: str) -> str:
    """A regular expression for `fullmatch` on a whole path. Raises `ValueError` for an invalid pattern."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"the pattern has more than {LONGEST_PATTERN} characters")
    if pattern.startswith("**") and not has_wildcard(pattern[2:]) and not pattern.startswith("**/"):
        return ".*" + re.escape(pattern[2:])  # `**.pyc` matches paths that end with `.pyc`, at any depth
    return "|".join(_path(tokens) for tokens in _outer_only(_tokens(pattern)))


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern is more than a literal name."""
    return any(character in pattern for character in "*?[\\")


def _tokens(pattern: str) -> Tokens:
    """The pattern as tokens. `**/` is one token; repeated `*` or `**/` become one."""
    found: Tokens = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*" and pattern[at : at + 1] == "*":
            at += 2 if pattern[at + 1 : at + 2] == "/" else 1
            piece = _DOUBLE
        elif character == "*":
            piece = _STAR
        elif character == "?":
            piece = "[^/]"
        elif character == "[":
            piece, at = _character_class(pattern, at)
        elif character == "\\" and at < len(pattern):
            piece = re.escape(pattern[at])
            at += 1
        else:
            piece = _SLASH if character == "/" else re.escape(character)
        if piece not in (_STAR, _DOUBLE) or found[-1:] != [piece]:
            found.append(piece)
    return found


def _outer_only(tokens: Tokens) -> list[Tokens]:
    """Alternatives for `tokens` that together match the same paths, with each `**` at a name's start or the end."""
    inner = [
        at
        for at in range(1, len(tokens) - 1)
        if tokens[at] == _DOUBLE and tokens[at - 1] not in (_SLASH, _DOUBLE)
    ]
    if len(inner) > _MOST_INNER:
        raise ValueError(f"the pattern holds `**` inside of names more than {_MOST_INNER} times")
    made = []
    for choice in itertools.product(([], [_STAR, _SLASH, _DOUBLE]), repeat=len(inner)):
        chosen = dict(zip(inner, choice, strict=True))
        made.append([piece for at, token in enumerate(tokens) for piece in chosen.get(at, [token])])
    return made


def _path(tokens: Tokens) -> str:
    """The expression for a path: groups of whole names, with `**` between them."""
    ends_open = tokens[-1:] == [_DOUBLE]
    groups = _split(tokens[:-1] if ends_open else tokens, _DOUBLE)
    *before, last = (_names(group) for group in groups)
    expression = ""
    for number, names in enumerate(before):
        if number == 0:
            expression += names
        elif names:
            expression += f"(?>(?:.*?/)??{names})"
    if before:
        expression += "(?:.*/)?"
    return expression + last + (".*" if ends_open else "")


def _names(tokens: Tokens) -> str:
    return "/".join(_name(part) for part in _split(tokens, _SLASH))


def _name(tokens: Tokens) -> str:
    """The expression for one name: literal pieces with stars between them."""
    first, *rest = ("".join(piece) for piece in _split(tokens, _STAR))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + f"[^/]*{last}"


def _split(tokens: Tokens, separator: str) -> list[Tokens]:
    parts: list[Tokens] = [[]]
    for token in tokens:
        if token == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _character_class(pattern: str, at: int) -> tuple[str, int]:
    """`[a-z]` or `[^a-z]` as an expression that never matches `/`, and where the pattern goes on."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges = ""
    while not ranges or pattern[at : at + 1] != "]":
        low, at = _class_member(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _class_member(pattern, at + 1)
        if high < low:
            raise ValueError(f"the range `{low}-{high}` is empty")
        ranges += f"{re.escape(low)}-{re.escape(high)}"
    return f"(?!/)[{'^' if negated else ''}{ranges}]", at + 1


def _class_member(pattern: str, at: int) -> tuple[str, int]:
    member = pattern[at : at + 1]
    if member == "\\":
        at += 1
        member = pattern[at : at + 1]
    elif member in ("-", "]"):
        raise ValueError(f"`{member}` stands where a character is expected")
    if member in ("", "/"):
        raise ValueError("a bracket is not closed within its path component")
    return member, at + 1
