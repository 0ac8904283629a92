"""Events: the progress and the messages that commands report while they work, and the `Sink` that receives them."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A message for people. `hint`: the action that helps, or None."""

    level: Literal["debug", "info", "warning", "error"]
    text: str
    hint: str | None = None


class StepEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A step changed its state: `started`, then a `State` of `release/plan/outcome.py`: `made`, `done`, `failed` …"""

    step: str
    state: str
    text: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a transfer. `label`: what is sent or read, such as a blob's short digest.

    `done`, `total`: bytes; `total` is None while the size is not known.
    """

    label: str
    done: int
    total: int | None = None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One line that another program printed. The text is not trusted: code that prints it must escape it."""

    source: str
    line: str


class LastLines(msgspec.Struct, frozen=True, kw_only=True):
    """The end of what the failed step of a build wrote, once more, for logs in which it is far above the error.

    The lines were reported as `Output` before, perhaps with a prefix. The text is not trusted.
    """

    step: str
    lines: tuple[str, ...]


Event = Note | StepEvent | Progress | Output | LastLines


class Sink(Protocol):
    """Receives events from any thread, to print or drop them."""

    def emit(self, event: Event) -> None:
        """Print or drop the event; never raises."""


class NullSink:
    """A `Sink` that drops every event."""

    def emit(self, event: Event) -> None:
        """Drop `event`."""
