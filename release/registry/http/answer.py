"""The answer to an HTTP request: its status and headers, and its body, which is read in pieces or as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from release.errors import Invalid
from release.hints import ODD_ANSWER
from release.oci.verify import CHUNK
from release.registry.http.encoding import decoded
from release.registry.http.network_errors import host_of, translated
from release.registry.http.responses import Response
from release.registry.http.watchdog import Exchange

# Bytes of an unread body that are read and dropped to keep the connection, mostly faster than a new TLS handshake.
# A longer rest is cut off by closing the connection.
_SHORT_REST = 64 * 1024
# Seconds for reading the unread rest of a body. A slower peer costs more time than a new connection.
_DRAIN_SECONDS = 2.0


class Answer:
    """The answer to a request: status, headers and an unread body. Callers `read` the body, or close the answer.

    `done`: called once at the end, with whether the connection may carry another request.
    """

    def __init__(
        self, response: Response, exchange: Exchange, done: Callable[[bool], None], url: str
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.url = url
        self.reach = exchange.reach
        self._response = response
        self._exchange = exchange
        self._done = done
        self._closed = False

    def read(self, most: int, what: str = "answer") -> bytes:
        """Read the whole body, undo its encoding, and close the answer. Raises `Invalid` for more than `most` bytes.

        `what`: the body's name in messages.
        """
        with contextlib.closing(self):
            parts: list[bytes] = []
            total = 0
            while data := self.piece(min(CHUNK, most + 1 - total)):
                parts.append(data)
                total += len(data)
                if total > most:
                    raise Invalid(
                        f"the {what} of `{host_of(self.url)}` is larger than {most} bytes", hint=ODD_ANSWER
                    )
            raw = b"".join(parts)
            try:
                return decoded(raw, self.headers, most, f"{what} of `{host_of(self.url)}`")
            except Invalid:
                if self.status < 400:
                    raise
                return raw  # the status says more than a text that cannot be read

    def piece(self, size: int) -> bytes:
        """Read at most `size` bytes of the body; b"" at its end."""
        with translated(self._exchange, self.url):
            data = self._response.read(size)
        self._exchange.moved(len(data))
        return data

    def readinto(self, view: memoryview) -> int:
        """Read into `view`; returns the number of bytes, 0 at the end.

        If the connection breaks, bytes that arrived before are returned first.
        """
        with translated(self._exchange, self.url):
            count = self._response.readinto(view)
        self._exchange.moved(count)
        return count

    def close(self) -> None:
        """Keep the connection for another request, or close it where a long rest of the body is unread."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(Exception):
            self._drain()
        self._done(self._response.may_be_followed and self._exchange.fault is None)

    def _drain(self) -> None:
        # Reading a short rest is cheaper than a new connection.
        self._exchange.await_answer(_DRAIN_SECONDS, "no end of the answer")
        rest = 0
        while rest <= _SHORT_REST and self._exchange.fault is None:
            data = self._response.read(_SHORT_REST)
            if not data:
                return
            rest += len(data)
