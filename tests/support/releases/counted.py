"""Runs shipmark in this script's own process (`python -I counted.py …`) and counts its effects on the machine.

`COUNTED_LOG`: a file that gets one line for each effect, in order. `COUNTED_KILL`: the number of the effect at
which the process kills itself by SIGKILL, or by the signal of the number `COUNTED_SIGNAL`. `COUNTED_WHEN`: `before` the
effect happens, `after` it has, or `torn`: a write of which only the first half happens.

An effect is a call of `os.open` that may create a file, or of `os.write`, `pwrite`, `fsync`, `ftruncate`, `rename`,
`replace`, `link`, `mkdir` or `unlink`, or the start of a program. Writes to a terminal or a pipe are not counted, nor
what Python's own file objects write.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from typing import Any


class Counter:
    """Numbers effects from 1, and ends the process at the chosen one."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._count = 0
        self._kill = int(os.environ.get("COUNTED_KILL", "0"))
        self._when = os.environ.get("COUNTED_WHEN", "before")
        self._list = os.environ.get("COUNTED_LOG")

    def effect(self, name: str, what: object, act: Callable[[], Any], half: Callable[[], Any] | None) -> Any:
        """Count and execute `act` as one effect; `half` executes a part of it before a kill in the middle."""
        with self._lock:
            self._count += 1
            number = self._count
            self._note(number, name, what)
            if number == self._kill:
                if self._when == "torn" and half is not None:
                    done = half()
                    self._die()
                    return done  # a signal that does not end the process makes the write a short one
                if self._when != "after":
                    self._die()
        result = act()
        if number == self._kill:
            self._die()
        return result

    def end(self) -> None:
        """End the process as chosen if it ends without the chosen effect.

        Threads of one run may need an effect more or less than those of another, such as a folder that another made.
        """
        if self._count < self._kill:
            self._die()

    def _note(self, number: int, name: str, what: object) -> None:
        if self._list:
            with open(self._list, "a", encoding="utf-8") as file:
                file.write(f"{number} {name} {what}\n")

    @staticmethod
    def _die() -> None:
        number = int(os.environ.get("COUNTED_SIGNAL", signal.SIGKILL))
        os.kill(os.getpid(), number)
        if number == signal.SIGKILL:
            signal.pause()


def _name(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return "?"


def _is_file(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode) or stat.S_ISDIR(os.fstat(fd).st_mode)


ON_DESCRIPTOR = ("write", "pwrite", "fsync", "ftruncate")
ON_PATH = ("replace", "rename", "link", "mkdir", "unlink")


def install(counter: Counter) -> None:
    """Replace the functions that change files or start programs by ones that count their calls."""
    for name in ON_DESCRIPTOR:
        setattr(os, name, _on_descriptor(counter, name, getattr(os, name)))
    for name in ON_PATH:
        setattr(os, name, _on_path(counter, name, getattr(os, name)))
    os.open = _creating(counter, os.open)
    leave = os._exit

    def left(code: int) -> None:
        counter.end()
        leave(code)

    os._exit = left  # type: ignore[assignment]  # which returns no more than the real one
    start = subprocess.Popen.__init__

    def started(self: Any, argv: Any, *rest: Any, **named: Any) -> None:
        words = " ".join(str(word) for word in argv[:6])
        counter.effect("start", words, lambda: start(self, argv, *rest, **named), None)

    subprocess.Popen.__init__ = started  # type: ignore[assignment,method-assign]  # the same call, counted


def _on_descriptor(counter: Counter, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(fd: int, *rest: Any) -> Any:
        if not _is_file(fd):
            return real(fd, *rest)
        half = None
        if name in {"write", "pwrite"}:
            half = lambda: real(fd, rest[0][: len(rest[0]) // 2], *rest[1:])  # noqa: E731 - one use
        return counter.effect(name, _name(fd), lambda: real(fd, *rest), half)

    return call


def _on_path(counter: Counter, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any, *rest: Any, **named: Any) -> Any:
        what = " ".join(str(part) for part in (path, *rest[:1]))
        return counter.effect(name, what, lambda: real(path, *rest, **named), None)

    return call


def _creating(counter: Counter, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any, flags: int, *rest: Any, **named: Any) -> Any:
        if not flags & os.O_CREAT:
            return real(path, flags, *rest, **named)
        return counter.effect("create", path, lambda: real(path, flags, *rest, **named), None)

    return call


if __name__ == "__main__":
    from release.cli.main import main

    install(Counter())
    main()
