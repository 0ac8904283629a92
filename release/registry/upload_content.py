"""Makes the bytes of one blob into request bodies, which can be sent again from their first byte; reports progress."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import IO, Self

from release.errors import RegistryError
from release.events import Progress, Sink
from release.hints import AGAIN
from release.oci import Descriptor
from release.oci.verify import CHUNK
from release.registry.http.bodies import Upload, read_source

# Bytes between two progress events. An event for each piece of 64 KiB would cost time and show no more.
_SHOWN_EVERY = 1024 * 1024


class BlobContent:
    """The bytes of `descriptor` for one attempt to upload them. `reopen`: opens the blob at its first byte.

    The blob is opened by `__enter__`, and once more for each body that is sent again.
    """

    def __init__(self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], sink: Sink) -> None:
        self._descriptor = descriptor
        self._reopen = reopen
        self._sink = sink
        self._held = contextlib.ExitStack()
        self._stream: IO[bytes] | None = None
        self._sent = self._shown = 0

    def __enter__(self) -> Self:
        self._stream = self._opened(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def body(self, start: int, size: int) -> Upload:
        """The `size` bytes from `start` on, which is where the body before ended."""
        stream = self._stream or self._opened(start)
        return Upload(stream, size, progress=self._progress, again=partial(self._opened, start))

    def _opened(self, start: int) -> IO[bytes]:
        """The blob, opened again, at the byte `start`."""
        self._held.close()
        stream = self._held.enter_context(self._reopen())
        if start and stream.seekable():
            stream.seek(start)
        elif start:
            _skip(stream, start)
        self._stream, self._sent = stream, start
        self._shown = min(self._shown, start)
        return stream

    def _progress(self, count: int) -> None:
        self._sent += count
        total = self._descriptor.size
        if self._sent - self._shown >= _SHOWN_EVERY or self._sent == total:
            self._shown = self._sent
            label = self._descriptor.digest.partition(":")[2][:12]
            self._sink.emit(Progress(label=label, done=self._sent, total=total))


def _skip(stream: IO[bytes], count: int) -> None:
    """Read `count` bytes and drop them: streams of registries and archives cannot seek."""
    while count:
        data = read_source(stream, min(count, CHUNK))
        if not data:
            raise RegistryError(
                f"the source ended {count} bytes before the bytes that are to be sent again", hint=AGAIN
            )
        count -= len(data)
