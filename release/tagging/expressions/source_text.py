"""Text that remembers where each of its characters stood, so that every error can name line and column."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.config.document import Position
from release.errors import ConfigError


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """`text`, and for every character its (line, column). `end`: where the text ends, for errors after its last one."""

    text: str
    places: tuple[tuple[int, int], ...]
    end: tuple[int, int]
    source: str

    def place(self, offset: int) -> Position:
        """Where the character at `offset` stood; past the end, where the text ended."""
        line, column = self.places[offset] if offset < len(self.places) else self.end
        return Position(source=self.source, line=line, column=column)

    def error(self, offset: int, message: str, *, hint: str | None = None) -> ConfigError:
        """An error that begins with the place of `offset`."""
        return ConfigError(f"{self.place(offset)}: {message}", hint=hint)

    def pick(self, offsets: Sequence[int], *, end: int) -> Located:
        """The characters at `offsets`, in that order; `end`: the offset that follows them."""
        place = self.place(end)
        return Located(
            text="".join(self.text[offset] for offset in offsets),
            places=tuple(self.places[offset] for offset in offsets),
            end=(place.line, place.column),
            source=self.source,
        )

    def cut(self, start: int, end: int) -> Located:
        """The part from `start` up to `end`."""
        return self.pick(range(start, end), end=end)

    def strip(self) -> Located:
        """Without white space at both ends."""
        start = len(self.text) - len(self.text.lstrip())
        return self.cut(start, max(start, len(self.text.rstrip())))


def locate(text: str, *, source: str, line: int = 1, column: int = 1, indent: int = 0) -> Located:
    """`text` with its places. `line` and `column`: where its first character stands in `source`.

    `indent`: how many columns stand before each further line and are not part of `text`.
    """
    places = []
    for index, character in enumerate(text):
        places.append((line, column))
        if character == "\n" or (character == "\r" and text[index + 1 : index + 2] != "\n"):
            line, column = line + 1, 1 + indent
        else:
            column += 1
    return Located(text=text, places=tuple(places), end=(line, column), source=source)
