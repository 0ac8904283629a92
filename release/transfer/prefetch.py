"""Blobs go to their destination while the image that they belong to is still being made.

An image out of a daemon or of `docker save` is converted layer by layer; a layer that is ready need not wait for the
others. A shortcut and nothing else: what fails here, the copy that follows sends again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Protocol, Self, runtime_checkable

from release.control import Cancel
from release.errors import ReleaseError
from release.events import Sink
from release.oci import Descriptor, Repository
from release.task_group import TaskGroup
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
        self._sink = sink
        self._group = TaskGroup(jobs=jobs, name="prefetch", cancel=cancel)

    def take(self, blob: Descriptor) -> None:
        """Send the blob as soon as there is room."""
        self._group.start(partial(self._send, blob))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._group.drop()
        else:
            self._group.wait()

    def _send(self, blob: Descriptor) -> None:
        with contextlib.suppress(ReleaseError):
            self._destination.put_blob(blob, opener(self._source, self._destination, blob, self._sink))
