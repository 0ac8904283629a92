"""Reads answers from a connection: status, headers and a body of a known length, in chunks, or up to the end.

Source: RFC 9112. Faults of the peer are raised as `OSError` with the reason in `strerror`, as those of the system are.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

# Bytes of one line, and lines of one head: enough for every registry; more would let a hostile one fill the memory.
_LONGEST_LINE = 64 * 1024
_MOST_LINES = 100
# Interim answers before the final one (RFC 9110, section 15.2). Registries send none, or one.
_MOST_INTERIM = 10
# Bytes of one `recv` for heads and small bodies.
_PIECE = 16 * 1024
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HEX = frozenset(b"0123456789abcdefABCDEF")
# Digits of a chunk's size: 16 EiB.
_SIZE_DIGITS = 16


class Headers(Mapping[str, str]):
    """Headers of an answer. Names are found in any case; values of a repeated name are joined by commas."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def add(self, name: str, value: str) -> None:
        """Add one line."""
        key = name.lower()
        known = self._values.get(key)
        self._values[key] = value if known is None else f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Incoming:
    """The bytes that a socket receives; those that were received with a line and not read yet are kept."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._kept = b""

    @property
    def has_rest(self) -> bool:
        """Whether bytes were received that nobody has read."""
        return bool(self._kept)

    def line(self) -> bytes:
        """The next line without its end. Raises `OSError` if it is too long, or the connection ends before it does."""
        start = 0
        while (end := self._kept.find(b"\n", start)) < 0:
            start = len(self._kept)
            if start > _LONGEST_LINE:
                raise OSError(errno.EPROTO, f"a line of its answer has more than {_LONGEST_LINE} bytes")
            data = self._sock.recv(_PIECE)
            if not data:
                raise OSError(errno.ECONNRESET, _broken_off(self._kept))
            self._kept += data
        line, self._kept = self._kept[:end], self._kept[end + 1 :]
        return line.removesuffix(b"\r")

    def read(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end of the connection."""
        if self._kept:
            data, self._kept = self._kept[:size], self._kept[size:]
            return data
        received: bytes = self._sock.recv(size)
        return received

    def readinto(self, view: memoryview) -> int:
        """Read into `view`; returns the number of bytes, 0 at the end of the connection."""
        if self._kept:
            data = self.read(len(view))
            view[: len(data)] = data
            return len(data)
        count: int = self._sock.recv_into(view)
        return count


def _broken_off(kept: bytes) -> str:
    return "the answer broke off within a line" if kept else "the connection ended before the answer did"


class Response:
    """An answer, whose body is read from `incoming`. `is_last`: no other request may follow on the connection."""

    def __init__(self, incoming: Incoming, method: str) -> None:
        self._incoming = incoming
        self.status, is_old = _status(incoming.line())
        self.headers = _headers(incoming)
        interim = 0
        while 100 <= self.status < 200 and self.status != 101:
            interim += 1
            if interim > _MOST_INTERIM:
                raise OSError(errno.EPROTO, "it sends interim answers without end")
            self.status, is_old = _status(incoming.line())
            self.headers = _headers(incoming)
        options = self.headers.get("Connection", "").lower()
        self.is_last = "keep-alive" not in options if is_old else "close" in options
        # Bytes of the body, or of its present chunk, that are not read yet; None: up to the connection's end.
        self._left: int | None = self._length()
        self._in_chunks = False
        self._ended = False
        if method == "HEAD" or self.status in (101, 204, 304) or (method == "CONNECT" and self.status < 300):
            self._left = 0
        elif self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            # A length beside it is wrong, and may have misled a proxy (RFC 9112, section 6.3).
            self.is_last = self.is_last or "Content-Length" in self.headers
            self._in_chunks, self._left = True, 0
        self._is_first_chunk = True
        if self._left is None:
            self.is_last = True
        elif not self._left and not self._in_chunks:
            self._ended = True

    @property
    def may_be_followed(self) -> bool:
        """Whether the body was read to its end, and the connection can carry another request."""
        return self._ended and not self.is_last and not self._incoming.has_rest

    @property
    def left(self) -> int | None:
        """Bytes of the body that are not read yet; None if their number is not known."""
        return None if self._in_chunks else self._left

    def read(self, size: int) -> bytes:
        """At most `size` bytes of the body; b"" at its end. Raises `OSError` for a body that ends early."""
        size = self._room(size)
        if not size:
            return b""
        data = self._incoming.read(size)
        self._count(len(data))
        if not data and self._left is not None:
            raise OSError(errno.ECONNRESET, "the answer ended early")
        return data

    def readinto(self, view: memoryview) -> int:
        """Read into `view`; returns the number of bytes, 0 at the end.

        A body of known length that ends early is not an error here: the caller knows how many bytes it needs.
        """
        size = self._room(len(view))
        if not size:
            return 0
        count = self._incoming.readinto(view[:size])
        self._count(count)
        if not count and self._in_chunks:
            raise OSError(errno.ECONNRESET, "the answer ended early")
        return count

    def _length(self) -> int | None:
        stated = {part.strip() for part in self.headers.get("Content-Length", "").split(",")}
        if len(stated) > 1:
            raise OSError(errno.EPROTO, "it states two lengths of its answer")
        text = stated.pop()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    def _room(self, size: int) -> int:
        """Bytes of the body that may be read now, at most `size`; 0 at its end."""
        if self._in_chunks and not self._left and not self._ended and size:
            self._next_chunk()
        if self._ended:
            return 0
        return size if self._left is None else min(size, self._left)

    def _count(self, count: int) -> None:
        if not count:
            self._ended, self.is_last = True, True
        elif self._left is not None:
            self._left -= count
            self._ended = not self._left and not self._in_chunks

    def _next_chunk(self) -> None:
        if not self._is_first_chunk and self._incoming.line():
            raise OSError(errno.EPROTO, "a chunk of its answer is longer than stated")
        self._is_first_chunk = False
        text = self._incoming.line().partition(b";")[0].strip()
        if not text or len(text) > _SIZE_DIGITS or not _HEX.issuperset(text):
            raise OSError(errno.EPROTO, "a chunk of its answer states no size")
        self._left = int(text, 16)
        if not self._left:
            _headers(self._incoming)  # the trailer, which registries leave empty
            self._ended = True


def _status(line: bytes) -> tuple[int, bool]:
    """The status, and whether the version is 1.0, in which a connection ends with its answer."""
    version, _, rest = line.partition(b" ")
    code = rest.lstrip()[:3]
    following = rest.lstrip()[3:4]
    if not version.startswith(b"HTTP/1.") or not code.isdigit() or len(code) < 3 or following.strip():
        raise OSError(errno.EPROTO, "its answer does not begin as HTTP/1.1 does")
    if code < b"100":
        raise OSError(errno.EPROTO, "its answer has no valid status")
    return int(code), version == b"HTTP/1.0"


def _headers(incoming: Incoming) -> Headers:
    found = Headers()
    name = value = ""
    for _ in range(_MOST_LINES + 1):
        line = incoming.line()
        if line[:1] in (b" ", b"\t"):
            value += " " + line.decode("latin-1").strip()  # a folded line (RFC 9112, section 5.2)
            continue
        if name:
            found.add(name, value)
        if not line:
            return found
        raw, colon, rest = line.partition(b":")
        if not colon:
            raise OSError(errno.EPROTO, "a header of its answer has no colon")
        # A name with other characters is not one that is asked for.
        name = raw.decode("latin-1") if raw and _TOKEN.issuperset(raw) else ""
        value = rest.decode("latin-1").strip(" \t\r")
    raise OSError(errno.EPROTO, f"its answer has more than {_MOST_LINES} headers")
