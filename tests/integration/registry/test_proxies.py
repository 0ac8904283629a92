"""Requests over TLS: through a proxy that speaks TLS itself, through one that refuses, and on kept connections."""

from __future__ import annotations

import contextlib
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from release.errors import Unreachable
from release.oci import Descriptor
from release.oci.manifest import digest_bytes
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.targets import TargetsFactory
from tests.support.registries.tls import Authority

Hostile = Callable[..., HostileServer]
NAME = "registry.example"
BLOB = bytes(range(256)) * 4096


class TlsProxy:
    """A proxy that speaks TLS and leads every CONNECT to `port`. `heads`: the requests to it."""

    def __init__(
        self, context: ssl.SSLContext, port: int, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n"
    ) -> None:
        self.heads: list[bytes] = []
        self._context, self._port, self._answer = context, port, answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(plain,)))
                self._threads[-1].start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.heads.append(head)
            client.sendall(self._answer)
            if b" 200 " not in self._answer:
                return
            with socket.create_connection(("127.0.0.1", self._port)) as server:
                while True:
                    ready = [client] if client.pending() else select.select([client, server], [], [])[0]
                    source = ready[0]
                    data = source.recv(65536)
                    if not data:
                        return
                    (server if source is client else client).sendall(data)


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    """Give a server's settings, with a certificate for `NAME` and 127.0.0.1 of the authority below `tmp_path`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*Authority(tmp_path).issue(NAME, "127.0.0.1"))
    return made


@pytest.fixture
def serve_proxy(context: ssl.SSLContext) -> Iterator[Callable[..., TlsProxy]]:
    """Give a function that starts a proxy."""
    made: list[TlsProxy] = []

    def start(*args: object) -> TlsProxy:
        made.append(TlsProxy(context, *args))  # type: ignore[arg-type]  # passed on
        return made[-1]

    yield start
    for proxy in made:
        proxy.close()


def stores(request: Request) -> Reply:
    """Answer as a registry without blobs, which takes every upload."""
    if request.method == "POST":
        return Reply(202, {"Location": "/v2/app/blobs/uploads/1"})
    return Reply(201 if request.method == "PUT" else 404)


def test_blob_is_sent_in_tls_through_a_proxy_that_speaks_tls(
    tmp_path: Path,
    hostile: Hostile,
    context: ssl.SSLContext,
    serve_proxy: Callable[..., TlsProxy],
    make_targets: TargetsFactory,
) -> None:
    server = hostile(stores, tls=context)
    proxy = serve_proxy(server.port)
    env = {"HTTPS_PROXY": f"https://user:p%40ss@{proxy.host}"}
    with make_targets(env=env, ca=str(tmp_path / "ca.pem")) as targets:
        blob = Descriptor(media_type="application/x", digest=digest_bytes(BLOB), size=len(BLOB))
        assert targets.open(f"{NAME}/app").put_blob(blob, lambda: io.BytesIO(BLOB))
    (put,) = server.seen("PUT")
    assert put.body == BLOB
    (head,) = proxy.heads  # one connection for all requests
    assert head.startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\nHost: {NAME}:443\r\n".encode())
    assert b"\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n" in head
    assert not any("proxy-authorization" in request.headers for request in server.requests)


@pytest.mark.parametrize(
    ("status", "hint", "is_tried_again"),
    [
        (407, "a user name and a password", False),
        (403, "let the proxy's rules allow `registry.example`", False),
        (503, "then run again", True),
    ],
)
def test_refusal_of_a_proxy_is_reported_with_its_status_and_what_helps(
    status: int,
    hint: str,
    is_tried_again: bool,
    tmp_path: Path,
    serve_proxy: Callable[..., TlsProxy],
    make_targets: TargetsFactory,
) -> None:
    proxy = serve_proxy(0, b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
    env = {"HTTPS_PROXY": f"https://user:hidden@{proxy.host}"}
    targets = make_targets(env=env, ca=str(tmp_path / "ca.pem"))
    with pytest.raises(Unreachable, match=f"the proxy answered {status} and did not connect") as caught:
        targets.open(f"{NAME}/app").resolve("1.0")
    assert "hidden" not in str(caught.value)
    assert hint in (caught.value.hint or "")
    assert (len(proxy.heads) > 1) == is_tried_again


def test_certificate_of_a_proxy_that_is_not_valid_is_named(
    serve_proxy: Callable[..., TlsProxy], make_targets: TargetsFactory
) -> None:
    proxy = serve_proxy(0)
    targets = make_targets(env={"HTTPS_PROXY": f"https://{proxy.host}"})
    with pytest.raises(Unreachable, match=r"certificate of .* is not valid"):
        targets.open(f"{NAME}/app").resolve("1.0")


def test_tls_connection_opened_ahead_is_used_though_the_server_sent_session_tickets(
    tmp_path: Path, context: ssl.SSLContext, make_targets: TargetsFactory
) -> None:
    connections: list[socket.socket] = []
    reply = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                connections.append(plain)
                with context.wrap_socket(plain, server_side=True) as client:
                    while client.recv(65536):
                        client.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with make_targets(ca=str(tmp_path / "ca.pem")) as targets:
            transport = targets._world().transport
            transport._open_one(f"https://{host}/")
            time.sleep(0.05)  # until the tickets are there
            for _ in range(3):
                transport.send("HEAD", f"https://{host}/v2/").close()
        assert len(connections) == 1
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
