"""Makes clients of the docker SDK, and shuts their connections down when the run is cancelled."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from release.docker.host import Endpoint, config_folder
from release.limits import KIB, MIB

if TYPE_CHECKING:
    from docker import APIClient

# Bytes of an answer that is read whole. The list of a daemon with ten thousand images has a tenth of that.
_LONGEST_ANSWER = 64 * MIB


def make_client(
    endpoint: Endpoint,
    env: Mapping[str, str],
    version: str,
    registries: tuple[str, ...],
    answer_within: float,
) -> APIClient:
    """An SDK client that has sent no request yet."""
    from docker import APIClient, auth
    from docker.errors import DockerException
    from docker.tls import TLSConfig

    class _Client(APIClient):
        def _set_auth_headers(self, headers: dict[str, str]) -> None:
            """Send only credentials of `registries`, which the build pulls from; the SDK would send all."""
            known = auth.load_config(config_path=os.path.join(config_folder(env), "config.json"))
            found = {}
            for registry in registries:
                # If a credential helper fails, the daemon pulls without a credential.
                with contextlib.suppress(DockerException):
                    credential = known.resolve_authconfig(registry)
                    if credential:
                        found[auth.INDEX_URL if registry == auth.INDEX_NAME else registry] = credential
            if found:
                headers["X-Registry-Config"] = auth.encode_header(found).decode()

    tls: Any = False
    certificates = endpoint.certificates
    if certificates is not None:
        pair = (certificates.cert, certificates.key) if certificates.cert and certificates.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=certificates.ca, verify=certificates.verify)
    client = _Client(base_url=endpoint.url, version=version, timeout=cast(Any, answer_within), tls=tls)
    # Ignore a CA bundle, proxy or .netrc of the environment: they are meant for the internet, not for the daemon.
    client.trust_env = False
    return client


class OpenConnections:
    """Connections of SDK clients: shut down when the run is cancelled, closed at the end."""

    def __init__(self) -> None:
        self._clients: list[APIClient] = []
        self._answers: list[Any] = []
        self._sockets: list[Any] = []

    def watch(self, client: APIClient, *, whole_within: float | None = None) -> APIClient:
        """Record every socket and response of the client's requests.

        `whole_within`: seconds in which an answer has to arrive whole; None if answers are read piece by piece.
        urllib3 has no public way to the socket of a running request; each request calls `_get_conn`.
        """
        self._clients.append(client)
        client.hooks["response"].append(lambda answer, *_, **__: self._answers.append(answer))
        if whole_within is not None:
            client.hooks["response"].append(lambda answer, *_, **__: _read_whole(answer, whole_within))
        for adapter in client.adapters.values():
            self._wrap(adapter, "get_connection_with_tls_context", self._watch_pool)
        return client

    def shut(self) -> None:
        """Shut down every connection, so that threads stop waiting for its bytes."""
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close responses and clients: a response that was not read to its end keeps its connection open."""
        for each in (*self._answers, *self._clients):
            each.close()

    def _watch_pool(self, pool: Any) -> None:
        if "_get_conn" not in vars(pool):
            self._wrap(pool, "_get_conn", self._watch_connection)

    def _watch_connection(self, connection: Any) -> None:
        if connection.sock is not None:
            self._sockets.append(connection.sock)
        elif "connect" not in vars(connection):
            self._wrap(connection, "connect", lambda _: self._sockets.append(connection.sock))

    @staticmethod
    def _wrap(owner: Any, name: str, then: Callable[[Any], None]) -> None:
        """Let `owner.name(…)` call `then` with its result before it returns."""
        inner = getattr(owner, name)

        def outer(*args: Any, **options: Any) -> Any:
            result = inner(*args, **options)
            then(result)
            return result

        setattr(owner, name, outer)


def _read_whole(answer: Any, seconds: float) -> None:
    """Read the body within `seconds` and 64 MiB. The SDK would read on for as long as the server sends."""
    end, content = time.monotonic() + seconds, bytearray()
    # `read1` returns what has arrived, where `iter_content` would wait for a whole piece.
    while piece := answer.raw.read1(64 * KIB, decode_content=True):
        content += piece
        if len(content) > _LONGEST_ANSWER:
            raise ValueError("the answer is too long")
        if time.monotonic() > end:
            raise TimeoutError
    # requests has no public way to give a response its body; `content` and `json` return this.
    answer._content = bytes(content)
