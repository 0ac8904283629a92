"""An HTTP server on loopback that answers with what a test gives it, byte for byte if needed."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pytest

from tests.support.registries.faults import chunks


class Request(NamedTuple):
    """A request that arrived at the hostile server. Header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """An HTTP answer. `raw` replaces the whole answer; `length` overrides Content-Length, None leaves it out."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    raw: bytes | None = None
    length: int | None = -1


class Hang:
    """Fault that sends no answer and keeps the connection open."""


class Drip(NamedTuple):
    """Send `raw` one byte at a time, with a pause (in seconds) after each byte."""

    raw: bytes
    pause: float = 0.2


Answerer = Callable[[Request], Reply | Hang | Drip | None]


class HostileServer:
    """An HTTP server that serves until it is closed. `answer` makes each reply, or gives None to close the connection.

    `requests`: every request that arrived, in order. `tls`: an SSL context for a server.
    """

    def __init__(
        self, answer: Answerer, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
    ) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self._tls = tls
        self._listener = socket.create_server((address, 0))
        self._closed = threading.Event()
        self._live: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="hostile")
        self._accepting.start()

    @property
    def port(self) -> int:
        """Return the server's port."""
        return int(self._listener.getsockname()[1])

    @property
    def host(self) -> str:
        """Return the server's address, `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Return the server's URL, `http://127.0.0.1:PORT` or https."""
        return f"{'https' if self._tls else 'http'}://{self.host}"

    def seen(self, *methods: str) -> list[Request]:
        """Return the received requests with one of `methods`."""
        return [request for request in self.requests if request.method in methods]

    def close(self) -> None:
        """Stop the hostile server and close all connections."""
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
            thread = threading.Thread(target=self._serve, args=(connection,), name="hostile-connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._live.add(connection)
        try:
            if self._tls is not None:
                connection.settimeout(5)
                wrapped = self._tls.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._live.discard(connection)
                    self._live.add(wrapped)
                connection = wrapped
            connection.settimeout(None)
            stream = connection.makefile("rb")
            while self._one(connection, stream):
                pass
            stream.close()
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._live.discard(connection)
            connection.close()

    def _one(self, connection: socket.socket, stream: object) -> bool:
        request = _read(stream)
        if request is None:
            return False
        self.requests.append(request)
        reply = self.answer(request)
        if reply is None:
            return False
        if isinstance(reply, Hang):
            self._closed.wait()
            return False
        if isinstance(reply, Drip):
            for position in range(len(reply.raw)):
                connection.sendall(reply.raw[position : position + 1])
                if self._closed.wait(reply.pause):
                    break
            return False
        if reply.raw is not None:
            connection.sendall(reply.raw)
            return False
        connection.sendall(_head(reply))
        if request.method != "HEAD":
            connection.sendall(reply.body)
        return reply.length is not None


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} X"]
    names = {name.lower() for name in reply.headers}
    if reply.length is not None and "content-length" not in names:
        lines.append(f"Content-Length: {len(reply.body) if reply.length < 0 else reply.length}")
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _read(stream: object) -> Request | None:
    line = stream.readline()  # type: ignore[attr-defined]  # a binary file
    parts = line.decode("latin-1").split()
    if len(parts) < 2:
        return None
    headers: dict[str, str] = {}
    while (line := stream.readline()) not in (b"\r\n", b"\n", b""):  # type: ignore[attr-defined]  # same
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length") or 0)
    body = stream.read(length) if length else b""  # type: ignore[attr-defined]  # same
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(chunks(stream))  # type: ignore[arg-type]  # same
    return Request(parts[0], parts[1], headers, body)


#: What the fixture `hostile` gives.
Hostile = Callable[..., HostileServer]


@pytest.fixture
def hostile() -> Iterator[Callable[..., HostileServer]]:
    """Give a function that starts servers: `hostile(lambda request: Reply(404))`."""
    servers: list[HostileServer] = []

    def make(answer: Answerer, **options: object) -> HostileServer:
        server = HostileServer(answer, **options)  # type: ignore[arg-type]  # passed on
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.close()
