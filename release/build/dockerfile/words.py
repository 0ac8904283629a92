"""Splits operands into words. Pure.

Follows BuildKit 0.34: `parseWords` in `frontend/dockerfile/parser/line_parsers.go`, and `wordsStruct` in
`frontend/dockerfile/shell/lex.go`.
"""

from __future__ import annotations

from collections.abc import Iterable

from release.build.dockerfile.white_space import is_space

Piece = tuple[str, bool]  # a text, and whether its white space is protected from splitting


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


def words_of(pieces: Iterable[Piece]) -> tuple[str, ...]:
    """The pieces joined and split at unprotected white space. Empty words vanish, as in BuildKit."""
    words: list[str] = []
    word = ""
    for piece, is_protected in pieces:
        if is_protected:
            word += piece
            continue
        for character in piece:
            if not is_space(character):
                word += character
            elif word:
                words.append(word)
                word = ""
    return (*words, word) if word else tuple(words)
