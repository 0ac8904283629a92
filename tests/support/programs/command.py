"""The installed `shipmark`, run as a real child process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.programs.processes import terminate_group


class Result(NamedTuple):
    """Result of a finished shipmark command. `code` is negative if a signal ended the command."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Return stdout, decoded as one JSON document."""
        return json.loads(self.stdout)


class Shipmark:
    """Starts the command as every adapter does: an isolated interpreter and the installed script."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.env = scrubbed(home)
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def argv(self) -> list[str]:
        """Return the command line of shipmark without arguments."""
        return [sys.executable, "-I", str(Path(sys.executable).parent / "shipmark")]

    def __call__(
        self,
        *args: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 120.0,
    ) -> Result:
        """Run shipmark to its end in `cwd` or the test's folder, with `env` added to a minimal environment."""
        done = subprocess.run(
            [*self.argv, *args],
            cwd=cwd or self.folder,
            env={**self.env, **(env or {})},
            input=stdin.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(
        self,
        *args: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start shipmark in its own process group, with pipes, for tests that send signals or answer questions."""
        process = subprocess.Popen(
            [*self.argv, *args],
            cwd=cwd or self.folder,
            env={**self.env, **(env or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def close(self) -> None:
        """Kill and reap the processes that `start` started, and close their pipes."""
        for process in self._running:
            if process.poll() is None:
                terminate_group(process)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait()


@pytest.fixture
def shipmark(tmp_path: Path) -> Iterator[Shipmark]:
    """Give the command: `shipmark("tags", "--json", cwd=repo.path).code`."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    command = Shipmark(tmp_path, home)
    yield command
    command.close()
