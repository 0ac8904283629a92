"""Starts other programs, with argument lists and never through a shell; only GitPython also starts programs (git)."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import IO

from release.control import Cancel
from release.limits import MIB
from release.ports import Completed
from release.programs.pipes import Exchange

# Seconds between SIGTERM and SIGKILL for a process group: enough for git to remove its lock files; more would delay
# the error of a time-out.
GRACE = 2.0
# Seconds between SIGTERM and SIGKILL when the run is cancelled. Shorter than the 0.6 s that the step scheduler waits
# for steps, so that the step that started the child can still report how it ended.
_GRACE_OF_CANCELLED = 0.4
# Bytes of one line that `follow` keeps in memory; a longer line is passed on in pieces. Progress records of BuildKit,
# one on a line, have some kilobytes.
_LONGEST_LINE = 4 * MIB


class Processes:
    """`ports.Process` over the operating system.

    Every child leads a session of its own: it cannot prompt on our terminal, and is killed together with the processes
    that it started, except those that began sessions of their own. Processes that it leaves running are ended with it.
    """

    def __init__(self, cancel: Cancel) -> None:
        self._cancel = cancel

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Completed:
        """Run `argv` to its end. `env`: the program's whole environment; None for shipmark's own. `timeout`: seconds.

        Raises `FileNotFoundError` for a missing program or folder (`filename` tells which), `TimeoutError` after
        `timeout`, and the error of `Cancel.check` when the run is cancelled. After a time-out or a cancellation the
        child's process group is killed first, and the child is reaped.
        """
        self._cancel.check()
        _require_folder(cwd)
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        stdout, stderr = bytearray(), bytearray()
        outputs = {child.stdout: stdout.extend, child.stderr: stderr.extend}
        self._attend(child, outputs, stdin, timeout)
        return Completed(code=child.returncode, stdout=bytes(stdout), stderr=bytes(stderr))

    def follow(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        take: Callable[[bytes], None],
    ) -> int:
        """Run `argv` to its end and pass each line of its stderr to `take`, as it is written. Returns the exit code.

        A line above 4 MiB is passed in pieces. stdout is dropped. There is no time limit. Raises `FileNotFoundError`
        and the error of a cancellation as `run` does, and what `take` raises, after the child's process group is
        killed.
        """
        self._cancel.check()
        _require_folder(cwd)
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        lines = _Lines(take)
        self._attend(child, {child.stderr: lines.add})
        lines.end()
        return child.returncode

    def _attend(
        self,
        child: subprocess.Popen[bytes],
        outputs: Mapping[IO[bytes] | None, Callable[[bytes], object]],
        data: bytes = b"",
        timeout: float | None = None,
    ) -> None:
        """Feed and read `child` until it has ended, then end what it has left running in its process group."""
        exchange = Exchange(
            outputs,
            stdin=child.stdin,
            data=data,
            timeout=timeout,
            ended=partial(_has_ended, child),
            check=self._cancel.check,
        )
        with child:
            try:
                with self._cancel.on_cancel(lambda: _end_beside(child)):
                    exchange.run()
                    _end_left(child)
            except BaseException:
                if self._cancel.tripped:
                    _kill_after(child, _GRACE_OF_CANCELLED)  # `_end_beside` has sent SIGTERM already
                else:
                    _end(child, GRACE)
                raise
        self._cancel.check()


class _Lines:
    """Passes each line of a stream to `take`; a line above 4 MiB in pieces."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._open = b""

    def add(self, data: bytes) -> None:
        *whole, self._open = (self._open + data).split(b"\n")
        for line in whole:
            self._take(line + b"\n")
        if len(self._open) >= _LONGEST_LINE:
            self.end()

    def end(self) -> None:
        """Pass on a last line without a line feed."""
        if self._open:
            self._take(self._open)
        self._open = b""


def show_on_terminal(argv: Sequence[str], text: bytes, *, env: Mapping[str, str]) -> bool:
    """Run a program that shows `text`, its stdin, on our terminal; wait until the user leaves it.

    Returns False if the program cannot be started. A program that ends before it has read everything is no error.
    """
    try:
        child = subprocess.Popen(list(argv), env=dict(env), stdin=subprocess.PIPE)
    except OSError:
        return False
    # The terminal sends Ctrl-C to the pager and to this process. The pager decides what it means, such as the end of a
    # search; this process must stay, or the shell and the pager would read the terminal at the same time.
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_main else None
    try:
        with suppress(BrokenPipeError):
            child.communicate(text)
        child.wait()
    finally:
        if is_main:
            signal.signal(signal.SIGINT, before)
    return True


def _require_folder(cwd: str | None) -> None:
    # Popen raises FileNotFoundError for a missing folder and a missing program alike; tell them apart.
    if cwd is not None and not os.path.isdir(cwd):
        raise FileNotFoundError(2, "no such folder", cwd)


def _end_beside(child: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to the child's process group, and from a new thread SIGKILL as soon as the child has ended.

    SIGKILL is sent after 0.4 s at the latest, and not at all if the child was waited for before. `Cancel.trip`, which
    calls this function, has other callbacks to run, so the function does not wait.
    """
    _signal_group(child, signal.SIGTERM)
    threading.Thread(target=_end, args=(child, _GRACE_OF_CANCELLED), name="child's end", daemon=True).start()


def _end(child: subprocess.Popen[bytes], grace: float) -> None:
    """End the child's process group: SIGTERM, then SIGKILL after `grace` seconds or when the child has ended."""
    _signal_group(child, signal.SIGTERM)
    _kill_after(child, grace)


def _kill_after(child: subprocess.Popen[bytes], grace: float) -> None:
    """Send SIGKILL to the child's process group after `grace` seconds, or as soon as the child has ended."""
    end = time.monotonic() + grace
    while not _has_ended(child) and time.monotonic() < end:
        time.sleep(0.02)  # seconds; a blocking `waitid` has no time limit, so the state is polled
    _signal_group(child, signal.SIGKILL)


def _end_left(child: subprocess.Popen[bytes]) -> None:
    """Reap the ended child, and end what it has left running in its process group: SIGTERM, after 0.4 s SIGKILL."""
    _signal_group(child, signal.SIGTERM)
    child.wait()
    end = time.monotonic() + _GRACE_OF_CANCELLED
    # The kernel gives the number of the group to no other process while the group has members.
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < end:
            os.killpg(child.pid, 0)
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGKILL)


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return child.poll() is not None
    # WNOWAIT leaves the child unreaped: until it is reaped, the kernel gives its number to no other process.
    try:
        return (
            child.returncode is not None
            or os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        )
    except ChildProcessError:
        return True  # another thread has reaped the child meanwhile


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if child.returncode is not None:
        return  # the child is reaped: another process may have its number now
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)
