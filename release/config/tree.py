"""Composes YAML events to a tree of nodes with positions; depth and number of nodes are limited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NoReturn

import msgspec

from release.errors import ConfigError
from release.json_text import is_utf8
from release.limits import DOCUMENT_DEPTH

_ALIAS = "write `&NAME` before the value, above this line; quote a text that begins with `*`"

_CORE = "tag:yaml.org,2002:"
# Source: YAML 1.2.2, 10.3.2, "Core Schema": tag resolution of plain scalars.
_NULLS = frozenset({"null", "Null", "NULL", "~"})
#: Accepted YAML tags, which have no effect: the types of the config convert the text. `!` is YAML's non-specific
#: tag.
_TAGS = {
    "scalar": frozenset({None, "!", *(_CORE + name for name in ("str", "int", "float", "bool", "null", "timestamp"))}),
    "sequence": frozenset({None, "!", _CORE + "seq"}),
    "mapping": frozenset({None, "!", _CORE + "map"}),
}  # fmt: skip


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A position in a file; lines and columns count from 1."""

    source: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


class Node(msgspec.Struct, kw_only=True):
    """A YAML value.

    `size`: number of values, itself and aliases included; `height`: levels of lists and mappings; `null`: YAML's null,
    written as a word: `null` or `~`.
    """

    kind: Literal["scalar", "sequence", "mapping"]
    position: Position
    text: str = ""
    items: list[Node] = []
    members: list[tuple[str, Position, Node]] = []
    size: int = 1
    height: int = 0
    null: bool = False


class Compose:
    """Composes one document from libyaml's events. `_node` calls itself for each level, up to `DOCUMENT_DEPTH`."""

    def __init__(self, events: Iterator[Any], source: str, text: str) -> None:
        self._events = events
        self._source = source
        self._lines = text.splitlines()
        self._anchors: dict[str, Node | None] = {}  # None: still open
        self._depth = 0
        #: The lines of anchors and aliases.
        self.shared: list[int] = []

    def document(self) -> Node | None:
        """Compose the only document; None if there is none. Raises `ConfigError` and errors of the YAML parser."""
        next(self._events)  # the beginning of the stream
        if self._name(next(self._events)) == "StreamEnd":
            return None
        node = self._node(next(self._events))
        next(self._events)  # the document's end
        following = next(self._events)
        if self._name(following) != "StreamEnd":
            self._refuse(self._position(following), "a second document", "keep one document in this file")
        return node

    def _node(self, event: Any) -> Node:
        name = self._name(event)
        if getattr(event, "anchor", None) is not None:
            self.shared.append(event.start_mark.line + 1)
        if name == "Alias":
            return self._aliased(event)
        if event.anchor is not None:
            if event.anchor in self._anchors:
                self._refuse(self._position(event), f"anchor `{event.anchor}` is defined twice", "rename one")
            self._anchors[event.anchor] = None
        if name == "Scalar":
            node = self._scalar(event)
        else:
            node = self._collection(event, "sequence" if name == "SequenceStart" else "mapping")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            self._refuse(
                self._position(event), f"no anchor `{event.anchor}` is defined before this alias", _ALIAS
            )
        node = self._anchors[event.anchor]
        if node is None:
            self._refuse(self._position(event), "an alias that contains itself", "write the value out")
        self._require_depth(event, node.height)
        return node

    def _scalar(self, event: Any) -> Node:
        self._require_tag(event, "scalar")
        if "\0" in event.value or not is_utf8(event.value):
            self._refuse(
                self._position(event),
                "a character that no value may hold (NUL, or half a surrogate pair)",
                "remove the escape, such as `\\0` or `\\ud83d`; write other characters as they are",
            )
        null = event.value in _NULLS and event.tag is None and not event.style
        return Node(kind="scalar", position=self._position(event), text=event.value, null=null)

    def _collection(self, event: Any, kind: Literal["sequence", "mapping"]) -> Node:
        self._require_tag(event, kind)
        self._require_depth(event, 1)
        self._depth += 1
        node = Node(kind=kind, position=self._position(event), items=[], members=[])
        if kind == "sequence":
            while not self._name(following := next(self._events)).endswith("End"):
                node.items.append(self._node(following))
        else:
            self._fill(node)
        self._depth -= 1
        inner = node.items or [value for _, _, value in node.members]
        node.size += sum(one.size for one in inner)
        node.height = 1 + max((one.height for one in inner), default=0)
        return node

    def _fill(self, node: Node) -> None:
        seen = set()
        while not self._name(following := next(self._events)).endswith("End"):
            at = self._position(following)
            key = self._node(following)
            if key.kind != "scalar":
                self._refuse(at, "a key must be text", "quote a text that begins with `{` or `[`")
            if key.text == "<<" and not getattr(following, "style", None):
                self._refuse(at, "merge keys (`<<`) are not supported", "repeat the keys that are meant")
            if key.text in seen:
                self._refuse(at, f"key `{key.text}` is given twice", "keep one, with the values of both")
            seen.add(key.text)
            node.members.append((key.text, at, self._node(next(self._events))))

    def _require_tag(self, event: Any, kind: str) -> None:
        if event.tag not in _TAGS[kind]:
            self._refuse(self._position(event), f"tag `{event.tag}` is not supported", "remove the tag")

    def _require_depth(self, event: Any, levels: int) -> None:
        if self._depth + levels > DOCUMENT_DEPTH:
            self._refuse(
                self._position(event), f"nested deeper than {DOCUMENT_DEPTH} levels", "flatten the document"
            )

    def _name(self, event: Any) -> str:
        return type(event).__name__.removesuffix("Event")

    def _refuse(self, position: Position, what: str, hint: str) -> NoReturn:
        raise ConfigError(f"{position}: {what}", hint=hint)

    def _position(self, event: Any) -> Position:
        mark = event.start_mark
        if getattr(event, "style", None) in {"|", ">"} and mark.line + 1 < len(self._lines):
            # The text of a block scalar begins on the line below its `|`, after the indentation.
            below = self._lines[mark.line + 1]
            return Position(
                source=self._source, line=mark.line + 2, column=len(below) - len(below.lstrip()) + 1
            )
        return Position(source=self._source, line=mark.line + 1, column=mark.column + 1)
