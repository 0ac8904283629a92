"""Parses the list syntax of inputs: one item per line, with fields separated by commas.

An input is read as CSV twice. The first pass makes items: a line is an item, a `#` at the beginning of a line makes a
comment, quotes around a field protect line breaks and are consumed. The second pass makes an item's fields, and there a
quote inside an unquoted field is an error. So a comma in a field has to be protected from both passes:
`type=match,\"\"\"pattern=v(\\d{1,3})\"\"\"`.
Source: the observable behaviour of docker/metadata-action v6.2.0 (its reader is csv-parse).
"""

from __future__ import annotations

import msgspec

from release.errors import ConfigError
from release.limits import ITEM_CHARACTERS, ITEM_LINES
from release.tagging.expressions.source_text import Located, locate

_QUOTE = '"'
_COMMA = ","
_COMMENT = "#"
_BREAKS = "\r\n"


class _Record(msgspec.Struct):
    """Fields as offsets into the source, and the offset that ends each of them."""

    fields: list[list[int]]
    ends: list[int]


def parse_items(
    text: str, *, source: str, line: int = 1, column: int = 1, indent: int = 0
) -> tuple[Located, ...]:
    """The items of an input, trimmed, blank ones and comments left out. Raises `ConfigError` for an unclosed quote.

    `line`, `column`, `indent`: where the text stands, as in `locate`.
    """
    if text.count("\n") > ITEM_LINES or len(text) > ITEM_CHARACTERS:
        raise ConfigError(
            f"{source}: more than {ITEM_LINES} lines or {ITEM_CHARACTERS} characters",
            hint="write fewer items",
        )
    located = locate(text, source=source, line=line, column=column, indent=indent).strip()
    items = []
    for record in _Scanner(located, strict=False).records():
        offsets = list(record.fields[0])
        for field, comma in zip(record.fields[1:], record.ends, strict=False):
            offsets += [comma, *field]
        item = located.pick(offsets, end=record.ends[-1]).strip()
        if item.text:
            items.append(item)
    return tuple(items)


def parse_fields(item: Located) -> tuple[Located, ...]:
    """The fields in the first line of an item, not trimmed. Raises `ConfigError` for bad quotes."""
    records = _Scanner(item, strict=True).records()
    if not records:
        return ()
    first = records[0]
    return tuple(item.pick(field, end=end) for field, end in zip(first.fields, first.ends, strict=True))


class _Scanner:
    """One pass over `source`. `strict`: stray quotes are errors and there are no comments."""

    def __init__(self, source: Located, *, strict: bool) -> None:
        self._source = source
        self._text = source.text
        self._strict = strict
        self._position = 0
        self._field: list[int] = []
        self._is_blank = (
            True  # whether the field has only white space so far; a check of all of it each time is quadratic
        )
        self._record = _Record(fields=[], ends=[])
        self._opened: int | None = None  # offset of the quote that is open
        self._was_quoted = False
        self._records: list[_Record] = []

    def records(self) -> list[_Record]:
        """Every record that is not blank."""
        while self._position < len(self._text):
            self._step(self._text[self._position])
        if self._opened is not None:
            raise self._source.error(
                self._opened,
                "the quote that opens here is never closed",
                hint='a quote as text is written `""` inside a quoted field',
            )
        self._end_record()
        return self._records

    def _step(self, character: str) -> None:
        if character == _QUOTE and self._quote():
            return
        if self._opened is None:
            if character in _BREAKS:
                self._end_record()
                self._position += 1
                return
            if not self._strict and self._at_comment():
                self._skip_line()
                return
            if character == _COMMA:
                self._end_field()
                self._position += 1
                return
        self._take()
        self._position += 1

    def _take(self) -> None:
        """Append the character at the current position to the field."""
        self._field.append(self._position)
        self._is_blank = self._is_blank and self._text[self._position].isspace()

    def _quote(self) -> bool:
        """Handle a quote; returns True if it was syntax, False if it is text of the field."""
        if self._opened is None:
            if self._field:
                if self._strict:
                    raise self._source.error(
                        self._position,
                        "a quote inside a field that does not begin with one",
                        hint="quote the whole field, or use single quotes in expressions",
                    )
                return False
            self._opened = self._position
            self._position += 1
            return True
        following = self._text[self._position + 1 : self._position + 2]
        if following == _QUOTE:
            self._take()
            self._position += 2
            return True
        return self._close(following)

    def _close(self, following: str) -> bool:
        opened, self._opened = self._opened, None
        self._was_quoted = True
        if not following or following == _COMMA or following in _BREAKS:
            self._position += 1
            return True
        if self._strict:
            raise self._source.error(
                self._position,
                f"`{following}` after a closing quote",
                hint='a quote as text is written `""` inside a quoted field',
            )
        if following == _COMMENT:
            self._position += 1
            return True
        # Text follows the closing quote, so the field is not a quoted one: both quotes are text.
        self._field.insert(0, opened if opened is not None else self._position)
        self._is_blank = False
        return False

    def _at_comment(self) -> bool:
        """Whether a comment begins here: nothing but white space before the `#` on its line."""
        if self._record.fields or (self._was_quoted and self._field) or not self._is_blank:
            return False
        return self._text[self._position] == _COMMENT

    def _skip_line(self) -> None:
        self._start_field()
        while self._position < len(self._text) and self._text[self._position] not in _BREAKS:
            self._position += 1

    def _start_field(self) -> None:
        self._field = []
        self._is_blank = True
        self._was_quoted = False

    def _end_field(self) -> None:
        self._record.fields.append(self._field)
        self._record.ends.append(self._position)
        self._start_field()

    def _end_record(self) -> None:
        blank = not self._field and not self._record.fields and not self._was_quoted
        if not blank:
            self._end_field()
            self._records.append(self._record)
            self._record = _Record(fields=[], ends=[])
