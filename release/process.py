"""Starts programs: the only module that does. Argument lists, never a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from release.control import Cancel
from release.filesystem.files import read_file
from release.limits import MIB
from release.ports import Completed

GRACE = 2.0  # seconds between asking a process group to end and ending it
_GRACE_OF_CANCELLED = 0.4  # likewise, when a signal ends everything


class Processes:
    """`world.Process` over the operating system.

    Every child leads a session of its own: it cannot prompt on our terminal, and it can be ended together with
    everything that it started.
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
        """Run `argv` to its end, with exactly `env` as its environment (None: ours), and read both streams apart.

        `timeout`: seconds. Raises `FileNotFoundError` for a missing program (its `filename` is the program) or
        folder, `TimeoutError` when the time is up, and what `Cancel.check` raises when the run is cancelled;
        the child's process group is ended and reaped first.
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
        with child:
            try:
                with self._cancel.on_cancel(lambda: _end_beside(child)):
                    stdout, stderr = self._communicate(child, stdin or None, timeout)
            except BaseException:
                # A cancelled group was told to end when the run was, and had its time.
                _end(child, 0.0 if self._cancel.tripped else GRACE)
                raise
        self._cancel.check()
        return Completed(code=child.returncode, stdout=stdout, stderr=stderr)

    def _communicate(
        self, child: subprocess.Popen[bytes], stdin: bytes | None, timeout: float | None
    ) -> tuple[bytes, bytes]:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = GRACE if end is None else min(GRACE, end - time.monotonic())
            try:
                # An unfinished `communicate` may be called again: it keeps what it has read so far.
                return child.communicate(stdin, timeout=max(0.0, left))
            except subprocess.TimeoutExpired as error:
                self._cancel.check()  # asked to end a while ago, and it has not
                if end is not None and time.monotonic() >= end:
                    raise TimeoutError(f"no end within {timeout:g} s") from error


def _require_folder(cwd: str | None) -> None:
    # Popen reports a missing folder and a missing program alike; here the exception names the right one.
    if cwd is not None and not os.path.isdir(cwd):
        raise FileNotFoundError(2, "no such folder", cwd)


def _end_beside(child: subprocess.Popen[bytes]) -> None:
    """End the group without waiting for it: whoever cancels has others to wake, and the main thread may be busy."""
    _signal_group(child, signal.SIGTERM)
    threading.Thread(target=_end, args=(child, _GRACE_OF_CANCELLED), name="child's end", daemon=True).start()


def _end(child: subprocess.Popen[bytes], grace: float) -> None:
    """End the whole group: politely, and after `grace` seconds or when its leader is gone by force."""
    _signal_group(child, signal.SIGTERM)
    end = time.monotonic() + grace
    while child.returncode is None and time.monotonic() < end:
        # Not reaped yet, so that the group's number cannot have been given to anybody else.
        try:
            if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                break
        except ChildProcessError:
            return  # another thread has reaped it meanwhile
        time.sleep(0.02)
    _signal_group(child, signal.SIGKILL)


def kill_descendants() -> None:
    """End every process below this one by force, for a process that is about to leave without cleaning up.

    Libraries start programs too. Works where `/proc` tells children (Linux); elsewhere nothing happens.
    """
    for pid in _descendants(os.getpid()):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    found = []
    with suppress(OSError, ValueError):
        for task in os.listdir(f"/proc/{pid}/task"):
            raw = read_file(f"/proc/{pid}/task/{task}/children", limit=MIB)
            found += [int(child) for child in (raw or b"").split()]
    return [*found, *(below for child in found for below in _descendants(child))]


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if child.returncode is not None:
        return  # reaped: its number may belong to another process by now
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)
