"""urllib3 connections tied to an `Exchange`: addresses are checked, sockets can be shut down, uploads are counted.

urllib3 runs a request in the caller's thread, from the pool down to the connection, so the exchange is passed in a
thread-local variable. This module sends bodies of type `Upload`. Over plain http, files are sent with sendfile(2), and
a body is stopped when the answer comes early; TLS allows neither.
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

from release.errors import Invalid, RegistryError, Unreachable
from release.oci.verify import CHUNK
from release.registry.http.address_policy import Reach, reach_of
from release.registry.http.watchdog import Exchange

# Bytes between two counts of progress.
# The watchdog ends a transfer without a count in `Limits.stall` seconds: larger pieces would end slow uploads.
_PIECE = 64 * 1024
# Bytes that one sendfile(2) call may send.
# Between two calls the sent bytes are counted for the watchdog, and an early answer of the registry is noticed.
# Larger pieces would delay both; smaller pieces would need more system calls.
_SENDFILE_PIECE = 4 * 1024 * 1024
_local = threading.local()


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


def rewind(body: bytes | Upload | Growing | None) -> None:
    """Prepare a body for a request that is sent again."""
    if isinstance(body, (Upload, Growing)):
        body.rewind()


@contextmanager
def using(exchange: Exchange) -> Iterator[None]:
    """Tie connections that this thread uses in the body to `exchange`."""
    _local.exchange = exchange
    try:
        yield
    finally:
        _local.exchange = None


class _Lines:
    """A stream that remembers the last line that was read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b"?"

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _WholeHead(http.client.HTTPResponse):
    """An answer whose headers must be complete: http.client takes a broken connection for their end."""

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
            raise OSError(errno.ECONNRESET, "the answer broke off within its headers")


class PlainConnection(HTTPConnection):
    """A connection over http. `broken_off`: a body was not sent to its end, so no other request may follow."""

    response_class = _WholeHead
    broken_off = False

    def _new_conn(self) -> socket.socket:
        return _open(self)

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use the connection again."""
        return not self.broken_off and super().is_connected

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send one request. Overrides urllib3 to count bodies of type `Upload`, and to stop them at an early answer."""
        super().request(method, url, body=_begin(self, body), headers=headers, **options)
        _await_answer(body)


class TlsConnection(HTTPSConnection):
    """A connection over https. `broken_off`: a body was not sent to its end, so no other request may follow."""

    response_class = _WholeHead
    broken_off = False

    def _new_conn(self) -> socket.socket:
        return _open(self)

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use the connection again."""
        return not self.broken_off and super().is_connected

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send one request. Overrides urllib3 to count the bytes of bodies of type `Upload`."""
        super().request(method, url, body=_begin(self, body), headers=headers, **options)
        _await_answer(body)


class PlainPool(urllib3.HTTPConnectionPool):
    """Connections to one host over http."""

    ConnectionCls = PlainConnection


class TlsPool(urllib3.HTTPSConnectionPool):
    """Connections to one host over https."""

    ConnectionCls = TlsConnection

    def _validate_conn(self, conn: Any) -> None:
        # Overrides urllib3 to leave out its warning: only hosts that the user named insecure are not verified.
        if conn.is_closed:
            conn.connect()


def _begin(connection: Any, body: Any) -> Any:
    """Tie the connection to the exchange; turn an `Upload` into an iterable that sends and counts."""
    exchange: Exchange = _local.exchange
    if connection.sock is not None:
        exchange.attach(connection.sock)
    exchange.transfer()
    if isinstance(body, Growing):
        return _growing(connection, body, exchange)
    return _pieces(connection, body, exchange) if isinstance(body, Upload) else body


def _await_answer(body: Any) -> None:
    exchange: Exchange = _local.exchange
    limits = exchange.limits
    exchange.await_answer(limits.commit if isinstance(body, Upload) else limits.answer, "no answer")


def _open(connection: Any) -> socket.socket:
    """Connect to the first address that answers, after checking each. Replaces urllib3's `create_connection`."""
    exchange: Exchange = _local.exchange
    exchange.await_answer(exchange.limits.connect, "no connection")
    connection.broken_off = False
    found = _resolve(connection)
    last: OSError | None = None
    for position, (family, kind, protocol, _, address) in enumerate(found):
        if not connection.proxy:
            _require_allowed(exchange, connection.host, str(address[0]))
        is_last = position == len(found) - 1
        seconds = exchange.limits.connect if is_last else exchange.limits.other_address
        try:
            return _connect(exchange, (family, kind, protocol), address, seconds)
        except OSError as error:
            last = error
    raise NewConnectionError(connection, f"{last}") from last


def _resolve(connection: Any) -> list[Any]:
    # `_dns_host` keeps a trailing dot, as urllib3 does for the lookup.
    host = connection._dns_host.strip("[]")
    # As bytes the name is taken as it is. For text Python would load the tables of international names.
    name = host.encode("ascii") if host.isascii() else host
    try:
        return socket.getaddrinfo(name, connection.port, 0, socket.SOCK_STREAM)
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
    """The body in pieces for urllib3 to send. A plain file over plain http is sent by the kernel instead."""
    plain = not isinstance(connection, HTTPSConnection)
    # Exactly FileIO: other types check or decompress what they read.
    if plain and type(body.stream) is io.FileIO:
        sent = yield from _send_file(connection, body, exchange)
    else:
        sent = yield from _send_stream(connection, body, exchange, watch=plain)
    if sent < body.size:
        connection.broken_off = True


def _growing(connection: Any, body: Growing, exchange: Exchange) -> Iterator[bytes]:
    """The body for urllib3, which sends it in chunks (RFC 9112, section 7.1) and leaves empty pieces out."""
    plain = not isinstance(connection, HTTPSConnection)
    for piece in body.pieces:
        if plain and _answered(connection.sock):
            connection.broken_off = True
            return
        yield piece
        if piece:
            exchange.moved(len(piece))
        else:
            exchange.transfer()  # restart the count: the blob had no new bytes, so the link is not slow


def _answered(sock: socket.socket) -> bool:
    """Whether the peer sent something before the body ended: an early refusal, or the end of the connection."""
    return bool(select.select([sock], [], [], 0)[0])


def _send_file(connection: Any, body: Upload, exchange: Exchange) -> Generator[bytes, None, int]:
    # urllib3 sends the headers, then this empty piece, then asks for the next one: now the kernel may send the file.
    yield b""
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
    # sendfile does not move Python's file position. Set it, since more bodies may follow in the stream.
    body.stream.seek(start + sent)
    return sent


def _send_stream(
    connection: Any, body: Upload, exchange: Exchange, *, watch: bool
) -> Generator[memoryview, None, int]:
    sent = 0
    while sent < body.size:
        # Only without TLS: a readable TLS socket may hold a session ticket and no answer.
        if watch and sent and _answered(connection.sock):
            return sent
        exchange.hold()
        data = read_source(body.stream, min(CHUNK, body.size - sent))
        exchange.transfer()
        if not data:
            raise RegistryError(f"the source ended after {sent} of {body.size} bytes")
        for start in range(0, len(data), _PIECE):
            piece = memoryview(data)[start : start + _PIECE]
            yield piece
            exchange.moved(len(piece))
            body.progress(len(piece))
        sent += len(data)
    return sent


def read_source(stream: IO[bytes], size: int) -> bytes:
    """Read from the source of a body. Its errors are raised as ones that no repetition of the request can help."""
    try:
        return stream.read(size)
    except Unreachable as error:
        # Another host that was read from failed, after all its own attempts. Sending the body again would repeat them.
        raise RegistryError(error.message, hint=error.hint, status=error.status, code=error.code) from error
    except OSError as error:
        # Not an OSError: that would be taken for a network error and retried.
        raise Invalid(f"the source cannot be read: {error.strerror or error}") from error
