"""Sends many reads to one host at once from one thread, for plans over thousands of tags.

Only answers of status 200 are given; every other request is left to the caller, who sends it alone with `Host.call`:
with a renewed token, redirects, retries, pauses and errors.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from release.errors import RegistryError
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.http.client import USER_AGENT
from release.registry.http.lines import Line, Lines, Reply

# Fewer requests than this are not worth connections of their own.
_FEWEST = 32
# Requests at once: as many as `Throttle` lets go to one host.
_MOST_AT_ONCE = 16
# Requests that may fail before the rest is left to the caller.
_MOST_FAILURES = 16
_PORTS = {"http": 80, "https": 443}


def answers(host: Host, calls: Sequence[Call], *, most: int) -> Iterator[tuple[int, Reply]]:
    """Yield the position and the answer of calls that are answered with 200, in any order. Raises `Interrupted`.

    `calls`: HEAD and GET requests at the registry itself. `most`: bytes of a body. None is sent while another thread
    is here with the same host: both would only share its 16 requests at a time.
    """
    if len(calls) < _FEWEST or not host.many.acquire(blocking=False):
        return
    try:
        # Errors of the first contact are found again, and reported, by the caller's own requests.
        with contextlib.suppress(RegistryError):
            lines = host.ports.transport.lines(host.origin.base(), min(_MOST_AT_ONCE, len(calls)))
            if lines is not None:
                with contextlib.closing(lines):
                    yield from _Reading(host, calls, lines, most).replies()
    finally:
        host.many.release()


class _Reading:
    def __init__(self, host: Host, calls: Sequence[Call], lines: Lines, most: int) -> None:
        self._host, self._calls, self._lines, self._most = host, calls, lines, most
        self._under_way: deque[tuple[int, Line]] = deque()  # in the order in which they were sent
        self._next = 0
        self._failures = 0
        self._is_plain = True  # until an answer needs what only `Host.call` can do
        base = urlsplit(host.origin.base())
        name = base.netloc.rpartition(":")[0] if base.port == _PORTS[base.scheme] else base.netloc
        self._common = {"Host": name, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}

    def replies(self) -> Iterator[tuple[int, Reply]]:
        """Yield positions and answers."""
        try:
            while True:
                self._host.ports.cancel.check()
                while self._send():
                    pass
                if not self._under_way:
                    return
                # The oldest: while it is awaited, the answers to the others arrive.
                position, line = self._under_way.popleft()
                reply = self._read(position, line)
                if reply is not None:
                    yield position, reply
        finally:
            while self._under_way:
                _, line = self._under_way.popleft()
                self._end(line)

    def _send(self) -> bool:
        """Send the next request, if there is one, and if connection and throttle allow; returns whether it was sent."""
        if not self._is_plain or self._next >= len(self._calls):
            return False
        request = self._written(self._calls[self._next])
        line = None if request is None else self._lines.take()
        if request is None or line is None:
            self._is_plain = bool(self._under_way)
            return False
        # Never waits while it holds a turn: two threads that do would wait for one another.
        if not self._host.gate.enter(wait=not self._under_way):
            self._lines.give(line)
            return False
        position, self._next = self._next, self._next + 1
        try:
            line.send(request)
        except OSError:
            self._failed()
            self._end(line)
            return True
        self._under_way.append((position, line))
        return True

    def _read(self, position: int, line: Line) -> Reply | None:
        try:
            reply = line.read(is_head=self._calls[position].method == "HEAD", most=self._most)
        except OSError:
            self._failed()
            return None
        finally:
            self._end(line)
        if reply is None or reply.status not in (200, 404):
            self._is_plain = False
            return None
        self._host.retrier.heard()
        self._host.gate.went_well()
        return reply if reply.status == 200 else None

    def _end(self, line: Line) -> None:
        self._host.gate.leave()
        self._lines.give(line)

    def _failed(self) -> None:
        self._failures += 1
        self._is_plain = self._is_plain and self._failures < _MOST_FAILURES

    def _written(self, call: Call) -> bytes | None:
        """The request's bytes; None for a request that only `Host.call` can send."""
        headers = {**self._common, **call.headers}
        authorization = self._host.authorization.header(call)
        if authorization is not None:
            headers["Authorization"] = authorization
        lines = [
            f"{call.method} {call.path} HTTP/1.1",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        if not all(line.isascii() and line.isprintable() for line in lines):
            return None
        return "\r\n".join([*lines, "", ""]).encode("ascii")
