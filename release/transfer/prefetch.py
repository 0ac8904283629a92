"""Blobs go to their destination while the image that they belong to is still being made.

An image out of a daemon or of `docker save` is converted layer by layer; a layer that is ready need not wait for the
others. A shortcut and nothing else: what fails here, the copy that follows sends again.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, Self, runtime_checkable

from release.control import Cancel
from release.errors import ReleaseError
from release.events import Sink
from release.oci import Descriptor, Repository
from release.transfer.copy import opener


@runtime_checkable
class Converts(Repository, Protocol):
    """A repository whose blobs come to be one after another, while its manifest is made."""

    def announce(self, take: Callable[[Descriptor], None]) -> None:
        """Call `take` with every blob, as soon as it can be opened."""


class Prefetch:
    """Sends what `take` is given from `source` to `destination`, `jobs` blobs at a time, until the body's end."""

    def __init__(
        self, source: Repository, destination: Repository, *, jobs: int, sink: Sink, cancel: Cancel
    ) -> None:
        self._source = source
        self._destination = destination
        self._jobs = jobs
        self._sink = sink
        self._cancel = cancel
        self._turn = threading.Condition()
        self._waiting: deque[Descriptor] = deque()
        self._running = 0

    def take(self, blob: Descriptor) -> None:
        """Send the blob as soon as there is room."""
        with self._turn:
            self._waiting.append(blob)
            if self._running < self._jobs:
                self._running += 1
                threading.Thread(target=self._work, name="ahead", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            with self._turn:
                self._waiting.clear()
            return
        with self._cancel.on_cancel(self._wake), self._turn:
            self._turn.wait_for(lambda: not self._running or self._cancel.tripped)

    def _work(self) -> None:
        try:
            while (blob := self._next()) is not None:
                with contextlib.suppress(ReleaseError):
                    self._destination.put_blob(
                        blob, opener(self._source, self._destination, blob, self._sink)
                    )
        finally:
            with self._turn:
                self._running -= 1
                self._turn.notify_all()

    def _next(self) -> Descriptor | None:
        with self._turn:
            return self._waiting.popleft() if self._waiting and not self._cancel.tripped else None

    def _wake(self) -> None:
        with self._turn:
            self._turn.notify_all()
