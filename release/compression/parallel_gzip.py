"""One gzip stream made on all cores: every piece of the input becomes deflate blocks of its own, put in order.

A piece is compressed without a look at the ones before it, so the result depends on how the input is cut and on
nothing else: not on the number of cores, not on which one was ready first.
"""

from __future__ import annotations

import functools
import os
import struct
from collections import deque
from functools import partial
from typing import Any

from release.task_group import Task, TaskGroup

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
        self._waiting: deque[Task[bytes]] = deque()

    def compress(self, data: bytes) -> bytes:
        """Take a piece; give what is ready. At most a few pieces are under way."""
        self._crc = self._library.crc32(data, self._crc)
        self._size += len(data)
        if len(data) < PIECE and not self._waiting:
            self._ready.append(self._block(data))  # small, or the end: not worth waking a thread
        else:
            self._waiting.append(_pool().start(partial(self._block, data)))
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
        while self._waiting and (len(self._waiting) > most or self._waiting[0].ended):
            self._ready.append(self._waiting.popleft().result())

    def _take(self) -> bytes:
        ready, self._ready = b"".join(self._ready), []
        return ready


@functools.cache
def _workers() -> int:
    return min(_MOST_WORKERS, os.cpu_count() or 1)


@functools.cache
def _pool() -> TaskGroup:
    """One for the process: several layers that are compressed at once share the cores."""
    return TaskGroup(jobs=_workers(), name="compress")
