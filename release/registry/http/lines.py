"""Kept connections on which one thread sends many small reads and reads their answers itself, past
`Transport.send`.

For a plan over thousands of tags, the switches between threads cost more than the requests. Here a request is one
`send` and one `recv`. An answer that is not of the plainest form is not understood here: its request is sent again by
`Transport.send`.
"""

from __future__ import annotations

import contextlib
import errno
import select
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from release.control import Cancel
from release.errors import ReleaseError
from release.registry.http.watchdog import Exchange
from release.task_group import run_all

# Bytes of an answer's head. Larger ones are left to `Transport.send`, which has a limit of its own.
_LARGEST_HEAD = 64 * 1024
# Bytes of one `recv`: heads and most manifests fit, so that one call reads the answer.
_PIECE = 16 * 1024
# Headers that are read: twice in one answer, they could be read in two ways.
_ONCE = frozenset({"Content-Length", "Content-Type", "Connection", "Docker-Content-Digest"})


class Reply(NamedTuple):
    """A whole answer. Names of `headers` are written as in `Content-Type`. `body`: only of a 200 to a GET."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """One connection, taken from `pool`. `done`: ends the watch over `exchange`. Raises errors of sockets.

    `is_usable`: whether another request may follow.
    """

    def __init__(self, pool: Any, exchange: Exchange, done: Callable[[], None]) -> None:
        self._pool, self._exchange, self._done = pool, exchange, done
        self.is_usable = False
        self._connection = pool.take()
        try:
            # TLS 1.3 sends tickets after the handshake, which are read with the first answer.
            self._is_fresh = self._connection.sock is None
            if self._is_fresh:
                self._connection.connect(exchange)
            exchange.attach(self._connection.sock)
            self._connection.sock.settimeout(None)  # the watchdog ends what takes too long
            self._unread = select.poll()
            self._unread.register(self._connection.sock, select.POLLIN)
        except BaseException:
            self.close()
            raise
        self.is_usable = True

    def send(self, request: bytes) -> None:
        """Send a request without a body."""
        self.is_usable = False
        # What comes before a request is no answer to it: the registry closed the connection, or breaks the protocol.
        if not self._is_fresh and self._unread.poll(0):
            raise OSError(errno.ECONNRESET, "bytes or an end came before the request")
        self._is_fresh = False
        self._exchange.await_answer(self._exchange.limits.answer, "no answer")
        self._connection.sock.sendall(request)

    def read(self, *, is_head: bool, most: int) -> Reply | None:
        """The answer to the request; None if it is not understood. `most`: bytes of its body."""
        data = self._more(b"")
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _LARGEST_HEAD:
                return None
            data = self._more(data)
        head = parse_head(data[:end])
        if head is None:
            return None
        status, headers = head
        body = data[end + 4 :]
        if not is_head and status != 200:
            return Reply(status, headers, b"")
        if not is_head:
            length = headers.get("Content-Length", "")
            if not length.isdecimal() or len(length) > 9 or int(length) > most:
                return None
            while len(body) < int(length):
                body = self._more(body)
            if len(body) != int(length):
                return None
        elif body:
            return None
        self.is_usable = "Connection" not in headers
        return Reply(status, headers, body)

    def close(self) -> None:
        """Return the connection to its pool, or close it if no other request may follow."""
        if not self.is_usable:
            self._connection.close()
        self._pool.give(self._connection)
        self._done()

    def _more(self, data: bytes) -> bytes:
        piece: bytes = self._connection.sock.recv(_PIECE)
        if not piece:
            raise OSError(errno.ECONNRESET, "the answer broke off")
        return data + piece


def parse_head(head: bytes) -> tuple[int, dict[str, str]] | None:
    """Status and headers of an answer's head, without its last empty line; None unless it is of the plainest form.

    Source: RFC 9112, sections 4 and 5. Folded lines, single CR or LF, HTTP/1.0, interim answers and chunks are not
    read here.
    """
    first, *lines = head.split(b"\r\n")
    version, code = first[:9], first[9:12]
    if version != b"HTTP/1.1 " or first[12:13] not in (b" ", b"") or not code.isdigit() or code < b"200":
        return None
    headers: dict[str, str] = {}
    for line in lines:
        raw, colon, value = line.partition(b":")
        if not colon or not raw.translate(None, b"-_").isalnum() or b"\n" in value or b"\r" in value:
            return None
        name = raw.decode("latin-1").title()
        if name == "Transfer-Encoding" or (name in _ONCE and name in headers):
            return None
        headers[name] = value.decode("latin-1").strip(" \t")
    return int(code), headers


class Lines:
    """At most `count` connections to one host. `open_one`: opens a connection, and raises if it cannot."""

    def __init__(self, open_one: Callable[[], Line], count: int, cancel: Cancel) -> None:
        self._open_one, self._count, self._cancel = open_one, count, cancel
        self._idle: list[Line] = []
        self._live = 0
        self._open()

    def take(self) -> Line | None:
        """A connection without a request under way; None if there is none now."""
        # Several at once, since each waits for the network: registries close connections after a number of requests.
        if self._live <= self._count // 2 and self._count:
            self._open()
        return self._idle.pop() if self._idle else None

    def give(self, line: Line) -> None:
        """Take a connection back after its answer or its failure."""
        if line.is_usable:
            self._idle.append(line)
        else:
            self._live -= 1
            line.close()

    def close(self) -> None:
        """Return the connections to their pool. None may be taken."""
        while self._idle:
            self._idle.pop().close()

    def _open(self) -> None:
        lacking = self._count - self._live
        opened = run_all([partial(self._try)] * lacking, jobs=lacking, cancel=self._cancel)
        found = [line for line in opened if line is not None]
        self._live += len(found)
        self._idle += found
        # Those that could not be opened are not tried again: `Transport.send` says why.
        self._count = self._live

    def _try(self) -> Line | None:
        with contextlib.suppress(OSError, ReleaseError):
            return self._open_one()
        return None
