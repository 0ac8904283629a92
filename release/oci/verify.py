"""Streams of blobs that check size and digest, copy the bytes, or report progress while they are read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

from release.errors import DigestMismatch
from release.events import Progress, Sink
from release.oci import Descriptor

#: Bytes per read, and the buffer of each stream. With 16 KiB, pushes over plain http were slower; more would cost
#: memory in every stream that is open at the same time.
CHUNK = 256 * 1024
# Bytes per read in `pieces`, whose callers only write and hash the bytes. Larger than `CHUNK`, so that threads switch
# less often.
_LARGE = 512 * 1024
#: Bytes between two progress events of one blob. Some readers read a few bytes at a time; without this distance each
#: read would emit an event, which is a line of JSON with `--progress json`.
SHOWN_EVERY = 1024 * 1024


class _Verified(io.RawIOBase):
    """Reads `raw`; raises `DigestMismatch` before it returns the last byte of a wrong blob."""

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
        count = fill(self._raw, view)
        self._seen += count
        if self._seen > self._expected.size:
            raise self._mismatch(f"more than the {self._expected.size} bytes it should have")
        self._hash.update(view[:count])
        if self._seen == self._expected.size:
            self._require_end()
        elif not count:
            raise self._mismatch(f"{self._seen} bytes of {self._expected.size}")
        return count

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

    `source`: the blob's origin, for messages. Closing the stream closes `raw`.
    """
    stream = io.BufferedReader(_Verified(raw, descriptor, source), CHUNK)
    return cast(IO[bytes], stream)


def fill(stream: IO[bytes], view: memoryview) -> int:
    """Read from `stream` into `view`; returns the number of bytes, 0 at the end. Uses `stream.readinto` if present."""
    readinto = getattr(stream, "readinto", None)
    if readinto is not None:
        return readinto(view) or 0
    data = stream.read(len(view))
    view[: len(data)] = data
    return len(data)


def pieces(stream: IO[bytes]) -> Iterator[memoryview]:
    """Yield the bytes of `stream` in pieces; each piece overwrites the one before."""
    view = memoryview(bytearray(_LARGE))
    while count := fill(stream, view):
        yield view[:count]


class _Told(io.RawIOBase):
    """Reads `raw`, and emits a `Progress` event every `SHOWN_EVERY` bytes and at the end."""

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
        count = fill(self._raw, view)
        self._done += count
        if count and (self._done - self._shown >= SHOWN_EVERY or self._done == self._total):
            self._shown = self._done
            self._sink.emit(Progress(label=self._label, done=self._done, total=self._total))
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Copying(io.RawIOBase):
    """Reads `raw`, and passes all bytes to `write` too."""

    def __init__(self, raw: IO[bytes], write: Callable[[memoryview], object]) -> None:
        super().__init__()
        self._raw = raw
        self._write = write

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = fill(self._raw, view)
        self._write(view[:count])
        return count


def copying(raw: IO[bytes], write: Callable[[memoryview], object]) -> IO[bytes]:
    """A stream that reads `raw` and passes all bytes to `write` too. Closing the stream leaves `raw` open."""
    return cast(IO[bytes], io.BufferedReader(_Copying(raw, write), CHUNK))


def told(open_: Callable[[], IO[bytes]], descriptor: Descriptor, sink: Sink) -> IO[bytes]:
    """Open the blob as a stream that emits `Progress` events to `sink` while it is read."""
    return cast(IO[bytes], _Told(open_(), descriptor, sink))
