"""Cleans up after a killed test process: ends its daemons, and removes its mounts and folders.

Started by `tests.support.programs.processes` as a program of its own: `reaper.py NAME=VALUE`. The program
reads paths of folders from stdin, one a line; a line `-PATH` removes a path from the list. When stdin ends, every
process with `NAME=VALUE` in its environment is terminated, later killed, and the folders are unmounted and removed.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys

#: Seconds that the processes get to end by SIGTERM; a Docker daemon stops its containers meanwhile.
GRACE = 10.0


def marked(mark: str) -> list[int]:
    """Return the living processes with `mark`, which is `NAME=VALUE`, in their environment."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with contextlib.suppress(OSError):
            if name.isdigit() and int(name) != os.getpid():
                with (
                    open(f"/proc/{name}/environ", "rb") as environ,
                    open(f"/proc/{name}/cmdline", "rb") as command,
                ):
                    # A zombie has no command line; it is dead already and waits for its parent only.
                    if mark.encode() in environ.read().split(b"\0") and command.read():
                        found.append(int(name))
    return found


def wait_for_end(pid: int, seconds: float) -> None:
    """Return when the process `pid`, child or not, has ended, or after `seconds`."""
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            select.select([descriptor], [], [], seconds)
        finally:
            os.close(descriptor)


def end_all(mark: str) -> None:
    """End every marked process: SIGTERM first, so that daemons clean up, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        pids = marked(mark)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        for pid in pids:
            wait_for_end(pid, GRACE)


def end_inside(folder: str, number: int = signal.SIGKILL) -> list[int]:
    """Send `number` to every process in a container whose file system lies in `folder`; return them.

    Such processes outlive a daemon that was killed, and their environment does not contain the mark of the tests.
    """
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with contextlib.suppress(OSError):
            if not name.isdigit() or os.readlink(f"/proc/{name}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
                continue
            with open(f"/proc/{name}/mountinfo", encoding="utf-8") as mounts:
                # Its own root only: services of the machine see the folder's mounts as well.
                roots = [line for line in mounts if line.split()[4] == "/"]
            if any(f"{folder}/" in line for line in roots):
                os.kill(int(name), number)
                found.append(int(name))
    return found


def remove(folder: str) -> None:
    """End the processes in containers of `folder`, unmount all below it, deepest first, and remove the folder."""
    for pid in end_inside(folder):
        wait_for_end(pid, GRACE)
    with contextlib.suppress(OSError), open("/proc/self/mounts", encoding="utf-8") as mounts:
        points = [line.split()[1] for line in mounts]
        for point in sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Read the folders from stdin, and when stdin ends, end the marked processes and remove the folders."""
    folders: set[str] = set()
    for line in sys.stdin:
        path = line.removesuffix("\n")
        if path.startswith("-"):
            folders.discard(path[1:])
        else:
            folders.add(path)
    end_all(sys.argv[1])
    for folder in sorted(folders):
        remove(folder)


if __name__ == "__main__":
    main()
