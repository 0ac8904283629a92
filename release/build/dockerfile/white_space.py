"""The white space characters of a Dockerfile. Pure.

Python's `str.isspace` and `str.split` also take the separators U+001C to U+001F, which Go's `unicode.IsSpace`, and
with it BuildKit, does not.
"""

from __future__ import annotations

from release.lazy_pattern import pattern

#: Go's `unicode.IsSpace`: the property White_Space of Unicode.
SPACE = (
    "\t\n\v\f\r \N{NEXT LINE}\N{NO-BREAK SPACE}\N{OGHAM SPACE MARK}"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}\N{NARROW NO-BREAK SPACE}"
    + "\N{MEDIUM MATHEMATICAL SPACE}\N{IDEOGRAPHIC SPACE}"
)
_SPACES = frozenset(SPACE)
#: What separates the words of most instructions (`reWhitespace` in BuildKit's parser).
BLANKS = pattern(r"[\t\v\f\r ]+")


def is_space(character: str) -> bool:
    """Whether one character is white space."""
    return character in _SPACES


def split_blanks(text: str) -> tuple[str, ...]:
    """The words between blanks; () for no text."""
    return tuple(BLANKS.split(text)) if text else ()


def first_word(text: str) -> tuple[str, str]:
    """The text before the first blanks, and what follows them."""
    parts = BLANKS.split(text, maxsplit=1)
    return parts[0], parts[1] if len(parts) == 2 else ""
