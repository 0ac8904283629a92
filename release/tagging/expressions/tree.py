"""The types of parsed expressions, such as `{{date 'YYYY' tz='Asia/Tokyo'}}`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from release.tagging.expressions.source_text import Located


class Literal(msgspec.Struct, frozen=True, kw_only=True):
    """A constant in an expression: text, a number or a truth value; None for `null` and `undefined`."""

    value: str | int | float | bool | None

    @property
    def name(self) -> str:
        """The name that is looked up where the literal stands in the place of one: `{{true}}`."""
        match self.value:
            case bool() as value:
                return "true" if value else "false"
            case None:
                return "undefined"
            case value:
                return str(value)


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """A name, or the path to a value below a name: `version`, `prerelease.[0]`. Without parts: the context."""

    parts: tuple[str, ...]
    offset: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A path and the arguments behind it; `render` refuses arguments if the path names no helper.

    `options`: the named arguments.
    """

    path: Path
    arguments: tuple[Operand, ...] = ()
    options: tuple[tuple[str, Operand], ...] = ()

    @property
    def offset(self) -> int:
        """The offset of the call in its template."""
        return self.path.offset

    def paths(self) -> Iterator[Path]:
        """The path of the call, and all paths in its arguments."""
        yield self.path
        for operand in (*self.arguments, *(value for _, value in self.options)):
            match operand:
                case Path():
                    yield operand
                case Call():
                    yield from operand.paths()


Operand = Literal | Path | Call


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed template: text and calls, in order. `source`: the text with positions, for errors."""

    nodes: tuple[str | Call, ...]
    source: Located

    def names(self) -> frozenset[str]:
        """The names that the template reads: the first part of each path."""
        calls = (node for node in self.nodes if isinstance(node, Call))
        return frozenset(path.parts[0] for call in calls for path in call.paths() if path.parts)

    def only_name(self) -> str | None:
        """The name, if the template is a single `{{name}}` without other text; else None."""
        match self.nodes:
            case (Call(path=Path(parts=(name,))),):
                return name
        return None
