"""Hosts of vendors under their real names, reached through a proxy on loopback, over TLS.

Programs under test get the proxy in `HTTPS_PROXY` and the authority of the certificate, and otherwise behave as they do
with the real services.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

from tests.support.registries.hostile import Answerer, HostileServer
from tests.support.registries.tls import Authority


class Internet:
    """One server that answers for every host in `names`; its requests have the header `host`. `ca`: the PEM file."""

    def __init__(self, folder: Path, names: tuple[str, ...], answer: Answerer) -> None:
        authority = Authority(folder)
        self.ca = str(authority.path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue(*names))
        self.server = HostileServer(answer, tls=context)
        self._names = names
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, name="proxy")
        self._accepting.start()

    @property
    def env(self) -> dict[str, str]:
        """Return the variables that lead a program through the proxy."""
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self._listener.getsockname()[1]}"}

    def close(self) -> None:
        """Stop proxy and server."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in [self._accepting, *self._threads]:
            thread.join()
        self.server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), name="proxy-connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        self._open.append(client)
        with contextlib.suppress(OSError), contextlib.closing(client):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            name = head.split(b" ")[1].rpartition(b":")[0].decode()
            if not head.startswith(b"CONNECT ") or name not in self._names:
                client.sendall(b"HTTP/1.1 502 no such host\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.server.port)) as server:
                self._open.append(server)
                client.sendall(b"HTTP/1.1 200 connected\r\n\r\n")
                back = threading.Thread(target=_pour, args=(server, client), name="proxy-back")
                back.start()
                _pour(client, server)
                back.join()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
