"""Ports: Protocols for processes, time and randomness, so that tests can replace them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


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
