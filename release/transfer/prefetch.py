"""Sends blobs to their destination while other blobs of the image are still being converted.

An image from a daemon or from `docker save` is converted layer by layer, so finished layers can be sent early. Errors
are ignored: the copy that follows sends what is missing.
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
    """A repository that makes its blobs one after another while it makes the manifest."""

    def announce(self, take: Callable[[Descriptor], None]) -> None:
        """Call `take` with each blob as soon as the blob can be opened."""


class Prefetch:
    """Sends blobs given to `take` from `source` to `destination`, `jobs` at a time.

    `__exit__` waits for all blobs; after an error of the body it drops those that are not being sent yet.
    """

    def __init__(
        self, source: Repository, destination: Repository, *, jobs: int, sink: Sink, cancel: Cancel
    ) -> None:
        self._source = source
        self._destination = destination
        self._sink = sink
        self._group = TaskGroup(jobs=jobs, name="prefetch", cancel=cancel)

    def take(self, blob: Descriptor) -> None:
        """Send the blob when fewer than `jobs` are being sent."""
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
