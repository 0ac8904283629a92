"""A server that acts as every service to which shipmark could send a secret, on one port, and records what arrives.

The server acts as an HTTP proxy, a registry that requires a token, its token server, a git server over HTTP, and a
PostgreSQL server that requires the password in clear text. It accepts whatever is sent, and grants nothing.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import threading
from urllib.parse import unquote_to_bytes

_SSL_REQUEST = 80877103
_STARTUP = 196608
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")


class Listener:
    """Serves until closed. `address`: `127.0.0.1:PORT`."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        self._heard: list[bytes] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="listener")
        self._accepting.start()

    def take(self) -> bytes:
        """Return the bytes that arrived since the last call of this method."""
        with self._lock:
            heard, self._heard = self._heard, []
        return b"\n".join(heard)

    def close(self) -> None:
        """Stop the server and its threads."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in (self._accepting, *self._threads):
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="listener-connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(1 << 16):
                with self._lock:
                    self._heard.append(data)
                answer = self._answer(data)
                if answer is None:
                    return
                connection.sendall(answer)

    def _answer(self, data: bytes) -> bytes | None:
        kind = int.from_bytes(data[4:8], "big") if len(data) >= 8 else 0
        if kind == _SSL_REQUEST:
            return b"N"
        if kind == _STARTUP:
            return b"R\x00\x00\x00\x08\x00\x00\x00\x03"  # AuthenticationCleartextPassword
        line = data.split(b"\r\n", 1)[0]
        if b" HTTP/" not in line:
            return None
        target = line.split(b" ")[1]
        if line.startswith(b"CONNECT "):
            return _reply(502, b"")
        if b"/token" in target:
            return _reply(200, b'{"token": "granted"}')
        if b"/info/refs" in target:
            return _reply(401, b"", b'WWW-Authenticate: Basic realm="git"\r\n')
        if b"\r\nauthorization:" not in data.lower():
            if target.startswith(
                b"http://"
            ):  # as a proxy: a host elsewhere may not have its tokens issued on loopback
                return _reply(401, b"{}", b'WWW-Authenticate: Basic realm="x"\r\n')
            realm = f'Bearer realm="http://{self.address}/token",service="x",scope="repository:x:pull"'
            return _reply(401, b"{}", f"WWW-Authenticate: {realm}\r\n".encode())
        return _reply(404, b'{"errors": [{"code": "NAME_UNKNOWN"}]}')


def _reply(status: int, body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s" % (status, headers, len(body), body)


def readings(heard: bytes) -> bytes:
    """Return the bytes as they are, without URL quoting, and with each base64 word decoded, to search secrets in."""
    plain = heard + b"\n" + unquote_to_bytes(heard)
    words = [word.replace(b"-", b"+").replace(b"_", b"/") for word in _BASE64.findall(plain)]
    decoded = []
    for word in words:
        bare = word.rstrip(b"=")
        with contextlib.suppress(ValueError):
            decoded.append(base64.b64decode(bare + b"=" * (-len(bare) % 4)))
    return b"\n".join((plain, *decoded))
