"""urllib3 connections that know their exchange: checked addresses, sockets that can be shut, bodies by sendfile.

urllib3 hands a request from its pool to a connection in the thread that made it, so the exchange travels in a
thread-local. Bodies of the type `Upload` are sent by us: counted, and stopped when the answer comes early.
"""

from __future__ import annotations

import errno
import http.client
import io
import os
import select
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError

from release.errors import Invalid, RegistryError
from release.oci.verify import CHUNK
from release.registry.http.address_policy import Reach, reach_of
from release.registry.http.watchdog import Exchange

_PIECE = (
    64 * 1024
)  # what is sent before it is counted: small enough that a slow link is not taken for a stall
_SENDFILE_PIECE = 4 * 1024 * 1024
_BLACK_HOLE = 3.0  # seconds for an address when there is another one to try
_local = threading.local()


class Upload:
    """A request body: `size` bytes from `stream`. `progress` takes the bytes of each piece that was sent."""

    def __init__(self, stream: IO[bytes], size: int, *, progress: Callable[[int], None]) -> None:
        self.stream = stream
        self.size = size
        self.progress = progress


@contextmanager
def using(exchange: Exchange) -> Iterator[None]:
    """Connections used by this thread belong to `exchange` while the body runs."""
    _local.exchange = exchange
    try:
        yield
    finally:
        _local.exchange = None


class _Lines:
    """Passes lines of a head on, and remembers the last."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b"?"

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _WholeHead(http.client.HTTPResponse):
    """An answer whose head must have ended: http.client takes a connection that broke in it for its end."""

    def begin(self) -> None:
        stream: Any = self.fp
        lines = _Lines(stream)
        self.fp = cast(Any, lines)
        try:
            super().begin()
        finally:
            if self.fp is cast(Any, lines):
                self.fp = stream
        if not lines.last:
            raise OSError(errno.ECONNRESET, "the answer broke off in its head")


class PlainConnection(HTTPConnection):
    """http. `broken_off`: a body was not sent to its end, so the connection serves no other request."""

    response_class = _WholeHead
    broken_off = False

    def _new_conn(self) -> socket.socket:
        return _open(self)

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use it again."""
        return not self.broken_off and super().is_connected

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send one request; see urllib3."""
        super().request(method, url, body=_begin(self, body), headers=headers, **options)
        _await_answer(body)


class TlsConnection(HTTPSConnection):
    """https. `broken_off`: a body was not sent to its end, so the connection serves no other request."""

    response_class = _WholeHead
    broken_off = False

    def _new_conn(self) -> socket.socket:
        return _open(self)

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use it again."""
        return not self.broken_off and super().is_connected

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send one request; see urllib3."""
        super().request(method, url, body=_begin(self, body), headers=headers, **options)
        _await_answer(body)


class PlainPool(urllib3.HTTPConnectionPool):
    """Connections to one host over http."""

    ConnectionCls = PlainConnection


class TlsPool(urllib3.HTTPSConnectionPool):
    """Connections to one host over https."""

    ConnectionCls = TlsConnection

    def _validate_conn(self, conn: Any) -> None:
        # Without urllib3's warning: a certificate is unchecked only where the user named the host as insecure.
        if conn.is_closed:
            conn.connect()


def _begin(connection: Any, body: Any) -> Any:
    """Tie the connection to the exchange; a body of ours becomes an iterable that sends and counts."""
    exchange: Exchange = _local.exchange
    if connection.sock is not None:
        exchange.attach(connection.sock)
    exchange.transfer()
    return _pieces(connection, body, exchange) if isinstance(body, Upload) else body


def _await_answer(body: Any) -> None:
    exchange: Exchange = _local.exchange
    limits = exchange.limits
    exchange.await_answer(limits.commit if isinstance(body, Upload) else limits.answer, "no answer")


def _open(connection: Any) -> socket.socket:
    """Connect to the first address that answers, each checked before. Stands in for urllib3's own."""
    exchange: Exchange = _local.exchange
    exchange.await_answer(exchange.limits.connect, "no connection")
    connection.broken_off = False
    found = _resolve(connection)
    last: OSError | None = None
    for position, (family, kind, protocol, _, address) in enumerate(found):
        if not connection.proxy:
            _require_allowed(exchange, connection.host, str(address[0]))
        seconds = exchange.limits.connect if position == len(found) - 1 else _BLACK_HOLE
        try:
            return _connect(exchange, (family, kind, protocol), address, seconds)
        except OSError as error:
            last = error
    raise NewConnectionError(connection, f"{last}") from last


def _resolve(connection: Any) -> list[Any]:
    # The name with its trailing dot, as urllib3 itself asks for it.
    host = connection._dns_host.strip("[]")
    try:
        return socket.getaddrinfo(host, connection.port, 0, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        cause = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(connection.host, connection, cause) from error


def _require_allowed(exchange: Exchange, host: str, address: str) -> None:
    reach: Reach = reach_of(address)
    why = exchange.accept(reach)
    if why is not None:
        raise Invalid(f"`{host}` leads to {address}: {why}")
    exchange.reach = reach


def _connect(exchange: Exchange, kind: tuple[int, int, int], address: Any, seconds: float) -> socket.socket:
    opened = socket.socket(*kind)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.settimeout(seconds)
        exchange.attach(opened)
        opened.connect(address)
        opened.settimeout(exchange.limits.connect)
    except BaseException:
        opened.close()
        raise
    return opened


def _pieces(connection: Any, body: Upload, exchange: Exchange) -> Iterator[bytes | memoryview]:
    """The body in pieces for urllib3 to send; by the kernel, with nothing to yield, where that is possible."""
    plain = not isinstance(connection, HTTPSConnection)
    # A stream of any other type has something between us and the file: a check, a decompression.
    if plain and type(body.stream) is io.FileIO:
        sent = yield from _send_file(connection, body, exchange)
    else:
        sent = yield from _send_stream(connection, body, exchange, watch=plain)
    if sent < body.size:
        connection.broken_off = True


def _answered(sock: socket.socket) -> bool:
    """Whether something came back before we finished: an early refusal, or the end of the connection."""
    return bool(select.select([sock], [], [], 0)[0])


def _send_file(connection: Any, body: Upload, exchange: Exchange) -> Generator[bytes, None, int]:
    yield b""  # only now are the headers out
    sock, source, sent = connection.sock, body.stream.fileno(), 0
    start = body.stream.tell()
    while sent < body.size:
        readable, writable, _ = select.select([sock], [sock], [], exchange.limits.stall)
        if readable:
            break
        if not writable:
            raise OSError(errno.ETIMEDOUT, "nothing could be sent")
        count = os.sendfile(sock.fileno(), source, start + sent, min(_SENDFILE_PIECE, body.size - sent))
        if not count:
            raise RegistryError(f"the source ended after {sent} of {body.size} bytes")
        sent += count
        exchange.moved(count)
        body.progress(count)
    # The kernel reads past Python's position; a body may be a part of a longer stream.
    body.stream.seek(start + sent)
    return sent


def _send_stream(
    connection: Any, body: Upload, exchange: Exchange, *, watch: bool
) -> Generator[memoryview, None, int]:
    sent = 0
    while sent < body.size:
        # Over TLS something readable may be a session ticket, which is not an answer.
        if watch and sent and _answered(connection.sock):
            return sent
        data = _read(body, min(CHUNK, body.size - sent))
        if not data:
            raise RegistryError(f"the source ended after {sent} of {body.size} bytes")
        for start in range(0, len(data), _PIECE):
            piece = memoryview(data)[start : start + _PIECE]
            yield piece
            exchange.moved(len(piece))
            body.progress(len(piece))
        sent += len(data)
    return sent


def _read(body: Upload, size: int) -> bytes:
    try:
        return body.stream.read(size)
    except OSError as error:
        # Not to be taken for a network error, which would be tried again.
        raise Invalid(f"the source cannot be read: {error.strerror or error}") from error
