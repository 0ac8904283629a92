"""Starts processes for fixtures, and checks at the end of the test run that none of them still runs.

Every process that descends from the tests carries `MARK` in its environment. At the end of the run `/proc` is
searched for `MARK`, which also finds daemons that detached themselves; on systems without `/proc` only processes
started through `Service` are checked. After a run that was killed, a separate process, the reaper, cleans up.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support.programs import reaper

#: Names the run in its descendants' environment. Not `SHIPMARK_*`: those are read by the command under test.
MARK = "PYTEST_LEAK_MARK"
# Benches use these fixtures without pytest. With an empty mark their reapers would end one another's processes.
os.environ.setdefault(MARK, f"{os.getpid()}-{secrets.token_hex(8)}")

#: Seconds that processes which were told to end may take until they count as leaked.
GRACE = 5.0

_started: dict[int, str] = {}


class Service:
    """A long-running process in a session of its own, with stdout and stderr in files.

    `ready`: called with each line of stderr until it returns True; then the constructor returns. The constructor raises
    `RuntimeError` with the last lines of stderr if the process ends or `timeout` seconds pass first.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        name: str,
        env: Mapping[str, str],
        ready: Callable[[bytes], bool],
        timeout: float = 30.0,
    ) -> None:
        _reaper()
        self.name = name
        self.log = folder / f"{name}.err"
        self.output = folder / f"{name}.out"
        self._ready = threading.Event()
        self._is_ready = ready
        with self.output.open("ab") as output:
            # A session of its own: Ctrl-C in the terminal reaches pytest, whose fixtures then end the service.
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                env={**env, MARK: os.environ.get(MARK, "")},
                cwd=folder,
                start_new_session=True,
            )
        _started[self.process.pid] = name
        assert self.process.stderr is not None
        self._drain = threading.Thread(target=self._follow, args=(self.process.stderr,), daemon=True)
        self._drain.start()
        if not self._ready.wait(timeout) or not self.running:
            self.stop()
            raise RuntimeError(f"{name} did not become ready:\n{self.tail()}")

    @property
    def running(self) -> bool:
        """Return whether the process has not ended yet."""
        return self.process.poll() is None

    def stop(self, *, timeout: float = 20.0) -> None:
        """End the process by SIGTERM, after `timeout` seconds by SIGKILL, and reap it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._drain.join()
        _started.pop(self.process.pid, None)

    def kill(self) -> None:
        """End the process by SIGKILL and reap it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.stop()

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of stderr."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _follow(self, stream: BinaryIO) -> None:
        with stream, self.log.open("ab", buffering=0) as log:
            for line in stream:
                with contextlib.suppress(OSError):  # a test may have filled the disk
                    log.write(line)
                if not self._ready.is_set() and self._is_ready(line):
                    self._ready.set()
        # The end of the stream wakes the constructor too: it then sees that the process is gone.
        self._ready.set()


def remove_if_killed(folder: Path) -> None:
    """Let the reaper unmount and remove `folder` if this process ends before `removed` is called."""
    _tell_reaper(f"{folder}\n")


def removed(folder: Path) -> None:
    """Cancel `remove_if_killed` for `folder`."""
    _tell_reaper(f"-{folder}\n")


def _tell_reaper(line: str) -> None:
    stream = _reaper().stdin
    assert stream is not None
    stream.write(line.encode())
    stream.flush()


@cache
def _reaper() -> subprocess.Popen[bytes]:
    # Without the mark, or it would end itself; in a session of its own, out of the reach of Ctrl-C.
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", reaper.__file__, f"{MARK}={os.environ.get(MARK, '')}"],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def pytest_unconfigure() -> None:
    """End the reaper by closing its stdin; the reaper first ends marked processes that are left of the run."""
    if _reaper.cache_info().currsize:
        _reaper().communicate()


def survivors(mark: str) -> list[str]:
    """Kill the processes of this run that do not end within `GRACE` seconds.

    Returns a line for each of them, and for each `Service` that its fixture did not stop.
    """
    for pid in reaper.marked(f"{MARK}={mark}"):
        reaper.wait_for_end(pid, GRACE)
    alive = reaper.marked(f"{MARK}={mark}")
    lines = [f"pid {pid}: {_command_of(pid)}" for pid in alive]
    reaper.end_all(f"{MARK}={mark}")
    lines += [f"pid {pid}: {name} was not stopped by its fixture" for pid, name in _started.items()]
    return lines


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "(ended meanwhile)"


def pytest_configure(config: pytest.Config) -> None:
    """Put a mark into the environment of later processes. Workers of xdist replace the mark that they inherited."""
    os.environ[MARK] = f"{os.getpid()}-{secrets.token_hex(8)}"
    config.stash[_LEAKS] = []


_LEAKS = pytest.StashKey[list[str]]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the test run when a process survived it, in this process's tests or in an xdist worker's."""
    leaks = session.config.stash[_LEAKS]
    if not _has_workers(session.config):
        leaks += survivors(os.environ[MARK])
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["leaks"] = leaks
    if leaks and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Collect the surviving processes that an xdist worker reported."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_LEAKS].extend(output.get("leaks", []))  # type: ignore[attr-defined]  # xdist's is untyped


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the processes that outlived their tests at the end of the test run."""
    leaks = config.stash[_LEAKS]
    if leaks:
        terminalreporter.section("processes that outlived their tests", red=True)
        for line in leaks:
            terminalreporter.write_line(line)


def _has_workers(config: pytest.Config) -> bool:
    # Workers inherit the controller's mark in their own environment and check themselves.
    return not hasattr(config, "workerinput") and bool(getattr(config.option, "tx", None))


def terminate_group(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """Send the signal `number` to the process group of a child that was started with `start_new_session=True`."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
