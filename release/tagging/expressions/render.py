"""Renders expressions such as `{{major}}.{{minor}}` and `{{date 'YYYYMMDD' tz='Asia/Tokyo'}}`.

The language is the inline part of Handlebars: names and paths, `{{{raw}}}` and `{{&raw}}` (equal to `{{raw}}`, since
nothing is HTML-escaped), helper calls with positional and named arguments, subexpressions, comments, `~`, and `\\{{`
for the braces themselves. Blocks, partials and decorators are errors. No code is ever evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from release.digits import number_in
from release.errors import ConfigError
from release.tagging.expressions.parser import parse_nodes
from release.tagging.expressions.source_text import Located, locate
from release.tagging.expressions.tree import Call, Literal, Operand, Path, Template

Value = str | int | float | bool | None | tuple["Value", ...] | Mapping[str, "Value"]
Helper = Callable[[tuple[Value, ...], Mapping[str, Value]], str]
Names = Mapping[str, Value | Helper]

_NO_HELPERS = "write the name alone, as in `{{version}}`: nothing takes arguments here"

# Characters of a text with expressions, such as a line of a config file; real ones have some hundred at most. Parsing
# makes a tree in memory, and a pull request can contain any text.
_MAX_LENGTH = 16_384


def parse_template(text: str | Located, *, source: str = "expression") -> Template:
    """Parse `text` to a tree. Raises `ConfigError` with line and column for invalid expressions and for blocks."""
    located = locate(text, source=source) if isinstance(text, str) else text
    if len(located.text) > _MAX_LENGTH:
        raise located.error(
            0,
            f"an expression of {len(located.text)} characters, at most {_MAX_LENGTH} are read",
            hint="shorten it, or split it into several rules",
        )
    return Template(nodes=parse_nodes(located), source=located)


def render(template: Template, names: Names) -> str:
    """Render `template` with `names`; an unknown name gives empty text.

    Raises `ConfigError` with line and column for a helper that does not exist or cannot use its arguments.
    """
    renderer = _Renderer(template.source, names)
    return "".join(node if isinstance(node, str) else _text(renderer.call(node)) for node in template.nodes)


def expand(text: str | Located, names: Names, *, source: str = "expression") -> str:
    """Parse `text`, and render it with `names`."""
    return render(parse_template(text, source=source), names)


class _Renderer:
    def __init__(self, source: Located, names: Names) -> None:
        self._source = source
        self._names = names

    def call(self, call: Call) -> Value:
        """The value of one call: a helper's result, or a plain value, which takes no arguments."""
        found = self._find(call.path)
        if callable(found):
            arguments = tuple(self._value(operand) for operand in call.arguments)
            options = {name: self._value(operand) for name, operand in call.options}
            try:
                return found(arguments, options)
            except ConfigError as error:
                raise self._source.error(call.offset, error.message, hint=error.hint) from error
        if call.arguments or call.options:
            raise self._no_helper(call.path)
        return found

    def _no_helper(self, path: Path) -> ConfigError:
        helpers = sorted(name for name, value in self._names.items() if callable(value))
        return self._source.error(
            path.offset,
            f"`{'.'.join(path.parts) or 'this'}` is not a helper and takes no arguments",
            hint=f"helpers here: {', '.join(f'`{name}`' for name in helpers)}" if helpers else _NO_HELPERS,
        )

    def _value(self, operand: Operand) -> Value:
        match operand:
            case Literal(value=value):
                return value
            case Call():
                return self.call(operand)
        found = self._find(operand)
        return None if callable(found) else found

    def _find(self, path: Path) -> Value | Helper:
        if not path.parts:
            found: Value | Helper = self._names.get("this")
        else:
            found = self._names.get(path.parts[0])
        for part in path.parts[1:]:
            match found:
                case Mapping():
                    found = found.get(part)
                case tuple():
                    number = number_in(part, most=len(found) - 1)
                    found = None if number is None else found[number]
                case _:
                    return None
        return found


def _text(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case tuple():
            return ",".join(_text(item) for item in value)
        case Mapping():
            return ""
        case _:
            return str(value)
