"""A proxy in front of a registry, with which a test can act before or after each request."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from tests.support.registries.registry import RegistryServer
from tests.support.registries.tls import Authority

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"})


Answer = tuple[int, list[tuple[str, str]], bytes]


class Passage(NamedTuple):
    """One request at the gate. `number` numbers the writing requests from 1; a read has 0."""

    method: str
    path: str
    number: int


class Gate:
    """Forwards to `registry`. `before` is called with each request, `after` when the registry has answered.

    If `before` or `after` returns False, the connection is closed without an answer; after `before`, the registry does
    not get the request. `instead` may return an answer (status, headers, body) in place of the registry's; `adds`
    returns headers that are added to the registry's answer. With `authority`, the gate speaks TLS.
    """

    def __init__(self, registry: RegistryServer, *, authority: Authority | None = None) -> None:
        self.registry = registry
        self.before: Callable[[Passage], bool | None] = lambda passage: True
        self.after: Callable[[Passage], bool | None] = lambda passage: True
        self.instead: Callable[[Passage], Answer | None] = lambda passage: None
        self.adds: Callable[[Passage], list[tuple[str, str]]] = lambda passage: []
        self._lock = threading.Lock()
        self._writes = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gate": self}))
        self._server.daemon_threads = True
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*authority.issue("127.0.0.1"))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """Return the gate's address, `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def count(self, method: str, path: str) -> Passage:
        """Return the request as a `Passage`, with the next number if its method writes."""
        with self._lock:
            self._writes += method in _WRITES
            return Passage(method, path, self._writes if method in _WRITES else 0)

    def close(self) -> None:
        """Stop the gate."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gate: Gate

    def _pass(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client was killed while it sent: nobody saw this request
            self.close_connection = True
            return
        passage = self.gate.count(self.command, self.path)
        if self.gate.before(passage) is False:
            self.close_connection = True
            return
        try:
            answer = self.gate.instead(passage) or self._forward(body)
        except (OSError, http.client.HTTPException):  # the registry is gone, as a test wants it
            self.gate.after(passage)
            self.close_connection = True
            return
        if self.gate.after(passage) is False:
            self.close_connection = True
            return
        with contextlib.suppress(OSError):  # the client may have been killed meanwhile
            status, headers, content = answer
            self._reply(status, [*headers, *self.gate.adds(passage)], content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - http.server's names

    def _forward(self, body: bytes) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.gate.registry.port, timeout=60)
        with contextlib.closing(connection):
            # The registry builds absolute upload locations from the Host header: they lead back here.
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, self.path, body=body or None, headers=headers)
            with connection.getresponse() as answer:
                return answer.status, answer.getheaders(), answer.read()

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        is_head = self.command == "HEAD"
        dropped = _HOP if is_head else _HOP | {"content-length"}
        for name, value in headers:
            if name.lower() not in dropped:
                self.send_header(name, value)
        if not is_head:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not is_head:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no log line for a request."""


@pytest.fixture
def gate(registry_server: RegistryServer) -> Iterator[Gate]:
    """Give a gate in front of the test's registry."""
    door = Gate(registry_server)
    yield door
    door.close()
