"""One gzip stream made on all cores: every piece of the input becomes deflate blocks of its own, put in order.

A piece is compressed without a look at the ones before it, so the result depends on how the input is cut and on
nothing else: not on the number of cores, not on which one was ready first.
"""

from __future__ import annotations

import functools
import os
import queue
import struct
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

#: Bytes that one piece of input should have: long enough to lose nothing by starting anew each time.
PIECE = 512 * 1024
#: gzip's header: deflate, no name, no time, system unknown. Python's own differs between versions.
HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"

_LAST_BLOCK = b"\x03\0"  # an empty block that says: the last one
_MOST_WORKERS = 8
_WINDOW = -15  # bits; negative: deflate without a frame


class Blocks:
    """A `Compressor` over a library with zlib's interface, which lets other threads run while it works."""

    def __init__(self, library: Any, level: int) -> None:
        self._library = library
        self._level = level
        self._crc = 0
        self._size = 0
        self._ready = [HEADER]
        self._waiting: deque[_Job] = deque()

    def compress(self, data: bytes) -> bytes:
        """Take a piece; give what is ready. At most a few pieces are under way."""
        self._crc = self._library.crc32(data, self._crc)
        self._size += len(data)
        if len(data) < PIECE and not self._waiting:
            self._ready.append(self._block(data))  # small, or the end: not worth waking a thread
        else:
            job = _Job(partial(self._block, data))
            _jobs().put(job)
            self._waiting.append(job)
            self._collect(_workers() + 1)
        return self._take()

    def flush(self) -> bytes:
        """The rest."""
        self._collect(0)
        self._ready += (_LAST_BLOCK, struct.pack("<LL", self._crc & 0xFFFFFFFF, self._size & 0xFFFFFFFF))
        return self._take()

    def _block(self, data: bytes) -> bytes:
        deflate = self._library.compressobj(self._level, self._library.DEFLATED, _WINDOW)
        # The flush ends the blocks on a whole byte, without saying that they are the last.
        made: bytes = deflate.compress(data) + deflate.flush(self._library.Z_SYNC_FLUSH)
        return made

    def _collect(self, most: int) -> None:
        """Move finished blocks over in their order, waiting while more than `most` are under way."""
        while self._waiting and (len(self._waiting) > most or self._waiting[0].ended.is_set()):
            self._ready.append(self._waiting.popleft().result())

    def _take(self) -> bytes:
        ready, self._ready = b"".join(self._ready), []
        return ready


class _Job:
    """A call that another thread makes."""

    def __init__(self, work: Callable[[], bytes]) -> None:
        self._work = work
        self._made = b""
        self._error: BaseException | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            self._made = self._work()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._error = error
        finally:
            self.ended.set()

    def result(self) -> bytes:
        self.ended.wait()
        if self._error is not None:
            raise self._error
        return self._made


@functools.cache
def _workers() -> int:
    return min(_MOST_WORKERS, os.cpu_count() or 1)


@functools.cache
def _jobs() -> queue.SimpleQueue[_Job]:
    """Where the workers take from; they live as long as the process, which does not wait for them."""
    jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
    for _ in range(_workers()):
        threading.Thread(target=_work, args=(jobs,), name="compress", daemon=True).start()
    return jobs


def _work(jobs: queue.SimpleQueue[_Job]) -> None:
    while True:
        jobs.get().run()
