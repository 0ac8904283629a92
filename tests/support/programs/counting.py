"""`Processes` that records the commands it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from release.control import Cancel
from release.ports import Completed
from release.programs.processes import Processes


class Counting:
    """`Processes` that records the commands it starts."""

    def __init__(self) -> None:
        self._processes = Processes(Cancel())
        self.started: list[tuple[str, ...]] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Completed:
        self.started.append(tuple(argv))
        return self._processes.run(argv, cwd=cwd, env=env, stdin=stdin, timeout=timeout)
