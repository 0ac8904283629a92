"""Keeps the manifests and image configs of a repository that were read or sent in this run, by digest.

Bytes under a digest never change, and their digest was checked, so each is requested once in a run, unless its value
was dropped to stay below `_MOST`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")

# Bytes that one memory keeps. An image of 20 platforms has manifests and configs of about 200 KiB in all; the limit
# bounds the memory that a repository with thousands of images, or a hostile one, can fill.
_MOST = 16 * 1024 * 1024


class Immutable(Generic[V]):
    """Values by digest, the least recently used dropped first. Thread-safe. `size`: the bytes of a value."""

    def __init__(self, size: Callable[[V], int]) -> None:
        self._size = size
        # Guards the members below; the value itself is loaded under the lock of its digest.
        self._lock = threading.Lock()
        self._values: OrderedDict[str, V] = OrderedDict()
        self._loading: dict[str, threading.Lock] = {}
        self._bytes = 0

    def get(self, digest: str, load: Callable[[], V]) -> V:
        """The value of `digest`; `load` reads it if it is not known. Threads that need one digest share one read."""
        with self._lock:
            if digest in self._values:
                self._values.move_to_end(digest)
                return self._values[digest]
            turn = self._loading.setdefault(digest, threading.Lock())
        with turn:
            with self._lock:
                if digest in self._values:
                    return self._values[digest]
            value = load()
            self.keep(digest, value)
            return value

    def has(self, digest: str) -> bool:
        """Whether the value of `digest` is known."""
        with self._lock:
            return digest in self._values

    def keep(self, digest: str, value: V) -> None:
        """Remember a value, whose digest was checked."""
        with self._lock:
            self._loading.pop(digest, None)
            self._drop(digest)
            self._values[digest] = value
            self._bytes += self._size(value)
            while self._bytes > _MOST:
                self._drop(next(iter(self._values)))

    def forget(self, digest: str) -> None:
        """Drop a value, because it was deleted from the repository."""
        with self._lock:
            self._drop(digest)

    def _drop(self, digest: str) -> None:
        if digest in self._values:
            self._bytes -= self._size(self._values.pop(digest))
