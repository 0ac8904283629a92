"""The types of `--progress=rawjson`: one JSON document a line, the client's `SolveStatus`. Pure.

Source: moby/buildkit, client/graph.go. Members that are not read here are left out.
"""

from __future__ import annotations

import msgspec

from release.decoding import decode


class Vertex(msgspec.Struct, frozen=True):
    """One step of the build, as far as it is known by now."""

    digest: str = ""
    name: str = ""
    started: str | None = None
    completed: str | None = None
    cached: bool = False
    error: str = ""


class Status(msgspec.Struct, frozen=True):
    """A transfer inside of a step. `total`: 0 where it is not known."""

    id: str = ""
    vertex: str = ""
    total: int = 0
    current: int = 0


class Log(msgspec.Struct, frozen=True):
    """A piece of the output of a step's command, which may begin and end within a line.

    `data`: base64 in the document.
    """

    vertex: str = ""
    data: bytes = b""


class Position(msgspec.Struct, frozen=True):
    """The start of a range: the number of a line in the Dockerfile."""

    line: int = 0


class Range(msgspec.Struct, frozen=True):
    """A range of the Dockerfile, of which only the start is read."""

    start: Position = Position()


class Finding(msgspec.Struct, frozen=True):
    """A warning: a finding of BuildKit's own checks. `short`: `RULE: TEXT`."""

    short: bytes = b""
    range: tuple[Range, ...] | None = None


class Update(msgspec.Struct, frozen=True):
    """One line of the stream."""

    vertexes: tuple[Vertex, ...] | None = None
    statuses: tuple[Status, ...] | None = None
    logs: tuple[Log, ...] | None = None
    warnings: tuple[Finding, ...] | None = None


def read_update(line: bytes) -> Update | None:
    """The document in `line`; None for a line of text, which the programs write when they fail."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        return decode(line, Update)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
