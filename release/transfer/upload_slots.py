"""Who may send now: blobs in their order, a few at a time, while those behind them are asked for already."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import IO

from release.control import Cancel


class UploadSlots:
    """`count` blobs are sent at a time. A blob that waits has been asked for, so its turn begins with its bytes."""

    def __init__(self, count: int, cancel: Cancel) -> None:
        self._count = count
        self._cancel = cancel
        self._changed = threading.Condition()
        self._begun: set[int] = set()
        self._left: set[int] = set()

    def enter(self, position: int) -> None:
        """Wait until all blobs before `position` have begun, or need not begin, and a lane is free."""
        with self._cancel.on_cancel(self._wake), self._changed:
            self._changed.wait_for(lambda: self._cancel.tripped or self._may_begin(position))
            self._begun.add(position)
            self._changed.notify_all()
        self._cancel.check()

    def leave(self, position: int) -> None:
        """The blob of `position` is there, or has failed, or never needed a lane."""
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
    lanes: UploadSlots, position: int, reopen: Callable[[], IO[bytes]]
) -> Callable[[], IO[bytes]]:
    """`reopen` in the blob's turn: a content is opened right before it is sent."""

    def opened() -> IO[bytes]:
        lanes.enter(position)
        return reopen()

    return opened
