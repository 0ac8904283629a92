"""Scans a Dockerfile's operand for quotes, escapes and variables. Pure.

Follows BuildKit 0.34, `frontend/dockerfile/shell/lex.go`. The lexer's `raw` modes keep quotes and escapes in the
result; they serve to find here-documents, for which no variable has a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from release.build.dockerfile.substitution import (
    ExpansionError,
    ValueRequired,
    read_pattern,
    replace,
    trim_prefix,
    trim_suffix,
)
from release.build.dockerfile.words import Piece
from release.limits import DOCUMENT_DEPTH, EXPANDED_CHARACTERS

#: `$@`, `$*` and so on: the parameters that POSIX reserves (2.5.2). None of them has a value in a Dockerfile.
_SPECIAL = frozenset("@*#?-$!0")


class Lexer:
    """Scans the text once.

    `quotes`: whether quotes are syntax; if not, they are ordinary characters. `raw`: keep quotes and escapes, and
    variables that have no value. `raw_quotes`: keep quotes, and variables that have no value, but not escapes.
    """

    def __init__(
        self,
        text: str,
        variables: Mapping[str, str],
        escape: str,
        *,
        quotes: bool = True,
        raw: bool = False,
        raw_quotes: bool = False,
        keep_unset: bool = False,
    ) -> None:
        self._text = text
        self._at = 0
        self._variables = variables
        self._escape = escape
        self._quotes = quotes
        self._raw_quotes = raw or raw_quotes
        self._raw_escapes = raw
        self._keep_unset = keep_unset or self._raw_quotes
        self._left = EXPANDED_CHARACTERS
        self._depth = 0

    def pieces(self) -> list[Piece]:
        """The whole text. Raises `ExpansionError`."""
        return self._until("", raw=self._raw_escapes, pattern=False)

    def _until(self, stop: str, *, raw: bool, pattern: bool) -> list[Piece]:
        """Everything up to the character `stop`, which is consumed; "" is the end.

        `raw`: keep escapes. `pattern`: double a literal escape in quotes, because the pattern is parsed again.
        """
        outer, self._raw_escapes = self._raw_escapes, raw
        found: list[Piece] = []
        while self._at < len(self._text):
            character = self._take()
            if stop and character == stop:
                self._raw_escapes = outer
                return found
            found.append(self._piece(character, pattern=pattern))
        if stop:
            raise ExpansionError(f"`{stop}` is missing in `{self._text}`")
        return found

    def _piece(self, character: str, *, pattern: bool) -> Piece:
        if character == "'" and self._quotes:
            return self._single(pattern=pattern), True
        if character == '"' and self._quotes:
            return self._double(pattern=pattern), True
        if character == "$":
            return self._variable(), False
        if character == "<":
            return self._angle(), True
        if character == self._escape:
            kept = character if self._raw_escapes else ""
            return kept + (self._take() if self._peek() else ""), True
        return character, False

    def _take(self) -> str:
        character = self._text[self._at]
        self._at += 1
        return character

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _angle(self) -> str:
        """Read `<`, or `<<` with the blanks behind it, since `<< EOF` opens a here-document too."""
        if self._peek() != "<":
            return "<"
        start = self._at
        self._at += 1
        while self._peek() and self._peek() in "\t\r ":
            self._at += 1
        return "<" + self._text[start : self._at]

    def _single(self, *, pattern: bool) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise ExpansionError(f"a single quote is not closed in `{self._text}`")
        piece = self._text[self._at : end]
        self._at = end + 1
        if pattern:
            piece = piece.replace(self._escape, self._escape * 2)
        return f"'{piece}'" if self._raw_quotes else piece

    def _double(self, *, pattern: bool) -> str:
        piece = ""
        while self._at < len(self._text):
            character = self._take()
            if character == '"':
                return f'"{piece}"' if self._raw_quotes else piece
            if character == "$":
                piece += self._variable()
            elif character == self._escape:
                piece += self._escaped_in_double(pattern=pattern)
            else:
                piece += character
        raise ExpansionError(f"a double quote is not closed in `{self._text}`")

    def _escaped_in_double(self, *, pattern: bool) -> str:
        following = self._peek()
        if following and following in ('"', "$", self._escape):
            return (self._escape if self._raw_escapes else "") + self._take()
        if not following:
            return ""
        doubled = self._raw_escapes and (not self._raw_quotes or pattern)
        return self._escape * 2 if doubled else self._escape

    def _variable(self) -> str:
        """Read what follows a `$`; return the variable's value, or a bare `$` if no name follows."""
        if self._peek() == "{":
            self._at += 1
            return self._braced()
        name = self._name()
        if not name:
            return "$"
        value = self._value(name)
        return value if value is not None else f"${name}" if self._keep_unset else ""

    def _value(self, name: str) -> str | None:
        value = self._variables.get(name)
        self._charge(len(value or ""))
        return value

    def _charge(self, characters: int) -> None:
        # Limit the length of the result: with `ARG B=$A$A`, `ARG C=$B$B` and so on, it doubles with each line.
        self._left -= characters
        if self._left < 0:
            raise ExpansionError(
                f"variables expand one operand to more than {EXPANDED_CHARACTERS:,} characters"
            )

    def _name(self) -> str:
        start = self._at
        first = self._peek()
        if first and first in _SPECIAL and not first.isdecimal():
            self._at += 1
        elif first.isdecimal():
            self._skip(str.isdecimal)
        else:
            self._skip(lambda each: each.isalpha() or each.isdecimal() or each == "_")
        return self._text[start : self._at]

    def _skip(self, belongs: Callable[[str], bool]) -> None:
        while self._peek() and belongs(self._peek()):
            self._at += 1

    def _braced(self) -> str:
        if self._peek() in ("{", "}", ":") and self._peek():
            raise ExpansionError(f"`${{` is not followed by a name in `{self._text}`")
        name = self._name()
        operator = self._take() if self._peek() else ""
        match operator:
            case "}":
                value = self._value(name)
                return value if value is not None else f"${{{name}}}" if self._keep_unset else ""
            case "":
                raise ExpansionError(f"`}}` is missing in `{self._text}`")
            case "/":
                return self._replaced(name)
            case ":" if self._peek() and self._peek() in "-+?":
                return self._chosen(name, ":" + self._take())
            case "-" | "+" | "?":
                return self._chosen(name, operator)
            case "#" | "%":
                return self._trimmed(name, operator)
            case _:
                wrong = operator + (self._peek() if operator == ":" else "")
                raise ExpansionError(f"`{wrong}` is not supported in `{self._text}`")

    def _nested(self, stop: str, *, raw: bool, pattern: bool) -> str:
        self._depth += 1
        if self._depth > DOCUMENT_DEPTH:
            raise ExpansionError(f"`${{` is nested more than {DOCUMENT_DEPTH} deep")
        text = "".join(piece for piece, _ in self._until(stop, raw=raw, pattern=pattern))
        self._depth -= 1
        return text

    def _chosen(self, name: str, operator: str) -> str:
        word = self._nested("}", raw=False, pattern=False)
        value = self._value(name)
        if value is None and self._keep_unset:
            return f"${{{name}{operator}{word}}}"
        present = value is not None and (value != "" or not operator.startswith(":"))
        match operator[-1]:
            case "-":
                return value if value is not None and present else word
            case "+":
                return word if present else ""
            case _:
                if value is None or not present:
                    raise ValueRequired(f"`{name}` has no value: {word or 'it is required'}")
                return value

    def _trimmed(self, name: str, operator: str) -> str:
        """`${name#pattern}` and `${name%pattern}`; the operator twice takes the longest match."""
        word = self._nested("}", raw=True, pattern=True)
        value = self._value(name)
        if value is None and self._keep_unset:
            return f"${{{name}{operator}{word}}}"
        longest = word.startswith(operator)
        trim = trim_prefix if operator == "#" else trim_suffix
        try:
            return trim(read_pattern(word.removeprefix(operator)), value or "", longest=longest)
        except ValueError as error:
            raise ExpansionError(f"{error} in `{self._text}`") from error

    def _replaced(self, name: str) -> str:
        """`${name/pattern/text}`; a second slash replaces every match."""
        every = self._peek() == "/"
        self._at += every
        word = self._nested("/", raw=True, pattern=True)
        replacement = self._nested("}", raw=True, pattern=False)
        value = self._value(name)
        if value is None and self._keep_unset:
            return f"${{{name}/{word}/{replacement}}}"
        try:
            result = replace(read_pattern(word), value or "", replacement, every=every, most=self._left)
        except ValueError as error:
            raise ExpansionError(f"{error} in `{self._text}`") from error
        self._charge(max(0, len(result) - len(value or "")))
        return result
