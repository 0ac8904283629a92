"""Parses expressions: the inline part of the Handlebars grammar, by recursive descent.

Source: the lexer and grammar of Handlebars 4.7; blocks, partials, decorators and block parameters are refused.
"""

from __future__ import annotations

from release.errors import ConfigError
from release.tagging.expressions.lexemes import (
    COMMENT_END,
    ELSE,
    LITERAL,
    NAME,
    NUMBER,
    OPTION,
    RUN,
    SEGMENT,
    STRING,
    WORD,
    Cursor,
    end_of_space,
    unbracket,
)
from release.tagging.expressions.source_text import Located
from release.tagging.expressions.tree import Call, Literal, Operand, Path

# Nested subexpressions. Real expressions nest two or three; each level is a recursive call, and Python's limit is 1000.
_MAX_DEPTH = 16
# Characters of a whole number that becomes an `int`. A longer one becomes a float, infinite from 1.8e308 on as in
# JavaScript; and `int` refuses more than 4300 digits.
_MOST_DIGITS = 300
_REFUSED = {
    "#>": "a partial block",
    "#": "a block",
    "/": "the end of a block",
    "^": "an inverse block",
    ">": "a partial",
    "*": "a decorator",
}
_WORDS = {"true": True, "false": False, "undefined": None, "null": None}


def parse_nodes(source: Located) -> tuple[str | Call, ...]:
    """Text and calls of a template, in order. Raises `ConfigError` with line and column."""
    return _Parser(source).template()


class _Parser(Cursor):
    def __init__(self, source: Located) -> None:
        super().__init__(source.text)
        self._source = source
        self._nodes: list[str | Call] = []
        self._trim_next = False  # after `~}}`, which removes the white space behind it

    def template(self) -> tuple[str | Call, ...]:
        """Parse the whole text."""
        literal = 0  # start of the text that is not in `_nodes` yet
        search = 0
        while (start := self.text.find("{{", search)) >= 0:
            before = self.text[literal:start]
            if before.endswith("\\") and not before.endswith("\\\\"):
                self._add_text(before[:-1])
                literal, search = start, start + 2
                continue
            if before.endswith("\\\\"):
                before = before[:-1]
            self._add_text(before)
            self.position = start
            self._mustache()
            literal = search = self.position
        self._add_text(self.text[literal:])
        return tuple(self._nodes)

    def _add_text(self, text: str) -> None:
        if self._trim_next:
            text = text.lstrip()
        if text:
            self._trim_next = False
            self._nodes.append(text)

    def _trim_previous(self) -> None:
        while self._nodes and isinstance(last := self._nodes[-1], str):
            self._nodes.pop()
            if stripped := last.rstrip():
                self._nodes.append(stripped)
                return

    def _mustache(self) -> None:
        start = self.position
        if self.text.startswith("{{{{", start):
            raise self._refuse(start, "a raw block")
        raw = self.text.startswith("{{{", start)
        self.position += 3 if raw else 2
        if self.skip("~"):
            self._trim_previous()
            raw = raw or self.skip("{")
        self._trim_next = False
        if not raw and self.text.startswith("!", self.position):
            self._comment(start)
            return
        if not raw:
            self._refuse_blocks(start)
            self.skip("&")
        call = self._call(start, depth=0)
        self._close(start, raw=raw)
        self._nodes.append(call)

    def _refuse_blocks(self, start: int) -> None:
        rest = self.text[self.position : self.position + 2]
        for sign, what in _REFUSED.items():
            if rest.startswith(sign):
                raise self._refuse(start, what)
        if ELSE.match(self.text, end_of_space(self.text, self.position)):
            raise self._refuse(start, "`else`")

    def _refuse(self, offset: int, what: str) -> ConfigError:
        return self._source.error(
            offset,
            f"{what} is not supported in expressions",
            hint="use a rule of its own with `enable={{is_default_branch}}`, or several rules",
        )

    def _comment(self, start: int) -> None:
        sign = "!--" if self.text.startswith("!--", self.position) else "!"
        end = COMMENT_END[sign].search(self.text, self.position + len(sign))
        if end is None:
            closing = "--}}" if sign == "!--" else "}}"
            raise self._source.error(
                start, "the comment that begins here is never closed", hint=f"end it with `{closing}`"
            )
        self.position = end.end()
        self._trim_next = self.text[end.end() - 3] == "~"

    def _close(self, start: int, *, raw: bool) -> None:
        self.space()
        if raw and (self.text.startswith("}}}}", self.position) or not self.skip("}")):
            raise self._unexpected(start, closing="}}}")
        self._trim_next = self.skip("~")
        if not self.text.startswith("}}", self.position) or (
            not raw and self.text.startswith("}}}", self.position)
        ):
            raise self._unexpected(start, closing="}}}" if raw else "}}")
        self.position += 2

    def _unexpected(self, start: int, *, closing: str) -> ConfigError:
        rest = self.text[self.position :]
        if not rest or ("}}" not in rest and closing[:2] not in rest):
            return self._source.error(
                start,
                f"the expression that begins here is never closed with `{closing}`",
                hint=f"end it with `{closing}`, or write `\\{{{{` for two braces of the text",
            )
        return self._source.error(
            self.position,
            f"unexpected `{rest[0]}` in an expression",
            hint="names have letters, digits, `_` and `-`; write text in single quotes",
        )

    def _call(self, start: int, *, depth: int) -> Call:
        if depth > _MAX_DEPTH:
            raise self._source.error(
                self.position,
                f"expressions are nested more than {_MAX_DEPTH} deep",
                hint="use fewer parentheses",
            )
        self.space()
        offset = self.position
        if self.text.startswith("(", offset):
            raise self._source.error(
                offset, "a subexpression cannot be called", hint="write a name first: `{{name (…)}}`"
            )
        first = self._operand(start, depth)
        if isinstance(first, Literal):
            first = Path(parts=(first.name,), offset=offset)
        assert isinstance(first, Path)  # noqa: S101 - a subexpression was refused above
        arguments: list[Operand] = []
        options: list[tuple[str, Operand]] = []
        while self.space() and not self._at_end():
            if named := OPTION.match(self.text, self.position):
                self.position = named.end()
                self.space()
                options.append((unbracket(named[1]), self._operand(start, depth)))
            elif options:
                raise self._source.error(
                    self.position,
                    "a positional argument after a named one",
                    hint="write named ones last: `{{date 'YYYYMMDD' tz='UTC'}}`",
                )
            else:
                arguments.append(self._operand(start, depth))
        return Call(path=first, arguments=tuple(arguments), options=tuple(options))

    def _at_end(self) -> bool:
        return self.position >= len(self.text) or self.text[self.position] in ")}~"

    def _operand(self, start: int, depth: int) -> Operand:
        if self.skip("("):
            call = self._call(start, depth=depth + 1)
            self.space()
            if not self.skip(")"):
                raise self._unexpected(start, closing=")")
            return call
        text, position = self.text, self.position
        if quoted := STRING.match(text, position):
            self.position = quoted.end()
            sign = quoted[0][0]
            return Literal(value=quoted[0][1:-1].replace(f"\\{sign}", sign))
        if word := WORD.match(text, position):
            self.position = word.end()
            return Literal(value=_WORDS[word[1]])
        if number := NUMBER.match(text, position):
            self.position = number.end()
            whole = "." not in number[0] and len(number[0]) < _MOST_DIGITS
            return Literal(value=int(number[0]) if whole else float(number[0]))
        return self._path(start)

    def _path(self, start: int) -> Path:
        offset = self.position
        data = self.skip("@")
        parts: list[str] = []
        while True:
            segment = SEGMENT.match(self.text, self.position)
            name = segment or NAME.match(self.text, self.position)
            if name is None or LITERAL.match(self.text, self.position):
                if run := RUN.match(self.text, self.position) if name is None else None:
                    self.position = run.end()
                raise self._unexpected(start, closing="}}")
            if segment is None and name[0] in ("this", ".", ".."):
                if parts:
                    raise self._source.error(
                        offset, f"`{name[0]}` inside a path", hint="write the path without it: `{{env.NAME}}`"
                    )
                # The context has no parent, so `..` has no value: it becomes a name that never exists.
                parts.extend([".."] if name[0] == ".." else [])
            else:
                parts.append(unbracket(name[0]))
            self.position = name.end()
            if not (self.skip(".") or self.skip("/")):
                break
        if data:
            parts = parts[1:] if parts[:1] == ["root"] else [f"@{parts[0]}" if parts else "@"]
        return Path(parts=tuple(parts), offset=offset)
