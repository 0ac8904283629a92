"""Exchanges data with a child process through its pipes until the child has ended."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable, Mapping
from typing import IO

from release.limits import KIB, MIB

# Seconds between two checks for a cancelled run and for the end of the child.
_LOOK = 0.25
# Seconds that processes which the ended child has left running may still write into its pipes. A wrapper may end a
# moment before the program that it started; a daemon that keeps the pipe open would hold this run for ever.
_AFTER_END = 0.3
# Bytes that a pipe can hold at most for a user without privileges (`/proc/sys/fs/pipe-max-size`). Once that much has
# been read after the end of the child, everything that the child itself wrote has been read.
_PIPE = MIB
# Bytes of one read: what a pipe holds by default on Linux.
_READ = 64 * KIB
# Seconds between checks for the end of a child that has closed its output; doubled up to the second number. Most
# children close their output by ending, so that the first check or the second finds them ended.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.05


class Exchange:
    """Writes `data` to `stdin` and passes what comes out of `outputs` to their functions, until the child has ended.

    `ended`: whether the child has ended. `check`: called several times a second, may raise. `timeout`: seconds until
    `run` raises `TimeoutError`. Processes that the child has started may keep its pipes open after its end: what the
    child wrote is read whole, and what the others write for 0.3 s.
    """

    def __init__(
        self,
        outputs: Mapping[IO[bytes] | None, Callable[[bytes], object]],
        *,
        stdin: IO[bytes] | None = None,
        data: bytes = b"",
        timeout: float | None,
        ended: Callable[[], bool],
        check: Callable[[], None],
    ) -> None:
        self._outputs = {stream: take for stream, take in outputs.items() if stream is not None}
        self._stdin = stdin
        self._data = memoryview(data)
        self._timeout = timeout
        self._end = None if timeout is None else time.monotonic() + timeout
        self._ended = ended
        self._check = check

    def run(self) -> None:
        """Exchange until the child has ended."""
        with selectors.DefaultSelector() as selector:
            for stream, take in self._outputs.items():
                selector.register(stream, selectors.EVENT_READ, take)
            if self._stdin is not None:
                # A write of more than the pipe has room for would block, and the child may write meanwhile.
                os.set_blocking(self._stdin.fileno(), False)
                selector.register(self._stdin, selectors.EVENT_WRITE)
            self._exchange(selector)
        self._wait()

    def _exchange(self, selector: selectors.BaseSelector) -> None:
        """Return when all pipes are closed, or when the child has ended and everything that it wrote is read."""
        since_end, last = 0, None
        next_look = self._next_look()
        while selector.get_map():
            until = next_look if last is None else last
            ready = selector.select(max(0.0, until - time.monotonic()))
            received = sum(self._move(selector, key) for key, _ in ready)
            self._check()
            now = time.monotonic()
            if last is not None:
                since_end += received
                # An empty pipe after the end of the child: everything that the child wrote has been read.
                if now >= last and (not ready or since_end > 2 * _PIPE):
                    return
            elif now >= next_look:
                last = now + _AFTER_END if self._has_ended() else None
                next_look = self._next_look()

    def _move(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> int:
        """Read from or write to one pipe that is ready; returns the bytes that were read."""
        if key.fileobj is self._stdin:
            self._feed(selector, self._stdin)
            return 0
        data = os.read(key.fd, _READ)
        if data:
            key.data(data)
        else:
            selector.unregister(key.fileobj)
        return len(data)

    def _feed(self, selector: selectors.BaseSelector, stdin: IO[bytes]) -> None:
        try:
            self._data = self._data[os.write(stdin.fileno(), self._data[:_READ]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the child reads no more; its exit code tells whether that was an error
            self._data = self._data[:0]
        if not self._data:
            selector.unregister(stdin)
            stdin.close()

    def _wait(self) -> None:
        pause = _FIRST_PAUSE
        while not self._has_ended():
            self._check()
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _has_ended(self) -> bool:
        """Whether the child has ended. Raises `TimeoutError` if it has not and its time is over."""
        if self._ended():
            return True
        if self._is_late(time.monotonic()):
            raise TimeoutError(f"no end within {self._timeout:g} s")
        return False

    def _next_look(self) -> float:
        look = time.monotonic() + _LOOK
        return look if self._end is None else min(look, self._end)

    def _is_late(self, now: float) -> bool:
        return self._end is not None and now >= self._end
