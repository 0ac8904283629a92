"""Translates JavaScript's regular expressions to Python's, one construct after another. Pure.

A reference to an unset group matches empty text; `\\d`, `\\w` and `\\b` are ASCII. `\\p{…}` cannot be translated and is
an error. One known difference remains: a group in a repetition keeps the text that an earlier iteration captured.
Source: ECMAScript 2024, "Patterns", with annex B.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.tagging.rules.javascript.characters import ANY, SETS, Characters, quoted

_BREAKS = "\\n\\r\\u2028\\u2029"
# Before Python 3.14 `\B` does not match in empty text.
_EDGES = {"b": "(?a:\\b)", "B": "(?a:(?<!\\w)(?!\\w)|(?<=\\w)(?=\\w))"}
_QUANTIFIER = pattern(r"[*+?]|\{([0-9]+)(?:(,)([0-9]*))?\}")
_GROUP_NAME = pattern(r"([^<>=!]+)>")
_GROUPS = "there are `(…)`, `(?:…)`, `(?<name>…)`, `(?=…)`, `(?!…)`, `(?<=…)` and `(?<!…)`"
_LOOK_BEHIND = -1  # marks an open look-behind; numbers of capture groups are positive
#: Characters of a text that patterns are matched with, such as a ref name; a longer text is an error. An image tag has
#: at most 128, and the time of a match may grow exponentially with the length.
LONGEST_SUBJECT = 512
#: Characters that a pattern may have once its counted repetitions are written out. `regex` writes them out when it
#: compiles a pattern, so `(?:(?:a{1000}){1000}){1000}` would take all memory. The limit is far above real
#: patterns, which have at most `_MAX_PATTERN` characters as written; more is an error.
_LONGEST_EXPANDED = 20_000


class Translator:
    """Translates one expression. Raises `ConfigError` if the expression is invalid, or has no equivalent."""

    def __init__(self, source: str, flags: str) -> None:
        self._source = source
        self._multiline = "m" in flags
        self._dot_all = "s" in flags
        self._unicode = "u" in flags or "v" in flags
        self._characters = Characters(source, is_unicode=self._unicode)
        self._position = 0
        self._names = _group_names(source)
        self._opened = 0  # number of capture groups so far
        self._open: list[int] = []  # unclosed groups: number of a capture group, `_LOOK_BEHIND`, or 0
        self._output: list[str] = []
        # Sizes for `_LONGEST_EXPANDED`, with counted repetitions written out: of the whole expression, then of each
        # unclosed group inside it, outermost first.
        self._sizes = [0]
        self._last = 0  # size of the element that a quantifier would repeat
        self._quantifiable = False

    def translate(self) -> str:
        """The expression in Python's syntax."""
        while self._position < len(self._source):
            self._term()
        if self._open:
            raise self._error(
                "a group that is never closed", r"end it with `)`, or write `\(` for a parenthesis"
            )
        return "".join(self._output)

    def _error(self, what: str, hint: str) -> ConfigError:
        return self._characters.error(what, self._position, hint)

    def _term(self) -> None:
        character = self._source[self._position]
        if quantifier := _QUANTIFIER.match(self._source, self._position):
            self._quantify(quantifier)
            return
        simple = {
            "^": "(?<![^" + _BREAKS + "])" if self._multiline else "\\A",
            "$": "(?![^" + _BREAKS + "])" if self._multiline else "\\Z",
            "|": "|",
        }.get(character)
        if simple is not None:
            self._emit(simple, size=1, quantifiable=False)
        elif character == "(":
            self._open_group()
        elif character == ")":
            self._close_group()
        elif character == ".":
            self._emit(ANY if self._dot_all else f"[^{_BREAKS}]", size=1)
        elif character == "[":
            text, end = self._characters.character_class(self._position)
            self._emit(text, size=end - self._position)
        elif character == "\\":
            self._escape()
        elif self._unicode and character in "{}]":
            raise self._error(f"`{character}` has to be escaped with the flag `u`", f"write `\\{character}`")
        else:
            self._emit(quoted(character), size=1)

    def _emit(self, text: str, *, size: int, quantifiable: bool = True) -> None:
        self._output.append(text)
        self._position += size
        self._quantifiable = quantifiable
        self._sizes[-1] += self._last
        self._last = 1

    def _quantify(self, found: re.Match[str]) -> None:
        if not self._quantifiable:
            raise self._error("nothing to repeat", f"write `\\{found[0][0]}` for the character itself")
        quantifier, size, times = found[0], len(found[0]), 1
        if found[1] is not None:
            few = int(found[1])
            many = few if found[2] is None else int(found[3]) if found[3] else None
            if many is not None and many < few:
                raise self._error("a repetition whose numbers are out of order", f"write `{{{many},{few}}}`")
            quantifier, times = _counted(few, many)
        last = self._last * times
        if sum(self._sizes) + last > _LONGEST_EXPANDED:
            raise self._error(f"repeated to more than {_LONGEST_EXPANDED} characters", "write `+` or `*`")
        if self._source.startswith("?", self._position + size):
            quantifier, size = quantifier + "?", size + 1
        self._last = last
        self._emit(quantifier, size=size, quantifiable=False)
        self._last = 0

    def _open_group(self) -> None:
        rest = self._source[self._position + 1 :]
        for head in ("?:", "?=", "?!", "?<=", "?<!"):
            if rest.startswith(head):
                self._open.append(_LOOK_BEHIND if "<" in head else 0)
                self._emit("(" + head, size=1 + len(head), quantifiable=False)
                self._sizes.append(0)
                return
        size = 1
        if rest.startswith("?"):
            name = _GROUP_NAME.match(rest, 2) if rest.startswith("?<") else None
            if name is None:
                raise self._error(
                    "an unknown kind of group",
                    _GROUPS,
                )
            size += name.end()
        self._opened += 1
        self._open.append(self._opened)
        self._emit("(", size=size, quantifiable=False)
        self._sizes.append(0)

    def _close_group(self) -> None:
        if not self._open:
            raise self._error("`)` without a group", r"write `\)` for a parenthesis")
        look_behind = self._open.pop() == _LOOK_BEHIND
        inner = self._sizes.pop() + self._last
        self._last = 0
        self._emit(")", size=1, quantifiable=not look_behind)
        self._last = inner + 1

    def _escape(self) -> None:
        following = self._source[self._position + 1 : self._position + 2]
        if following in _EDGES:
            self._emit(_EDGES[following], size=2, quantifiable=False)
        elif following == "k" and (self._names or self._unicode):
            self._named_reference()
        elif following.isascii() and following.isdecimal() and following != "0" and self._back_reference():
            return
        elif following in SETS:
            self._emit(f"[{SETS[following]}]", size=2)
        else:
            code, size = self._characters.escape(self._position)
            self._emit(quoted(chr(code)), size=size)

    def _back_reference(self) -> bool:
        digits = re.compile("[0-9]+").match(self._source, self._position + 1)
        number = int(digits[0]) if digits else 0
        if digits is None or number > len(self._names_or_groups()):
            return False  # annex B: an octal escape or the digit itself
        self._refer(number, size=1 + len(digits[0]))
        return True

    def _named_reference(self) -> None:
        name = re.compile("<([^>]*)>").match(self._source, self._position + 2)
        if name is None or name[1] not in self._names:
            raise self._error(
                "a reference to a group that does not exist",
                f"groups with a name are: {', '.join(f'`{one}`' for one in self._names) or 'none'}",
            )
        self._refer(self._names[name[1]], size=2 + len(name[0]))

    def _refer(self, number: int, *, size: int) -> None:
        # A reference to a group that is unset, not closed yet or defined later matches empty text.
        usable = number <= self._opened and number not in self._open
        self._emit(f"(?:(?({number})\\{number}|))" if usable else "(?:)", size=size)

    def _names_or_groups(self) -> Sequence[int]:
        return range(_count_groups(self._source))


def _counted(few: int, many: int | None) -> tuple[str, int]:
    """The quantifier `{few,many}` with limited numbers, and how often `regex` writes out the repeated element.

    A subject has at most `LONGEST_SUBJECT` characters. A `few` above that is cut to one more, which never matches; a
    `many` above that becomes no upper limit.
    """
    few = min(few, LONGEST_SUBJECT + 1)
    if many is None or many > LONGEST_SUBJECT:
        return f"{{{few},}}", max(few, 1)
    return f"{{{few},{many}}}", max(many, 1)


_STRUCTURE = pattern(r"\\.|\[(?:\\.|[^\]\\])*\]|\((?!\?)|\(\?<([^<>=!]+)>", re.DOTALL)


def _count_groups(source: str) -> int:
    return sum(1 for found in _STRUCTURE.finditer(source) if found[0][0] == "(")


def _group_names(source: str) -> dict[str, int]:
    """Name -> number of each named group. Raises `ConfigError` if a name occurs twice."""
    names: dict[str, int] = {}
    number = 0
    for found in _STRUCTURE.finditer(source):
        number += found[0][0] == "("
        if found[1] is not None:
            if found[1] in names:
                raise ConfigError(
                    f"`{source}` has two groups called `{found[1]}`",
                    hint="give each group another name, or none",
                )
            names[found[1]] = number
    return names
