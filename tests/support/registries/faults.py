"""A proxy in front of a real registry that injects faults by method, path and number of the request.

The proxy speaks HTTP/1.1 with a thread for every connection, and forwards every request that no rule fits. It also
accepts requests in the form for forward proxies. Faults are values, so that tests can list them in a table.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import IO, NamedTuple

import pytest

_CHUNK = 64 * 1024
_CHUNKED = -1  # the length of a body that is sent in chunks


class Status(NamedTuple):
    """Answer with this status; the registry does not get the request. `raw` replaces the whole answer."""

    code: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    raw: bytes | None = None


class Reset(NamedTuple):
    """Reset the client's connection instead of answering a request.

    `after`: bytes of the request's body to read before. `apply`: forward the request to the registry before.
    """

    after: int = 0
    apply: bool = False


class Cut(NamedTuple):
    """Close the connection after `body` bytes of the answer's body; with `in_head`, within the answer's headers."""

    body: int = 0
    in_head: bool = False


class Flip(NamedTuple):
    """Flip one bit of the request's body (`up`) or of the answer's body."""

    up: bool = False


class Slow(NamedTuple):
    """Limit the rate of the request's (`up`) or the answer's bytes, in bytes a second."""

    rate: float
    up: bool = False


class Stall(NamedTuple):
    """Read the request and never answer."""


class Header(NamedTuple):
    """Replace one header of the answer."""

    name: str
    value: str


class Do(NamedTuple):
    """Call a function; afterwards the fault `then` is applied to the request."""

    action: Callable[[], object]
    then: object = None


Fault = Status | Reset | Cut | Flip | Slow | Stall | Header | Do | None


class Rule:
    """Applies `fault` to `times` requests with this method and path, beginning with number `first` (from 1)."""

    def __init__(self, method: str, path: str, fault: Fault, *, first: int = 1, times: int = 1) -> None:
        self.method = method
        self.path = re.compile(path)
        self.fault = fault
        self.first = first
        self.times = times
        self.seen = 0
        self.hits = 0

    def take(self, method: str, path: str) -> bool:
        """Count a request that fits the rule; return whether it gets the fault."""
        if not re.fullmatch(self.method, method) or not self.path.search(path):
            return False
        self.seen += 1
        if not self.first <= self.seen < self.first + self.times:
            return False
        self.hits += 1
        return True


class Seen(NamedTuple):
    """A request that reached the proxy. `fault`: the name of the fault that was applied, or ""."""

    method: str
    path: str
    fault: str


class FaultProxy:
    """Listens on loopback and forwards to `upstream`, `127.0.0.1:PORT`."""

    def __init__(self, upstream: str, *rules: Rule) -> None:
        self.upstream = upstream
        self.rules = list(rules)
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._live: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, name="faults")
        self._accepting.start()

    @property
    def host(self) -> str:
        """Return the proxy's address, `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def count(self, method: str, path: str = "") -> int:
        """Return the number of requests with this method and with `path` as a part of their path."""
        return sum(entry.method == method and path in entry.path for entry in self.seen)

    def close(self) -> None:
        """Stop the fault proxy and close all connections."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            live = list(self._live)
        for connection in live:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in [self._accepting, *self._threads]:
            thread.join()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="faults-connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._live.add(connection)
        try:
            with connection.makefile("rb") as stream:
                while self._one(connection, stream):
                    pass
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._live.discard(connection)
            connection.close()

    def _one(self, connection: socket.socket, stream: IO[bytes]) -> bool:
        head = _read_head(stream)
        if not head:
            return False
        method, path = head[0].decode("latin-1").split(" ")[:2]
        length = _length(head)
        fault = self._fault(method, path)
        self.seen.append(Seen(method, path, type(fault).__name__ if fault is not None else ""))
        if isinstance(fault, Do):
            fault.action()
            fault = fault.then  # type: ignore[assignment]  # whatever the table says
        if isinstance(fault, Stall):
            self._closed.wait()
            return False
        if isinstance(fault, Status):
            return self._say(connection, stream, fault, length, method)
        if isinstance(fault, Reset) and not fault.apply:
            _skip(stream, fault.after if length == _CHUNKED else min(fault.after, length))
            _rst(connection)
            return False
        return self._forward(connection, stream, head, length, fault, method)

    def _fault(self, method: str, path: str) -> Fault:
        with self._lock:
            for rule in self.rules:
                if rule.take(method, path):
                    return rule.fault
        return None

    def _say(
        self, connection: socket.socket, stream: IO[bytes], fault: Status, length: int, method: str
    ) -> bool:
        if length == _CHUNKED:
            for _ in chunks(stream):
                pass
        else:
            _skip(stream, length)
        if fault.raw is not None:
            connection.sendall(fault.raw)
            return False
        lines = [f"HTTP/1.1 {fault.code} Injected", f"Content-Length: {len(fault.body)}"]
        lines += [f"{name}: {value}" for name, value in fault.headers.items()]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        if method != "HEAD":
            connection.sendall(fault.body)
        return True

    def _forward(
        self,
        connection: socket.socket,
        stream: IO[bytes],
        head: list[bytes],
        length: int,
        fault: Fault,
        method: str,
    ) -> bool:
        host, _, port = self.upstream.partition(":")
        with socket.create_connection((host, int(port))) as upstream:
            upstream.sendall(_forwarded(head))
            self._move_up(stream, upstream, length, fault)
            with upstream.makefile("rb") as answer:
                if isinstance(fault, Reset):
                    _read_head(answer)
                    _rst(connection)
                    return False
                return self._answer(connection, answer, fault, method)

    def _move_up(self, stream: IO[bytes], upstream: socket.socket, length: int, fault: Fault) -> None:
        flip = isinstance(fault, Flip) and fault.up
        slow = fault.rate if isinstance(fault, Slow) and fault.up else None
        if length == _CHUNKED:
            for chunk in chunks(stream):
                upstream.sendall(b"%x\r\n%b\r\n" % (len(chunk), _flipped(chunk) if flip and chunk else chunk))
                flip = False
            return
        while length:
            data = stream.read(min(length, _CHUNK if slow is None else max(1, int(slow / 10))))
            if not data:
                raise ValueError("the client went away")
            length -= len(data)
            if flip:
                data, flip = _flipped(data), False
            if slow is not None and self._closed.wait(len(data) / slow):
                raise ValueError("closed")
            upstream.sendall(data)

    def _answer(self, connection: socket.socket, answer: IO[bytes], fault: Fault, method: str) -> bool:
        head = _read_head(answer)
        if not head:
            raise ValueError("the registry went away")
        status = int(head[0].split()[1])
        length = 0 if method == "HEAD" or status in (204, 304) else _length(head)
        if isinstance(fault, Header):
            head = [line for line in head if not line.lower().startswith(fault.name.lower().encode() + b":")]
            head.append(f"{fault.name}: {fault.value}".encode())
        text = (
            b"\r\n".join(line for line in head if not line.lower().startswith(b"connection:")) + b"\r\n\r\n"
        )
        if isinstance(fault, Cut) and fault.in_head:
            connection.sendall(text[: len(text) // 2])
            return False
        connection.sendall(text)
        left = min(length, fault.body) if isinstance(fault, Cut) else length
        self._move_down(connection, answer, left, fault)
        return not isinstance(fault, Cut)

    def _move_down(self, connection: socket.socket, answer: IO[bytes], left: int, fault: Fault) -> None:
        flip = isinstance(fault, Flip) and not fault.up
        slow = fault.rate if isinstance(fault, Slow) and not fault.up else None
        while left:
            data = answer.read(min(left, _CHUNK if slow is None else max(1, int(slow / 10))))
            if not data:
                raise ValueError("the registry went away")
            left -= len(data)
            if flip:
                data, flip = bytes([data[0] ^ 1]) + data[1:], False
            if slow is not None and self._closed.wait(len(data) / slow):
                raise ValueError("closed")
            connection.sendall(data)


def _read_head(stream: IO[bytes]) -> list[bytes]:
    lines: list[bytes] = []
    while (line := stream.readline()) not in (b"\r\n", b"\n", b""):
        lines.append(line.rstrip(b"\r\n"))
    return lines


def _length(head: list[bytes]) -> int:
    for line in head[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
        if name.lower() == b"transfer-encoding":
            return _CHUNKED
    return 0


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the chunks of a body (RFC 9112, section 7.1); the last chunk is empty."""
    chunk = b"?"
    while chunk:
        line = stream.readline()
        if not line:
            raise ValueError("the client went away")
        chunk = stream.read(int(line, 16))
        stream.readline()
        yield chunk


def _flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def _forwarded(head: list[bytes]) -> bytes:
    method, target, version = head[0].split(b" ")
    if target.startswith(b"http://"):
        target = b"/" + target.removeprefix(b"http://").partition(b"/")[2]
    lines = [b" ".join((method, target, version))]
    lines += [line for line in head[1:] if not line.lower().startswith((b"connection:", b"proxy-"))]
    return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n"


def _skip(stream: IO[bytes], left: int) -> None:
    while left and (data := stream.read(min(left, _CHUNK))):
        left -= len(data)


def _rst(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionResetError


@pytest.fixture
def fault_proxy() -> Iterator[Callable[..., FaultProxy]]:
    """Give a function that starts proxies: `fault_proxy(server.host, Rule("PUT", "/blobs/", Reset()))`."""
    made: list[FaultProxy] = []

    def make(upstream: str, *rules: Rule) -> FaultProxy:
        proxy = FaultProxy(upstream, *rules)
        made.append(proxy)
        return proxy

    yield make
    for proxy in made:
        proxy.close()


#: What a test records for the table: `record_property(ROW, (fault, outcome, end state))`.
ROW = "fault matrix"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a table of the injected faults and the results."""
    rows = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == ROW and isinstance(value, (tuple, list))
    ]
    if not rows:
        return
    widths = [max(len(str(row[column])) for row in rows) for column in range(2)]
    terminalreporter.section("fault matrix: fault, what shipmark did, end state")
    for row in sorted(
        rows, key=lambda row: (int(re.sub(r"\D", "", str(row[0]).split()[0]) or 0), str(row[0]))
    ):
        terminalreporter.write_line(f"{row[0]!s:<{widths[0]}}  {row[1]!s:<{widths[1]}}  {row[2]}")
