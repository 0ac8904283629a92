"""Replaces variables and removes quotes in a Dockerfile's operands. Pure.

`$name`, `${name}`, `${name:-word}`, `${name-word}`, `${name:+word}`, `${name+word}`, `${name:?text}`, `${name?text}`;
variables are replaced in double quotes, but not in single quotes; the escape character makes the next one literal. A
variable without a value becomes the empty string. Source: the Dockerfile reference, "Environment replacement".
"""

from __future__ import annotations

from collections.abc import Mapping

from release.limits import DOCUMENT_DEPTH, EXPANDED_CHARACTERS

_OPERATORS = frozenset({":-", "-", ":+", "+", ":?", "?"})


class ExpansionError(ValueError):
    """The text cannot be expanded. The message gives the reason, but not the file and line."""


def expand(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """`text` with variables replaced and one level of quotes removed. Raises `ExpansionError`."""
    return "".join(piece for piece, _ in _Scanner(text, variables, escape).pieces())


def expand_words(text: str, variables: Mapping[str, str], escape: str = "\\") -> tuple[str, ...]:
    """As `expand`, then split at white space that stood, or came from a variable, outside of quotes."""
    words: list[str] = []
    word: str | None = None
    for piece, quoted in _Scanner(text, variables, escape).pieces():
        if quoted:
            word = (word or "") + piece
            continue
        for character in piece:
            if not character.isspace():
                word = (word or "") + character
            elif word is not None:
                words.append(word)
                word = None
    return tuple(words if word is None else [*words, word])


def expand_body(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """A here-document's body with variables replaced; quotes stay, as in a shell."""
    return "".join(piece for piece, _ in _Scanner(text, variables, escape, quotes=False).pieces())


class _Scanner:
    """Scans the text once. Each piece has a flag: True if quotes protect its white space from splitting words."""

    def __init__(self, text: str, variables: Mapping[str, str], escape: str, *, quotes: bool = True) -> None:
        self._text = text
        self._at = 0
        self._variables = variables
        self._escape = escape
        self._quotes = quotes
        self._left = EXPANDED_CHARACTERS
        self._depth = 0

    def pieces(self, until: str = "") -> list[tuple[str, bool]]:
        """The pieces up to the character `until`, which is consumed; up to the end of the text if `until` is empty."""
        found: list[tuple[str, bool]] = []
        while self._at < len(self._text):
            character = self._take()
            if until and character == until:
                return found
            if character == "'" and self._quotes:
                found.append((self._single(), True))
            elif character == '"' and self._quotes:
                found.append((self._double(), True))
            elif character == self._escape:
                found.append(self._escaped())
            elif character == "$":
                found.append((self._variable(), False))
            else:
                found.append((character, False))
        if until:
            raise ExpansionError(f"`{until}` is missing in `{self._text}`")
        return found

    def _take(self) -> str:
        character = self._text[self._at]
        self._at += 1
        return character

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _escaped(self) -> tuple[str, bool]:
        following = self._peek()
        if not following:
            return self._escape, False
        if not self._quotes and following not in ("$", self._escape):
            return self._escape, False
        return self._take(), True

    def _single(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise ExpansionError(f"a single quote is not closed in `{self._text}`")
        piece = self._text[self._at : end]
        self._at = end + 1
        return piece

    def _double(self) -> str:
        piece = ""
        while self._at < len(self._text):
            character = self._take()
            if character == '"':
                return piece
            if character == "$":
                piece += self._variable()
            elif character == self._escape and self._peek() in ('"', "$", self._escape) and self._peek():
                piece += self._take()
            else:
                piece += character
        raise ExpansionError(f"a double quote is not closed in `{self._text}`")

    def _variable(self) -> str:
        following = self._peek()
        if following == "{":
            self._at += 1
            return self._braced()
        name = self._name()
        return self._value(name) or "" if name else "$"

    def _value(self, name: str) -> str | None:
        # Limit the length of the result: with `ARG B=$A$A`, `ARG C=$B$B` and so on, it doubles with each line.
        value = self._variables.get(name)
        self._left -= len(value or "")
        if self._left < 0:
            raise ExpansionError(
                f"variables expand one operand to more than {EXPANDED_CHARACTERS:,} characters"
            )
        return value

    def _name(self) -> str:
        start = self._at
        if self._peek().isascii() and (self._peek().isalpha() or self._peek() == "_"):
            while self._peek().isascii() and (self._peek().isalnum() or self._peek() == "_"):
                self._at += 1
        return self._text[start : self._at]

    def _braced(self) -> str:
        name = self._name()
        if not name:
            raise ExpansionError(f"`${{` is not followed by a name in `{self._text}`")
        if self._peek() == "}":
            self._at += 1
            return self._value(name) or ""
        operator = self._operator()
        self._depth += 1
        if self._depth > DOCUMENT_DEPTH:
            raise ExpansionError(f"`${{` is nested more than {DOCUMENT_DEPTH} deep")
        word = "".join(piece for piece, _ in self.pieces(until="}"))
        self._depth -= 1
        value = self._value(name)
        present = value is not None and (value != "" or not operator.startswith(":"))
        match operator[-1]:
            case "-":
                return value if value is not None and present else word
            case "+":
                return word if present else ""
            case _:
                if value is None or not present:
                    raise ExpansionError(f"`{name}` has no value: {word or 'it is required'}")
                return value

    def _operator(self) -> str:
        operator = self._text[self._at : self._at + 2] if self._peek() == ":" else self._peek()
        if operator not in _OPERATORS:
            raise ExpansionError(f"`{operator or '}'}` is not supported in `{self._text}`")
        self._at += len(operator)
        return operator
