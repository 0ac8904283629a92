"""Removes the private folder of a build and what a killed program left there: processes, mounts, foreign files."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress

from release.build.buildah.request import remove_call
from release.build.buildah.tools import Tool
from release.filesystem.files import read_file
from release.lazy_pattern import pattern
from release.limits import MIB
from release.ports import Process

_DETACH, _NOFOLLOW = 2, 8  # MNT_DETACH, UMOUNT_NOFOLLOW of umount2(2)
# Bytes of /proc/self/mountinfo, which is read whole. A mount has a few hundred bytes, so the limit is far above the
# mounts of real machines; a folder whose mounts were not all read must not be removed.
_MOUNTS_BYTES = 16 * MIB
_MOUNT_POINT = (
    4  # the index of the field with the mount point in /proc/self/mountinfo, by proc_pid_mountinfo(5)
)
_ESCAPED = pattern(rb"\\([0-7]{3})")
# Seconds for the program that removes files of other users. Many small files take seconds; a program that hangs must
# not keep the run from ending.
_REMOVED_WITHIN = 60.0


def remover(process: Process, tool: Tool, env: Mapping[str, str]) -> Callable[[str], None]:
    """A function that removes a folder. `process`: runs programs even if the run is cancelled."""

    def remove(folder: str) -> None:
        if not os.path.isdir(folder):
            return
        end_processes(folder)
        unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.isdir(folder):
            # Files in a layer may belong to users that exist in a user namespace only.
            argv = remove_call(tool.program, tool.name, folder)
            with suppress(OSError):
                process.run(argv, cwd=folder, env=env, timeout=_REMOVED_WITHIN)
            # podman writes lock files of its storage when it ends, after `rm` has removed the folder.
            shutil.rmtree(folder, ignore_errors=True)

    return remove


def end_processes(folder: str) -> None:
    """Kill every process whose root or working folder lies in `folder`: only processes of the build have one there."""
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        if any(_lies_in(_link(f"/proc/{entry}/{name}"), folder) for name in ("root", "cwd")):
            with suppress(OSError):
                os.kill(int(entry), signal.SIGKILL)


def unmount(folder: str) -> None:
    """Detach every mount in `folder`: removing the folder would also delete files of the mounted file systems."""
    raw = read_file("/proc/self/mountinfo", limit=_MOUNTS_BYTES) or b""
    points = [
        _unescaped(line.split(b" ")[_MOUNT_POINT])
        for line in raw.splitlines()
        if line.count(b" ") > _MOUNT_POINT
    ]
    inside = [point for point in points if _lies_in(os.fsdecode(point), folder)]
    if not inside:
        return
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    for point in reversed(inside):  # in reverse, since a mount inside of another mount was made later
        library.umount2(point, _DETACH | _NOFOLLOW)


def _unescaped(field: bytes) -> bytes:
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # the process has ended, or belongs to another user


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/") or path == folder
