"""Parses YAML into text, lists and mappings with positions.

The config's types convert text to numbers and booleans later.

The document is composed from libyaml's events. libyaml's own composer calls itself for each level, so that 100,000
opening brackets overflow the C stack; PyYAML's composer expands aliases without a limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from release.config.tree import Compose, Node, Position
from release.errors import ConfigError
from release.limits import DOCUMENT_NODES, DOCUMENT_PATHS

__all__ = ["Document", "Position", "parse", "without_empty"]


_QUOTES = 'a value that begins with `>` or `|` needs quotes: `">=0.2"`'


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A YAML document: its values, and the position of each by its path (`$.build.platforms[0]`).

    All scalars are text (`1.10`, `on`); the types of the config convert them to numbers and booleans. `shared`: the
    lines of anchors and aliases. A value below an alias has the position of the anchor's value. `nulls`: the paths of
    the members of mappings that are `null` or `~`.
    """

    value: Any
    positions: dict[str, Position]
    keys: dict[str, Position]
    shared: tuple[int, ...] = ()
    nulls: tuple[str, ...] = ()

    def at(self, path: str) -> Position:
        """The position of the value at `path`, or of the nearest list or mapping around."""
        while path not in self.positions:
            cut = max(path.rfind("."), path.rfind("["))
            if cut < 1:
                break
            path = path[:cut]
        return self.positions.get(path) or self.positions["$"]


def parse(text: str, source: str) -> Document:
    """Parse the document in `text`. Raises `ConfigError` with the place, usually `file:line:column`.

    Errors are invalid YAML, duplicate keys, merge keys, tags outside of YAML's core types, and more depth, values or
    characters of paths than `release.limits` allows.
    """
    node, shared = _compose(text, source)
    reader = _Reader()
    value = {} if node is None else reader.read(node, "$")
    reader.positions.setdefault("$", Position(source=source, line=1, column=1))
    return Document(
        value=value,
        positions=reader.positions,
        keys=reader.keys,
        shared=shared,
        nulls=tuple(reader.nulls),
    )


def _compose(text: str, source: str) -> tuple[Node | None, tuple[int, ...]]:
    import yaml  # imported late: most repositories have no config file

    compose = Compose(_events(text), source, text)
    try:
        node = compose.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark is not None else source
        # `requires: >=0.2` without quotes: YAML reads `>` and `|` as the beginning of a block of text.
        problem = error.problem or error.context or "not valid YAML"
        hint = _QUOTES if error.context == "while scanning a block scalar" else _hint_for(problem)
        raise ConfigError(f"{where}: {problem}", hint=hint) from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        told = " ".join(str(error).split())
        raise ConfigError(
            f"{source}: not valid YAML: {told}", hint="save the file as plain text in UTF-8"
        ) from error
    if node is not None and node.size > DOCUMENT_NODES:
        raise ConfigError(
            f"{node.position}: more than {DOCUMENT_NODES} values, aliases counted as often as they are used",
            hint="split the file, or use fewer aliases",
        )
    return node, tuple(compose.shared)


def _hint_for(problem: str) -> str:
    """What helps against what the YAML parser found."""
    if "cannot start any token" in problem:
        return (
            "indent with blanks, not with tabs; a value that begins with `@`, `%` or a backtick needs quotes"
        )
    if "mapping values are not allowed" in problem:
        return "a value with a colon and a blank needs quotes; a nested key stands in a line of its own, indented"
    return "look at this line and the one before: an open quote or bracket, or an indentation that differs"


def _events(text: str) -> Iterator[Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def without_empty(value: Any) -> Any:
    """`value` without the keys that have no value, so that their defaults apply."""
    if isinstance(value, dict):
        return {key: without_empty(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return ["" if item is None else without_empty(item) for item in value]
    return value


class _Reader:
    """Turns nodes into values, with the position of each. The composer has limited the depth of the nodes before."""

    def __init__(self) -> None:
        self._characters = 0
        self.positions: dict[str, Position] = {}
        self.keys: dict[str, Position] = {}
        self.nulls: list[str] = []

    def read(self, node: Node, path: str) -> Any:
        self._count(node, path)
        self.positions[path] = node.position
        if node.kind == "mapping":
            return {key: self._member(key, at, value, path) for key, at, value in node.members}
        if node.kind == "sequence":
            return [self.read(item, f"{path}[{number}]") for number, item in enumerate(node.items)]
        return node.text

    def _member(self, key: str, at: Position, value: Node, path: str) -> Any:
        self.keys[f"{path}.{key}"] = at
        if value.null:
            self.nulls.append(f"{path}.{key}")
        return self.read(value, f"{path}.{key}")

    def _count(self, node: Node, path: str) -> None:
        # Each path repeats all keys above its value, so many values below long keys would fill the memory.
        self._characters += len(path)
        if self._characters > DOCUMENT_PATHS:
            raise ConfigError(f"{node.position}: too many values below long keys", hint="use shorter keys")
