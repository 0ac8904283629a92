"""Text with the position of each character in its file, so that errors can name line and column."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.config.document import Position
from release.errors import ConfigError


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """A text, and the (line, column) of each character. `end`: the position after the last character."""

    text: str
    places: tuple[tuple[int, int], ...]
    end: tuple[int, int]
    source: str

    def place(self, offset: int) -> Position:
        """The position of the character at `offset`; past the last character, the position of the end."""
        line, column = self.places[offset] if offset < len(self.places) else self.end
        return Position(source=self.source, line=line, column=column)

    def error(self, offset: int, message: str, *, hint: str | None) -> ConfigError:
        """An error whose message begins with the position of `offset`."""
        return ConfigError(f"{self.place(offset)}: {message}", hint=hint)

    def pick(self, offsets: Sequence[int], *, end: int) -> Located:
        """The text of the characters at `offsets`, in this order. `end`: the offset after the last character."""
        place = self.place(end)
        return Located(
            text="".join(self.text[offset] for offset in offsets),
            places=tuple(self.places[offset] for offset in offsets),
            end=(place.line, place.column),
            source=self.source,
        )

    def cut(self, start: int, end: int) -> Located:
        """The text from the offset `start` up to, and without, `end`."""
        return self.pick(range(start, end), end=end)

    def strip(self) -> Located:
        """The text without white space at both ends."""
        start = len(self.text) - len(self.text.lstrip())
        return self.cut(start, max(start, len(self.text.rstrip())))


def locate(text: str, *, source: str, line: int = 1, column: int = 1, indent: int = 0) -> Located:
    """`text` with positions. `line`, `column`: the position of the text's first character in `source`.

    `indent`: the number of columns before each further line that are not in `text`.
    """
    places = []
    for index, character in enumerate(text):
        places.append((line, column))
        if character == "\n" or (character == "\r" and text[index + 1 : index + 2] != "\n"):
            line, column = line + 1, 1 + indent
        else:
            column += 1
    return Located(text=text, places=tuple(places), end=(line, column), source=source)
