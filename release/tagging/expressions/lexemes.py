"""The lexemes of an expression: names, literals, segments, white space. Pure.

Source: the lexer of Handlebars 4.7.
"""

from __future__ import annotations

from release.lazy_pattern import pattern

_NAME_END = r"(?=[=~}\s/.)|\]])"
_LITERAL_END = r"(?=[~}\s)\]])"
_ID = r"[^\s!\"#%-,./;->@\[-\^`{-~]+"
SPACE = pattern(r"\s*")
NAME = pattern(rf"\.\.|\.{_NAME_END}|{_ID}{_NAME_END}")
RUN = pattern(_ID)
SEGMENT = pattern(r"\[(?:\\\]|[^\]])*\]")
STRING = pattern(r"\"(?:\\\"|[^\"])*\"|'(?:\\'|[^'])*'")
WORD = pattern(rf"(true|false|undefined|null){_LITERAL_END}")
NUMBER = pattern(rf"-?[0-9]+(?:\.[0-9]+)?{_LITERAL_END}")
LITERAL = pattern(rf"{WORD.pattern}|{NUMBER.pattern}")
OPTION = pattern(rf"({_ID}|{SEGMENT.pattern})\s*=")
ELSE = pattern(r"else(?=[~}\s])")
COMMENT_END = {"!--": pattern(r"--~?\}\}"), "!": pattern(r"\}\}")}


class Cursor:
    """A position in a text that is read from its beginning."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def space(self) -> bool:
        """Skip white space, possibly none. True, as a condition before another one."""
        self.position = end_of_space(self.text, self.position)
        return True

    def skip(self, sign: str) -> bool:
        """Skip `sign`; False, and the position stays, if something else follows."""
        if not self.text.startswith(sign, self.position):
            return False
        self.position += len(sign)
        return True


def end_of_space(text: str, position: int) -> int:
    """The position behind the white space that begins at `position`."""
    found = SPACE.match(text, position)
    return position if found is None else found.end()


def unbracket(name: str) -> str:
    """A name without the brackets of a segment: `[a b]` names `a b`."""
    return name[1:-1].replace("\\]", "]") if name.startswith("[") else name
