"""Bodies of requests: bytes of a known number from a stream, and ones that grow while they are sent."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import IO

from release.errors import Invalid, RegistryError, Unreachable


class Upload:
    """A request body of `size` bytes from `stream`. `progress`: called with the bytes of each piece that was sent.

    `again`: opens the stream at the body's first byte once more, for a request that is repeated.
    """

    def __init__(
        self,
        stream: IO[bytes],
        size: int,
        *,
        progress: Callable[[int], None],
        again: Callable[[], IO[bytes]],
    ) -> None:
        self.stream = stream
        self.size = size
        self.progress = progress
        self._again = again

    def rewind(self) -> None:
        """Go back to the first byte of the body."""
        self.stream = self._again()


def empty_upload() -> Upload:
    """The body of a request that closes an upload whose bytes were sent before."""
    return Upload(io.BytesIO(), 0, progress=lambda _: None, again=io.BytesIO)


class Growing:
    """A request body whose size is not known when it begins. `begin`: yields its pieces from the first byte on.

    A piece is empty while there is nothing to send.
    """

    def __init__(self, begin: Callable[[], Iterator[bytes]]) -> None:
        self._begin = begin
        self.pieces = begin()

    def rewind(self) -> None:
        """Go back to the first byte of the body."""
        self.pieces = self._begin()


Body = bytes | Upload | Growing | None


def rewind(body: Body) -> None:
    """Prepare a body for a request that is sent again."""
    if isinstance(body, (Upload, Growing)):
        body.rewind()


def read_source(stream: IO[bytes], size: int) -> bytes:
    """Read from the source of a body. Its errors are raised as ones that no repetition of the request can help."""
    try:
        return stream.read(size)
    except Unreachable as error:
        # Another host that was read from failed, after all its own attempts. Sending the body again would repeat them.
        raise RegistryError(error.message, hint=error.hint, status=error.status, code=error.code) from error
    except OSError as error:
        # Not an OSError: that would be taken for a network error and retried.
        raise Invalid(
            f"the source cannot be read: {error.strerror or error}",
            hint="check the disk that holds it, then run again",
        ) from error
