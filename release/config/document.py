"""YAML with positions: every value is text, a list or a mapping until a type asks for more. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from release.errors import ConfigError


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where something stands; lines and columns count from 1."""

    source: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A YAML document: its values, and the position of each by its path (`$.build.platforms[0]`).

    Plain scalars stay text (`1.10`, `on`), so that the type that wants a number or a boolean converts it.
    """

    value: Any
    positions: dict[str, Position]
    keys: dict[str, Position]

    def at(self, path: str) -> Position:
        """The position of `path`, or of the nearest thing around it."""
        while path not in self.positions:
            cut = max(path.rfind("."), path.rfind("["))
            if cut < 1:
                break
            path = path[:cut]
        return self.positions.get(path) or self.positions["$"]


def parse(text: str, source: str) -> Document:
    """The document in `text`. Raises `ConfigError` with `file:line:column` for bad YAML and duplicate keys."""
    import yaml  # late: most repositories have no config file

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark is not None else source
        raise ConfigError(f"{where}: {error.problem or error.context or 'not valid YAML'}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from error
    reader = _Reader(source, text.splitlines())
    value = {} if node is None else reader.read(node, "$")
    reader.positions.setdefault("$", Position(source=source, line=1, column=1))
    return Document(value=value, positions=reader.positions, keys=reader.keys)


class _Reader:
    def __init__(self, source: str, lines: list[str]) -> None:
        self._source = source
        self._lines = lines
        self._open: set[int] = set()
        self.positions: dict[str, Position] = {}
        self.keys: dict[str, Position] = {}

    def read(self, node: Any, path: str) -> Any:
        self.positions[path] = self._position(node)
        if id(node) in self._open:
            raise ConfigError(f"{self._position(node)}: an alias that contains itself")
        self._open.add(id(node))
        try:
            return self._read(node, path)
        finally:
            self._open.discard(id(node))

    def _read(self, node: Any, path: str) -> Any:
        if node.id == "mapping":
            return self._mapping(node, path)
        if node.id == "sequence":
            return [self.read(item, f"{path}[{number}]") for number, item in enumerate(node.value)]
        if node.tag == "tag:yaml.org,2002:null" and node.style is None:
            return None
        return node.value

    def _mapping(self, node: Any, path: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.id != "scalar":
                raise ConfigError(f"{self._position(key_node)}: a key must be text")
            key = key_node.value
            if key in values:
                raise ConfigError(f"{self._position(key_node)}: key `{key}` stands here twice")
            self.keys[f"{path}.{key}"] = self._position(key_node)
            values[key] = self.read(value_node, f"{path}.{key}")
        return values

    def _position(self, node: Any) -> Position:
        mark = node.start_mark
        if node.id == "scalar" and node.style in {"|", ">"} and mark.line + 1 < len(self._lines):
            # The text of a block begins below its `|`, behind its indentation.
            below = self._lines[mark.line + 1]
            return Position(
                source=self._source, line=mark.line + 2, column=len(below) - len(below.lstrip()) + 1
            )
        return Position(source=self._source, line=mark.line + 1, column=mark.column + 1)
