"""Streams that check what they carry: size and digest, compared at the end of the content."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import IO, Any, cast

from release.errors import DigestMismatch
from release.registry import Descriptor
from release.world import Progress, Sink

CHUNK = 256 * 1024
SHOWN_EVERY = 1024 * 1024  # bytes between two events about one blob


class _Verified(io.RawIOBase):
    """Reads `raw`; raises `DigestMismatch` before the last byte of wrong content is handed out."""

    def __init__(self, raw: IO[bytes], descriptor: Descriptor, source: str) -> None:
        super().__init__()
        self._raw = raw
        self._expected = descriptor
        self._source = source
        self._hash = hashlib.new(descriptor.digest.partition(":")[0], usedforsecurity=False)
        self._seen = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._raw.read(len(view))
        self._seen += len(data)
        if self._seen > self._expected.size:
            raise self._mismatch(f"more than the {self._expected.size} bytes it should have")
        self._hash.update(data)
        if self._seen == self._expected.size:
            self._require_end()
        elif not data:
            raise self._mismatch(f"{self._seen} bytes of {self._expected.size}")
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()

    def _require_end(self) -> None:
        if self._raw.read(1):
            raise self._mismatch(f"more than the {self._expected.size} bytes it should have")
        algorithm = self._expected.digest.partition(":")[0]
        digest = f"{algorithm}:{self._hash.hexdigest()}"
        if digest != self._expected.digest:
            raise self._mismatch(f"digest `{digest}`")

    def _mismatch(self, what: str) -> DigestMismatch:
        return DigestMismatch(f"blob `{self._expected.digest}` from {self._source} has {what}")


def verified(raw: IO[bytes], descriptor: Descriptor, *, source: str) -> IO[bytes]:
    """`raw` as a stream that raises `DigestMismatch` unless it ends with the size and digest of `descriptor`.

    `source` names the place in messages. Closing the stream closes `raw`.
    """
    stream = io.BufferedReader(_Verified(raw, descriptor, source), CHUNK)
    return cast(IO[bytes], stream)


def copy(source: IO[bytes], sink: IO[bytes], *, check: Callable[[], None] | None = None) -> int:
    """Copy to the end and return the bytes. `check` runs between chunks and may raise."""
    total = 0
    while data := source.read(CHUNK):
        if check is not None:
            check()
        sink.write(data)
        total += len(data)
    return total


class _Told(io.RawIOBase):
    """Reads `raw`, and tells how far it is."""

    def __init__(self, raw: IO[bytes], descriptor: Descriptor, sink: Sink) -> None:
        super().__init__()
        self._raw = raw
        self._label = descriptor.digest.partition(":")[2][:12]
        self._total = descriptor.size
        self._sink = sink
        self._done = self._shown = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._raw.read(len(view))
        view[: len(data)] = data
        self._done += len(data)
        if data and (self._done - self._shown >= SHOWN_EVERY or self._done == self._total):
            self._shown = self._done
            self._sink.emit(Progress(label=self._label, done=self._done, total=self._total))
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def told(open_: Callable[[], IO[bytes]], descriptor: Descriptor, sink: Sink) -> IO[bytes]:
    """A fresh stream of the blob that tells `sink` how much of it was read."""
    return cast(IO[bytes], _Told(open_(), descriptor, sink))
