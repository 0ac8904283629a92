"""Streams a blob from a registry, and resumes after a broken connection."""

from __future__ import annotations

import io
import re
from typing import IO, Any, cast

import msgspec

from release.errors import NotFound, RegistryError, Unreachable
from release.hints import AGAIN
from release.lazy_pattern import pattern
from release.oci import Descriptor
from release.oci.verify import CHUNK
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.http.answer import Answer
from release.registry.http.encoding import is_encoded

# Bytes of the largest config that is decompressed, in memory, if it was compressed on the way; real ones have some KiB.
_LARGEST_DECODED = 4 << 20
# Bytes by which gzip makes small content larger: its header, its end, and some for each block.
_GROWTH = 1024
_RANGE = pattern(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII)


def open_unchecked(host: Host, call: Call, descriptor: Descriptor) -> IO[bytes]:
    """Open the blob unchecked, for a receiver that compares the digest. Raises `NotFound` for a missing blob."""
    raw = _Resuming(host, call, descriptor)
    answer = raw.start()
    # Of other blobs only the digest could tell whether they were compressed on the way: layers are stored compressed.
    if (
        descriptor.media_type.endswith("json")
        and descriptor.size <= _LARGEST_DECODED
        and is_encoded(answer.headers)
    ):
        return io.BytesIO(answer.read(descriptor.size + _GROWTH, call.what))
    return cast(IO[bytes], raw)


def read_range(header: str) -> int | None:
    """The position of the first byte in a `Content-Range`; None for an unusable header."""
    found = _RANGE.fullmatch(header)
    return int(found[1]) if found is not None else None


class _Resuming(io.RawIOBase):
    """A stream of a blob that requests the rest, with a `Range` header, when the connection breaks."""

    def __init__(self, host: Host, call: Call, descriptor: Descriptor) -> None:
        super().__init__()
        self._host = host
        self._call = call
        self._size = descriptor.size
        self._at = 0
        self._answer: Answer | None = None
        self._attempt = 1
        self._takes_ranges = True

    def start(self) -> Answer:
        """Request the whole blob, with retries."""
        while True:
            try:
                return self.begin()
            except Unreachable as error:
                # The storage behind a redirect refused: a new request to the registry gives a new signed address.
                if error.status not in (400, 401, 403, 410):
                    raise
                self._host.retrier.pause(error, self._attempt)
                self._attempt += 1

    def begin(self) -> Answer:
        """Send one request for the bytes from the current position on. Raises `RegistryError`s."""
        resumes = bool(self._at) and self._takes_ranges
        headers = {"Range": f"bytes={self._at}-"} if resumes else {}
        answer = self._host.call(msgspec.structs.replace(self._call, headers=headers))
        if answer.status == 404:
            fault = self._host.fault(answer, self._call)
            raise NotFound(fault.message, status=404, code=fault.code, hint=fault.hint)
        if resumes and answer.status in (206, 416):
            if answer.status == 416 or not self._is_rest(answer):
                # The storage, or a proxy before it, has ranges of its own: read from the start, as where it has none.
                answer.close()
                self._takes_ranges = False
                return self.begin()
        elif answer.status != 200:
            raise self._fault(answer)
        elif self._at:
            self._skip(answer)
        self._answer = answer
        return answer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            try:
                count = self._some(view)
            except Unreachable as error:
                self._drop()
                self._host.retrier.pause(error, self._attempt)
                self._attempt += 1
                continue
            self._at += count
            return count

    def close(self) -> None:
        self._drop()
        super().close()

    def _some(self, view: memoryview) -> int:
        answer = self._answer or self.begin()
        count = answer.readinto(view)
        if not count and self._at < self._size:
            # Without a Content-Length, a broken connection looks like the end of the blob.
            raise Unreachable(
                f"`{self._host.registry}` ended {self._call.what} after {self._at} bytes", hint=AGAIN
            )
        return count

    def _fault(self, answer: Answer) -> RegistryError:
        elsewhere = not self._host.origin.owns(answer.url)
        error = self._host.fault(answer, self._call)
        if elsewhere and error.status in (400, 401, 403, 410):
            # The storage behind a redirect refused: its signed address may have expired. A retry gets a new address.
            return Unreachable(error.message, status=error.status, code=error.code, hint=error.hint or AGAIN)
        return error

    def _drop(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()

    def _skip(self, answer: Answer) -> None:
        """Discard bytes that were received before: the server ignored the range and started at 0."""
        left = self._at
        while left:
            data = answer.piece(min(left, CHUNK))
            if not data:
                answer.close()
                raise Unreachable(f"`{self._host.registry}` ended {self._call.what} early", hint=AGAIN)
            left -= len(data)

    def _is_rest(self, answer: Answer) -> bool:
        """Whether an answer has the bytes from the current position on."""
        return read_range(answer.headers.get("Content-Range") or "") == self._at
