"""Runs a command on a small disk of its own, and measures its peak memory and the bytes that it wrote to disks."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.disks import measured
from tests.support.programs.processes import remove_if_killed, removed
from tests.support.services.required import lack


class Taken(NamedTuple):
    """How a command ended and what it used: `wall` in seconds, `memory` and `written` in bytes.

    `memory`: the peak of resident memory. `written`: to any disk, but not to memory (tmpfs) or sockets.
    """

    code: int
    stdout: str
    stderr: str
    wall: float
    memory: int
    written: int


class SmallDisk(NamedTuple):
    """A folder that stands for a disk of `size` bytes. `mounted`: whether it is a file system of its own."""

    path: Path
    size: int
    mounted: bool

    def run(self, argv: Sequence[str | Path], *, env: Mapping[str, str]) -> Taken:
        """Run `argv` with its working directory, home, temporary and cache folders on this disk.

        Where the disk could not be mounted, no file may grow beyond the disk's size.
        """
        report = self.path.with_suffix(".report")
        places = {name: str(self.path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
        limit = "-1" if self.mounted else str(self.size)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-I", "-S", measured.__file__, report, limit, *argv],
            cwd=self.path,
            env={**env, **places},
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        wall = time.perf_counter() - start
        taken = json.loads(report.read_text())
        report.unlink()
        return Taken(wall=wall, stdout=done.stdout.decode(), stderr=done.stderr.decode(), **taken)

    def left(self) -> list[str]:
        """Return the paths of the files and folders that are left on the disk."""
        return sorted(str(path.relative_to(self.path)) for path in self.path.rglob("*"))


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Give an empty disk of `size` bytes below `folder`; where mounting is not allowed, an ordinary folder."""
    point = folder / "disk"
    point.mkdir(parents=True)
    remove_if_killed(folder)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(point)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield SmallDisk(point, size, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", str(point)], check=True, capture_output=True)
        removed(folder)


@contextlib.contextmanager
def mounted_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Give a disk as `small_disk` does, for a test that fills it; skip the test where mounting is not allowed."""
    with small_disk(folder, size) as disk:
        if not disk.mounted:
            lack({"mount": "needs root and the right to mount"})
        yield disk


@contextlib.contextmanager
def filled(disk: SmallDisk, left: int = 0) -> Iterator[None]:
    """Fill the mounted disk during the body, but for `left` bytes."""
    filler = disk.path / "filler"
    state = os.statvfs(disk.path)
    filler.write_bytes(bytes(max(0, state.f_bavail * state.f_frsize - left)))
    try:
        yield
    finally:
        filler.unlink()
