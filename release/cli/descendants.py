"""Ends the processes below this one, when this process ends without cleaning up."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from release.filesystem.files import read_file
from release.limits import MIB


def kill_descendants() -> None:
    """Send SIGKILL to every descendant process, for a caller that ends this process without cleaning up.

    Also reaches programs that libraries started. Needs `/proc/PID/task/TID/children` (Linux); does nothing elsewhere.
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
