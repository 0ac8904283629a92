"""A release whose push by BuildKit is stopped by a `Gate`, for tests that end a process in the middle of the push."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs.reaper import marked
from tests.support.registries.gate import Gate, Passage
from tests.support.releases.project import Project


class Pushing:
    """A release whose push by BuildKit waits at the gate, before the registry gets the first blob."""

    def __init__(self, project: Project, gate: Gate, env: Mapping[str, str]) -> None:
        self.project = project
        self.env = env
        self._gate = gate
        self._arrived, self._goes_on = threading.Event(), threading.Event()
        gate.before = self._hold
        self.process = project.start("run", env=env)
        assert self._arrived.wait(60)

    def _hold(self, passage: Passage) -> bool:
        # BuildKit sends each blob by one PUT; shipmark's own check of its permission sends none.
        if passage.method != "PUT" or self._goes_on.is_set():
            return True
        self._arrived.set()
        self._goes_on.wait(60)
        return False

    def end(self) -> None:
        """Let the gate forward all further requests."""
        self._goes_on.set()

    def wait(self) -> int:
        """Wait until the process of the release ends, while the gate still stops the push; return its exit code."""
        return int(self.process.wait(60))


@contextmanager
def pushing(project: Project, gate: Gate, env: Mapping[str, str]) -> Iterator[Pushing]:
    """Start a release, and yield in the middle of the push."""
    one = Pushing(project, gate, env)
    try:
        yield one
    finally:
        one.end()


def front_ends() -> list[int]:
    """Return the ids of the processes of `buildctl` and `buildx` that this test run started."""
    mark = f"PYTEST_LEAK_MARK={os.environ['PYTEST_LEAK_MARK']}"
    return [pid for pid in marked(mark) if _program(pid).endswith((b"buildctl", b"buildx"))]


def _program(pid: int) -> bytes:
    """Return the program of a process; nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except (FileNotFoundError, ProcessLookupError):
        return b""
