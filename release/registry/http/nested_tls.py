"""TLS to a host within TLS to a proxy: the standard library wraps plain sockets only."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Bytes of one read from the outer connection: the largest record of TLS.
_RECORD = 16 * 1024


class NestedTls:
    """The methods of a socket that `Connection` uses, with a second layer of TLS over `outer`."""

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._received, self._to_send, server_hostname=host)
        self._run(self._inner.do_handshake)

    def fileno(self) -> int:
        """The descriptor of the outer connection."""
        return self._outer.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """Limit single calls."""
        self._outer.settimeout(seconds)

    def sendall(self, data: bytes | memoryview) -> None:
        """Send all bytes."""
        view = memoryview(data)
        while view:
            view = view[self._run(lambda part=view: self._inner.write(part)) :]  # type: ignore[misc]  # called at once

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end."""
        try:
            return self._run(lambda: self._inner.read(size))
        except ssl.SSLEOFError:
            return b""  # as `SSLSocket`, for peers that end without saying so

    def recv_into(self, view: memoryview) -> int:
        """Read into `view`; returns the number of bytes, 0 at the end."""
        data = self.recv(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the outer connection."""
        self._outer.close()

    def _run(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._outer.recv(_RECORD)
                if data:
                    self._received.write(data)
                else:
                    self._received.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if data := self._to_send.read():
            self._outer.sendall(data)
