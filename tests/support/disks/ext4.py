"""Simulates power cuts of an ext4 file system that lies in a file on a loop device: a cut is a copy of that file.

Data that is only in the page cache of the file system is not in the copy. Needs root and loop devices.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.programs.processes import remove_if_killed, removed
from tests.support.services.required import program


class Ext4:
    """An ext4 file system in a file below `folder`; `path` is where it is mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._image = folder / "medium"
        self.path = folder / "mounted"

    def make(self, size: int) -> None:
        """Make and mount the file system, with a journal that is committed only once an hour."""
        self.path.mkdir(parents=True)
        with self._image.open("wb") as image:
            image.truncate(size)
        subprocess.run([program("mkfs.ext4"), "-q", "-F", self._image], check=True)
        _mount(self._image, self.path)

    @contextlib.contextmanager
    def after_power_cut(self) -> Iterator[Path]:
        """Mount a copy of the file system as a power cut would leave it; no process may write while it is copied."""
        medium, point = self._folder / "cut", self._folder / "found"
        # cp leaves holes as holes; most of the image is one.
        subprocess.run([program("cp"), self._image, medium], check=True)
        point.mkdir()
        _mount(medium, point)
        try:
            yield point
        finally:
            subprocess.run([program("umount"), point], check=True)
            point.rmdir()
            medium.unlink()


@contextlib.contextmanager
def ext4(folder: Path, size: int) -> Iterator[Ext4]:
    """Give an empty file system of `size` bytes below `folder`."""
    remove_if_killed(folder)
    disk = Ext4(folder)
    disk.make(size)
    try:
        yield disk
    finally:
        subprocess.run([program("umount"), disk.path], check=True)
        shutil.rmtree(folder)
        removed(folder)


def _mount(image: Path, point: Path) -> None:
    options = "loop,commit=3600,noatime"
    subprocess.run([program("mount"), "-t", "ext4", "-o", options, image, point], check=True)


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[bool]:
    """Stop all threads of a process during the body, then continue them; gives False if the process has ended."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield _await_stop(pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _await_stop(pid: int) -> bool:
    # A thread inside of fsync stops only when the fsync is over.
    pause = threading.Event()
    while states := _states(pid):
        if states == {"T"}:
            return True
        if states <= {"Z", "X"}:
            return False
        pause.wait(0.002)
    return False


def _states(pid: int) -> set[str]:
    found = set()
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            found.add(path.read_text().rpartition(")")[2].split()[0])
    return found
