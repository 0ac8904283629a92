"""Events: progress and messages that the code reports while it works. One `Sink` takes them all."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A message for people. `hint`: the action that helps."""

    level: Literal["debug", "info", "warning", "error"]
    text: str
    hint: str | None = None


class StepEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A step changed its state: `started`, `done`, `withheld`, `conflict`, `unknown`, `failed`, `skipped`."""

    step: str
    state: str
    text: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a transfer. `label`: its object (a short digest). `total`: bytes; None if not known."""

    label: str
    done: int
    total: int | None = None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One line of another program's output: foreign text, which the renderer escapes."""

    source: str
    line: str


Event = Note | StepEvent | Progress | Output


class Sink(Protocol):
    """Takes events from any thread."""

    def emit(self, event: Event) -> None:
        """Show or drop the event; never raises."""


class NullSink:
    """Drops everything."""

    def emit(self, event: Event) -> None:
        """Drop `event`."""
