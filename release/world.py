"""The ports through which shipmark touches the world, in one frozen bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from release.build import Builder
from release.control import Cancel, Deadline
from release.log import LogWriter
from release.registry import Registries


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended. Streams are apart; `code` is negative for a signal."""

    code: int
    stdout: bytes
    stderr: bytes


class Process(Protocol):
    """Starts programs: argument lists only, never a shell."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Completed:
        """Run to the end. `timeout`: seconds. A missing program is `FileNotFoundError`; a time-out `TimeoutError`."""


class Clock(Protocol):
    """Time: `now` in milliseconds since the epoch for what is written down, `monotonic` in seconds for durations."""

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""


class Entropy(Protocol):
    """Randomness for identifiers and delimiters."""

    def token(self, size: int = 16) -> str:
        """Hex text of `size` random bytes."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should read. `hint`: the action that helps."""

    level: Literal["debug", "info", "warning", "error"]
    text: str
    hint: str | None = None


class StepEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A step changed its state: `started`, `done`, `withheld`, `conflict`, `unknown`, `failed`, `skipped`."""

    step: str
    state: str
    text: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on their way. `label`: what moves (a short digest); `total`: None when it is not known."""

    label: str
    done: int
    total: int | None = None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One line that another program wrote; foreign text, escaped by the renderer."""

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


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a step may touch. `root`: the repository's top folder; `store`: the local content store."""

    process: Process
    registries: Registries
    builders: Mapping[str, Builder]
    log: LogWriter
    clock: Clock
    entropy: Entropy
    sink: Sink
    cancel: Cancel
    deadline: Deadline
    root: str
    store: str
    env: Mapping[str, str]
