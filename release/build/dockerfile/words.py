"""Splits `name=value` operands into words that keep their quotes. Pure.

Follows BuildKit 0.34, `parseWords` in `frontend/dockerfile/parser/line_parsers.go`.
"""

from __future__ import annotations

from release.build.dockerfile.white_space import is_space


def split_words(text: str, escape: str) -> list[str]:
    """Split at white space outside of quotes; quotes and escapes stay in the words."""
    words: list[str] = []
    word = ""
    quote = ""
    characters = iter(text)
    for character in characters:
        if character == escape and quote != "'":
            following = next(characters, None)
            if following is None:  # an escape at the very end is dropped
                break
            word += character + following
        elif quote:
            word += character
            quote = "" if character == quote else quote
        elif is_space(character):
            words += [word] if word else []
            word = ""
        else:
            quote = character if character in "\"'" else ""
            word += character
    return [*words, word] if word else words
