"""Kept connections on which one thread sends many small reads and reads their answers itself, past
`Transport.send`.

For a plan over thousands of tags, the switches between threads cost more than the requests. Here a request is one
`send` and one `recv`.
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
from release.registry.http.encoding import is_encoded
from release.registry.http.responses import Incoming, Response
from release.registry.http.watchdog import Exchange
from release.task_group import run_all

# Bytes of a body that are read at once: most manifests fit.
_PIECE = 16 * 1024


class Reply(NamedTuple):
    """A whole answer. `body`: only of a 200 to a GET."""

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
        """The answer to the request; None if its body is encoded, of unknown length, or longer than `most` bytes."""
        answer = Response(Incoming(self._connection.sock), "HEAD" if is_head else "GET")
        body = b""
        if answer.status == 200 and not is_head:
            size = answer.left
            if size is None or size > most or is_encoded(answer.headers):
                return None
            body = b"".join(iter(lambda: answer.read(_PIECE), b""))
        self.is_usable = answer.may_be_followed
        return Reply(answer.status, answer.headers, body)

    def close(self) -> None:
        """Return the connection to its pool, or close it if no other request may follow."""
        if not self.is_usable:
            self._connection.close()
        self._pool.give(self._connection)
        self._done()


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
