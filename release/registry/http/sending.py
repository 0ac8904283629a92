"""Writes a request to a socket: its head, and a body that is counted for the watchdog while it is sent.

Over plain http, files are sent with sendfile(2), and a body is stopped when the answer comes early; TLS allows neither.
"""

from __future__ import annotations

import errno
import io
import os
import select
from collections.abc import Mapping
from typing import Any

from release.errors import Invalid, RegistryError
from release.hints import AGAIN
from release.oci.verify import CHUNK
from release.registry.http.bodies import Body, Growing, Upload, read_source
from release.registry.http.watchdog import Exchange

# Bytes between two counts of progress.
# The watchdog ends a transfer without a count in `Limits.stall` seconds: larger pieces would end slow uploads.
_PIECE = 64 * 1024
# Bytes that one sendfile(2) call may send.
# Between two calls the sent bytes are counted for the watchdog, and an early answer of the registry is noticed.
# Larger pieces would delay both; smaller pieces would need more system calls.
_SENDFILE_PIECE = 4 * 1024 * 1024
_ENDED = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL


def head_of(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request (RFC 9112, section 3). Raises `Invalid` for text that could end a line of it."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    for line in lines:
        if not line.isascii() or not line.replace("\t", " ").isprintable():
            # The text is not shown: it may be a credential.
            name = line.partition(":")[0]
            shown = name if name.replace("-", "").isalnum() else "line"
            raise Invalid(
                f"the request's `{shown}` holds characters that HTTP does not allow there",
                hint="look for line breaks and letters outside of ASCII in the credential and in the registry's name",
            )
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def send(sock: Any, head: bytes, body: Body, exchange: Exchange, *, is_plain: bool) -> bool:
    """Send a request; returns False if the body was not sent to its end, since the answer came early.

    `is_plain`: without TLS. Raises errors of sockets, and those of the body's source.
    """
    if body is None or isinstance(body, bytes):
        sock.sendall(head + (body or b""))
        return True
    sock.sendall(head)
    if isinstance(body, Growing):
        return _send_growing(sock, body, exchange, is_plain=is_plain)
    # Exactly FileIO: other types check or decompress what they read.
    if is_plain and type(body.stream) is io.FileIO:
        return _send_file(sock, body, exchange) == body.size
    return _send_stream(sock, body, exchange, is_plain=is_plain) == body.size


def has_input(sock: Any) -> bool:
    """Whether the peer sent something that was not read: an early answer, or the end of the connection."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _send_growing(sock: Any, body: Growing, exchange: Exchange, *, is_plain: bool) -> bool:
    """Send the pieces in chunks (RFC 9112, section 7.1). An empty chunk would end the body, so none is sent."""
    for piece in body.pieces:
        if is_plain and has_input(sock):
            return False
        if piece:
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            exchange.moved(len(piece))
        else:
            exchange.transfer()  # restart the count: the blob had no new bytes, so the link is not slow
    sock.sendall(b"0\r\n\r\n")
    return True


def _send_file(sock: Any, body: Upload, exchange: Exchange) -> int:
    source, sent = body.stream.fileno(), 0
    start = body.stream.tell()
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    while sent < body.size:
        found = poll.poll(exchange.limits.stall * 1000)
        if not found:
            raise OSError(errno.ETIMEDOUT, "nothing could be sent")
        if found[0][1] & _ENDED:
            break
        count = os.sendfile(sock.fileno(), source, start + sent, min(_SENDFILE_PIECE, body.size - sent))
        if not count:
            raise RegistryError(f"the source ended after {sent} of {body.size} bytes", hint=AGAIN)
        sent += count
        exchange.moved(count)
        body.progress(count)
    # sendfile does not move Python's file position. Set it, since more bodies may follow in the stream.
    body.stream.seek(start + sent)
    return sent


def _send_stream(sock: Any, body: Upload, exchange: Exchange, *, is_plain: bool) -> int:
    sent = 0
    while sent < body.size:
        # Only without TLS: a readable TLS socket may hold a session ticket and no answer.
        if is_plain and sent and has_input(sock):
            return sent
        exchange.hold()
        data = read_source(body.stream, min(CHUNK, body.size - sent))
        exchange.transfer()
        if not data:
            raise RegistryError(f"the source ended after {sent} of {body.size} bytes", hint=AGAIN)
        for start in range(0, len(data), _PIECE):
            piece = memoryview(data)[start : start + _PIECE]
            sock.sendall(piece)
            exchange.moved(len(piece))
            body.progress(len(piece))
        sent += len(data)
    return sent
