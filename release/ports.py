"""Ports: Protocols for processes, time and randomness, so that tests can replace them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended. `code`: the exit status, or minus the number of the signal that ended it."""

    code: int
    stdout: bytes
    stderr: bytes


class Process(Protocol):
    """Runs programs, given as argument lists; never through a shell."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Completed:
        """Run a program to its end. `timeout`: seconds.

        Raises `FileNotFoundError` for a missing program or folder, other kinds of `OSError` for a program that cannot
        be started, `TimeoutError` for one that runs longer than `timeout`, and `Interrupted` when the run is cancelled.
        """


class FollowedProcess(Process, Protocol):
    """Also starts programs whose output is read while they run."""

    def follow(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        take: Callable[[bytes], None],
    ) -> int:
        """Run a program to its end, and return its exit code; `take` gets each line of its stderr, stdout is dropped.

        Raises `FileNotFoundError` for a missing program or folder, `Interrupted` when the run is cancelled, and what
        `take` raises.
        """


class Clock(Protocol):
    """A clock: `now` for timestamps (milliseconds since the epoch), `monotonic` for durations (seconds)."""

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""


class Entropy(Protocol):
    """Randomness for identifiers and delimiters."""

    def token(self, size: int = 16) -> str:
        """Hex text of `size` random bytes."""
