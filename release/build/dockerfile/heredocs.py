"""Finds the words that open a here-document: `<<EOF`, `<<-"EOF"`, `<<robots.txt`. Pure.

Follows BuildKit 0.34, `heredocsFromLine` and `ParseHeredoc` in `frontend/dockerfile/parser/parser.go`.
"""

from __future__ import annotations

import msgspec

from release.build.dockerfile.flags import split_flags
from release.build.dockerfile.instructions import Heredoc
from release.build.dockerfile.json_words import is_json_array
from release.build.dockerfile.lexer import Lexer
from release.build.dockerfile.substitution import ExpansionError
from release.build.dockerfile.white_space import first_word
from release.build.dockerfile.words import words_of
from release.lazy_pattern import pattern

_OPENING = pattern(r"[0-9]*<<(-?)[\t\n\f\r ]*([^<]*)")
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A word that opens a here-document.

    `word`: the word as written; `tabs`: whether leading tabs of the body's lines are removed. `expand`: whether
    variables in the body are replaced, which quotes around any part of the name turn off.
    """

    word: str
    name: str
    tabs: bool
    expand: bool

    def heredoc(self, body: str) -> Heredoc:
        """The here-document with this content."""
        return Heredoc(name=self.name, body=body, expand=self.expand, word=self.word)


def has_heredocs(keyword: str, rest: str, escape: str) -> bool:
    """Whether an instruction may open here-documents: `RUN`, `COPY` and `ADD`, in `ONBUILD` too, not in JSON form."""
    operands = split_flags(rest, escape)[1]
    if keyword == "ONBUILD":
        keyword, operands = first_word(operands)
        operands = split_flags(operands, escape)[1]
    return keyword.upper() in _WITH_HEREDOCS and not is_json_array(operands)


def openings_in(line: str) -> tuple[Opening, ...]:
    """The openings in a whole logical line; none if the line has an unclosed quote or an invalid variable."""
    try:
        words = words_of(Lexer(line, {}, "\\", raw=True).pieces())
    except ExpansionError:
        return ()
    return tuple(opening for word in words if (opening := opening_of(word)) is not None)


def opening_of(word: str) -> Opening | None:
    """The here-document that a word opens; None for any other word."""
    match = _OPENING.fullmatch(word)
    if match is None or not match[2]:
        return None
    try:
        plain = words_of(Lexer(match[2], {}, "\\", keep_unset=True).pieces())
        raw = words_of(Lexer(match[2], {}, "\\", raw_quotes=True).pieces())
    except ExpansionError:
        return None
    if len(plain) != 1 or len(raw) != 1:
        return None
    return Opening(
        word=word, name=plain[0], tabs=match[1] == "-", expand=_quotes(plain[0]) == _quotes(raw[0])
    )


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
