"""Limits concurrent uploads and starts them in the order of `blobs_of`, the largest blob first.

Blobs that wait for a slot are checked with HEAD meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import IO

from release.control import Cancel


class UploadSlots:
    """`count` slots for uploads. A blob that waits has been checked already, so its upload begins with its bytes."""

    def __init__(self, count: int, cancel: Cancel) -> None:
        self._count = count
        self._cancel = cancel
        # Guards both sets for the upload threads; notified when a blob enters or leaves, and when the run is cancelled.
        self._changed = threading.Condition()
        self._begun: set[int] = set()
        self._left: set[int] = set()

    def enter(self, position: int) -> None:
        """Wait until each blob before `position` has entered or left, and a slot is free. Raises when cancelled."""
        with self._cancel.on_cancel(self._wake), self._changed:
            self._changed.wait_for(lambda: self._cancel.tripped or self._may_begin(position))
            self._begun.add(position)
            self._changed.notify_all()
        self._cancel.check()

    def leave(self, position: int) -> None:
        """Free the slot of `position`; also for a blob that failed, or that needed no upload."""
        with self._changed:
            self._left.add(position)
            self._changed.notify_all()

    def _may_begin(self, position: int) -> bool:
        if position in self._begun:
            return True
        gone = self._begun | self._left
        return len(self._begun - self._left) < self._count and all(one in gone for one in range(position))

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def in_upload_slot(
    slots: UploadSlots, position: int, reopen: Callable[[], IO[bytes]]
) -> Callable[[], IO[bytes]]:
    """Return `reopen`, preceded by the wait for a slot, so that a blob is opened right before it is sent."""

    def opened() -> IO[bytes]:
        slots.enter(position)
        return reopen()

    return opened
