"""Sends a blob to a repository while the blob is still being written, in one request without a known length.

The registry gets the digest at the end and compares it, as for every upload. This upload is never retried: a blob
that did not arrive is sent by `BlobUpload` afterwards, from its start.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import IO

from release.errors import ReleaseError
from release.oci.verify import CHUNK
from release.registry.http.bodies import Growing, empty_upload
from release.registry.upload_sessions import Sessions, closing_location

# Seconds between two signs of life while the blob does not grow.
# Shorter than the time after which a transfer without progress is ended.
_BEAT = 1.0


class _Dropped(Exception):
    """Raised to end the upload, after `drop` or in a cancelled run."""


class GrowingUpload:
    """The upload of one blob. `source`: the file that grows; `run` closes it.

    `run` sends in one thread; another thread calls `grown`, and at the end `finish` or `drop`.
    """

    def __init__(self, sessions: Sessions, source: IO[bytes]) -> None:
        self._sessions = sessions
        self._source = source
        self._cancel = sessions.host.ports.cancel
        # Guards the members below; notified when one changes, and when the run is cancelled.
        self._changed = threading.Condition()
        self._size = self._sent = 0
        self._digest: str | None = None
        self._is_dropped = False

    @property
    def unsent(self) -> int:
        """Bytes that are written and not sent."""
        with self._changed:
            return self._size - self._sent

    def grown(self, size: int) -> None:
        """Send the file up to `size` bytes."""
        with self._changed:
            self._size = size
            self._changed.notify_all()

    def finish(self, size: int, digest: str) -> None:
        """Send the rest up to `size` bytes, and close the upload with `digest`."""
        with self._changed:
            self._size, self._digest = size, digest
            self._changed.notify_all()

    def drop(self) -> None:
        """Send nothing more, and close the session."""
        with self._changed:
            self._is_dropped = True
            self._changed.notify_all()

    def run(self) -> bool:
        """Send; returns whether the registry has stored the blob. Errors of the registry are not raised."""
        with contextlib.closing(self._source):
            try:
                return self._sent_whole()
            except ReleaseError:
                return False

    def _sent_whole(self) -> bool:
        sessions = self._sessions
        if sessions.host.wants_chunks:
            return False
        location = sessions.open(sessions.host.once)
        is_stored = False
        try:
            answer = sessions.host.once(sessions.call("PATCH", location, body=Growing(self._pieces)))
            digest = self._digest
            if answer.status in (201, 202, 204) and digest is not None:
                location = sessions.location(answer)
                is_stored = self._closed(closing_location(location, digest))
            else:
                answer.close()
        except _Dropped:
            pass
        if not is_stored:
            sessions.cancel(location)
        return is_stored

    def _closed(self, final: str) -> bool:
        call = self._sessions.call("PUT", final, body=empty_upload())
        with contextlib.closing(self._sessions.host.once(call)) as answer:
            return answer.status in (200, 201, 204)

    def _pieces(self) -> Iterator[bytes]:
        """The file's bytes from the first on, as they come; an empty piece while there are none. Raises `_Dropped`."""
        self._source.seek(0)
        with self._changed:
            self._sent = 0
        with self._cancel.on_cancel(self._wake):
            while (size := self._grown_to()) is not None:
                piece = self._source.read(min(CHUNK, size - self._sent)) if size > self._sent else b""
                yield piece
                with self._changed:
                    self._sent += len(piece)

    def _grown_to(self) -> int | None:
        """Bytes to send so far, after a wait for more than were sent; None when all were sent."""
        with self._changed:
            self._changed.wait_for(self._may_go_on, timeout=_BEAT)
            if self._is_dropped or self._cancel.tripped:
                raise _Dropped
            return None if self._digest is not None and self._size == self._sent else self._size

    def _may_go_on(self) -> bool:
        return self._size > self._sent or self._digest is not None or self._is_dropped or self._cancel.tripped

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
