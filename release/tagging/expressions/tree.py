"""The tree of an expression: what `{{date 'YYYY' tz='Asia/Tokyo'}}` is once it is parsed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from release.tagging.expressions.source_text import Located


class Literal(msgspec.Struct, frozen=True, kw_only=True):
    """Text, a number or a truth value that stands in an expression as it is; None is `null` or `undefined`."""

    value: str | int | float | bool | None


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """A name, or names inside one: `version`, `prerelease.[0]`. No parts: the whole context (`this`)."""

    parts: tuple[str, ...]
    offset: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A path, and the arguments if it is a helper that is called. `options` are the named ones."""

    path: Path
    arguments: tuple[Operand, ...] = ()
    options: tuple[tuple[str, Operand], ...] = ()

    @property
    def offset(self) -> int:
        """Where the call stands in its template."""
        return self.path.offset

    def paths(self) -> Iterator[Path]:
        """Its own path and those of everything in its arguments."""
        yield self.path
        for operand in (*self.arguments, *(value for _, value in self.options)):
            match operand:
                case Path():
                    yield operand
                case Call():
                    yield from operand.paths()


Operand = Literal | Path | Call


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """Text and calls, in order. `source` remembers the places for errors at rendering."""

    nodes: tuple[str | Call, ...]
    source: Located

    def names(self) -> frozenset[str]:
        """The first part of every path: which names the template reads."""
        calls = (node for node in self.nodes if isinstance(node, Call))
        return frozenset(path.parts[0] for call in calls for path in call.paths() if path.parts)

    def only_name(self) -> str | None:
        """The name, if the template is one mustache of one name and nothing else."""
        match self.nodes:
            case (Call(path=Path(parts=(name,))),):
                return name
        return None
