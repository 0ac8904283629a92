"""Translates the characters of a JavaScript regular expression to Python's: escapes and character classes. Pure.

Source: ECMAScript 2024, "Patterns", with annex B.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from release.errors import ConfigError
from release.lazy_pattern import pattern

#: Any character, line breaks included.
ANY = "[\\s\\S]"
_NEVER = "(?!)"
_CONTROLS = {"t": "\t", "n": "\n", "v": "\x0b", "f": "\f", "r": "\r"}
_LAST_CODE_POINT = 0x10FFFF  # Unicode's last; a larger one in `\u{…}` is an error, and `chr` refuses it
_SYNTAX = frozenset("^$\\.*+?()[]{}|/-")  # what may be escaped with the flag `u`
_HEX = pattern(r"\\x([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})")
_LONG_HEX = pattern(_HEX.pattern + r"|\\u\{0*([0-9A-Fa-f]{1,6})\}")
_OCTAL = pattern(r"[0-3][0-7]{0,2}|[4-7][0-7]?")


def quoted(character: str) -> str:
    """The character as Python's syntax for exactly this character."""
    if character.isascii() and character.isalnum():
        return character
    return f"\\U{ord(character):08x}"


def _inside(ranges: Sequence[tuple[int, int]]) -> str:
    """The inside of a character class with the code points of `ranges`, first and last of each."""
    return "".join(f"{quoted(chr(low))}-{quoted(chr(high))}" for low, high in ranges)


def _complement(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The ranges of all code points outside of `ranges`, which are sorted."""
    starts = (0, *(high + 1 for _, high in ranges))
    ends = (*(low - 1 for low, _ in ranges), _LAST_CODE_POINT)
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)


# Code points of the sets that an escape names, first and last of each range, sorted. `\s` is white space and line ends.
_RANGES = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": (
        (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
        (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
    ),
}  # fmt: skip
#: The inside of a character class for each escape of a set, such as `0-9` for `d`.
SETS = {name: _inside(ranges) for name, ranges in _RANGES.items()} | {
    name.upper(): _inside(_complement(ranges)) for name, ranges in _RANGES.items()
}


class Characters:
    """Reads escapes and character classes of one expression. `is_unicode`: the flag `u` or `v` is set."""

    def __init__(self, source: str, *, is_unicode: bool) -> None:
        self._source = source
        self._unicode = is_unicode

    def error(self, what: str, position: int, hint: str) -> ConfigError:
        """The error for what the expression has at `position`, counted from 0."""
        return ConfigError(
            f"`{self._source}` is not a regular expression: {what} (character {position + 1})", hint=hint
        )

    def escape(self, position: int) -> tuple[int, int]:
        """Code point and length of the escape at `position` that stands for one character. Raises `ConfigError`."""
        following = self._source[position + 1 : position + 2]
        if not following:
            raise self.error("a backslash at the end", position, r"write `\\` for a backslash, or remove it")
        if following in _CONTROLS:
            return ord(_CONTROLS[following]), 2
        if code := self._hexadecimal(position):
            return code
        if control := re.compile(r"\\c([A-Za-z])").match(self._source, position):
            return ord(control[1]) % 32, 3
        if following in "pP" and self._unicode:
            raise self.error(
                f"`\\{following}` cannot be translated", position, "write a set such as `[A-Za-z]`"
            )
        if self._unicode and following.isdecimal() and following != "0":
            raise self.error(
                f"`\\{following}` refers to no group", position, "groups are counted from 1, by their `(`"
            )
        if octal := _OCTAL.match(self._source, position + 1):
            return int(octal[0], 8), 1 + len(octal[0])
        if following == "c":
            return ord("\\"), 1  # annex B: the backslash itself
        if self._unicode and following not in _SYNTAX:
            raise self.error(
                f"`\\{following}` escapes nothing", position, f"write `{following}` without the backslash"
            )
        return ord(following), 2

    def _hexadecimal(self, position: int) -> tuple[int, int] | None:
        """Code point and length of `\\xHH`, `\\uHHHH`, and with the flag `u` `\\u{H…}`."""
        code = (_LONG_HEX if self._unicode else _HEX).match(self._source, position)
        if code is None:
            return None
        value = int(next(digits for digits in code.groups() if digits is not None), 16)
        if value > _LAST_CODE_POINT:
            raise self.error("a code point that does not exist", position, r"the last one is `\u{10ffff}`")
        return value, len(code[0])

    def character_class(self, position: int) -> tuple[str, int]:
        """The class whose `[` is at `position`, in Python's syntax, and the position after its `]`.

        The class has explicit code points and ranges, so that Python sees no syntax of its own in it. Raises
        `ConfigError`.
        """
        position += 1
        negated = self._source.startswith("^", position)
        position += negated
        items: list[str] = []
        while not self._source.startswith("]", position):
            low, position = self._class_atom(position)
            if self._source.startswith("-", position) and not self._source.startswith("-]", position):
                high, position = self._class_atom(position + 1)
                items.append(self._range(low, high, position))
            else:
                items.append(low if isinstance(low, str) else quoted(chr(low)))
        position += 1
        if not items:
            return ANY if negated else _NEVER, position
        return f"[{'^' if negated else ''}{''.join(items)}]", position

    def _range(self, low: int | str, high: int | str, position: int) -> str:
        """`position`: for errors."""
        if isinstance(low, int) and isinstance(high, int):
            if low > high:
                raise self.error(
                    "a range that goes backwards",
                    position,
                    f"write `{chr(high)}-{chr(low)}`, or put `-` last: `[{chr(low)}{chr(high)}-]`",
                )
            return f"{quoted(chr(low))}-{quoted(chr(high))}"
        if self._unicode:
            raise self.error(
                "a range with a set at one end", position, r"put `-` last in the brackets: `[\w.-]`"
            )
        return "".join(end if isinstance(end, str) else quoted(chr(end)) for end in (low, ord("-"), high))

    def _class_atom(self, position: int) -> tuple[int | str, int]:
        """A code point, or the inside of a set such as `\\d`; and the position after it."""
        if position >= len(self._source):
            raise self.error(
                "a character class that is never closed",
                position,
                r"end it with `]`, or write `\[` for a bracket",
            )
        character = self._source[position]
        if character != "\\":
            return ord(character), position + 1
        following = self._source[position + 1 : position + 2]
        if following in SETS:
            return SETS[following], position + 2
        if following == "b":
            return 8, position + 2  # backspace
        code, size = self.escape(position)
        return code, position + size
