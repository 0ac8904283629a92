"""Connections to registries and proxies, tied to an `Exchange`: addresses are checked, sockets can be shut down.

The standard library's client and urllib3 are left out: each call in each CI job would pay for their imports, which
take longer than the rest of a small command.
"""

from __future__ import annotations

import errno
import threading
import weakref
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from release.registry.http.bodies import Body, Upload
from release.registry.http.responses import Incoming, Response
from release.registry.http.sending import has_input, head_of, send
from release.registry.http.sockets import has_only_tickets, open_socket, with_tls
from release.registry.http.watchdog import Exchange

if TYPE_CHECKING:
    import ssl

# The peer closed the connection while it was sent to: it may have answered before that.
_CLOSED_WHILE_SENDING = frozenset({errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE})
_PORTS = {"http": 80, "https": 443}
# Characters of a path and its query that stay as they are (RFC 3986, section 3.3), with the `%` of encoded ones.
_KEPT = "%/:?#[]@!$&'()*+,;=~"
Contexts = Callable[[str], "ssl.SSLContext"]


class ProxyFault(OSError):
    """The proxy cannot be reached; `__cause__` says why."""


class ProxyRefused(OSError):
    """The proxy answered, and did not connect. `status`: of its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(errno.ECONNREFUSED, f"the proxy answered {status} and did not connect")
        self.status = status


class Route(NamedTuple):
    """Where connections lead. `netloc`: host and port as in the URL; `proxy`: the URL of the proxy between, or None."""

    scheme: str
    netloc: str
    host: str  # without brackets
    port: int
    proxy: str | None

    @property
    def authority(self) -> str:
        """Host and port, as a request names them; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def route_to(url: str, proxy: str | None) -> Route:
    """The route to the host of `url`. Raises `OSError` for a URL without a usable host or port."""
    parts = urlsplit(url)
    host, port = _host_and_port(parts)
    return Route(parts.scheme, _without_user(parts), host, port, proxy)


class Connection:
    """One connection at a time over `route`. `contexts`: gives TLS settings for a host with its port."""

    def __init__(self, route: Route, contexts: Contexts) -> None:
        self.route = route
        self._contexts = contexts
        self.sock: Any = None
        self._was_broken_off = False  # a request was not sent to its end, so no other may follow

    @property
    def is_connected(self) -> bool:
        """Whether a request may be sent: the connection is open, and nothing came that nobody asked for."""
        if self.sock is None or self._was_broken_off:
            return False
        return not has_input(self.sock) or (self.route.scheme == "https" and has_only_tickets(self.sock))

    def connect(self, exchange: Exchange) -> None:
        """Connect to the first address that answers, after checking each, through the proxy if there is one."""
        self.close()
        exchange.await_answer(exchange.limits.connect, "no connection")
        route = self.route
        sock = self._to_proxy(exchange) if route.proxy else open_socket(exchange, route.host, route.port)
        try:
            if route.scheme == "https":
                if route.proxy:
                    self._tunnel(sock)
                sock = with_tls(sock, self._contexts(route.netloc), route.host)
        except BaseException:
            sock.close()
            raise
        self.sock = sock

    def request(
        self, exchange: Exchange, method: str, url: str, headers: Mapping[str, str], body: Body
    ) -> Response:
        """Send one request and read the head of its answer; connects before that if it is not connected."""
        parts = urlsplit(url)
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_KEPT)
        given = {"Host": self.route.authority, **headers}
        if self.route.proxy and self.route.scheme == "http":
            target = f"http://{self.route.authority}{target}"
            given |= _proxy_headers(self.route.proxy)
        head = head_of(method, target, given)
        if self.sock is None:
            self.connect(exchange)
        else:
            exchange.attach(self.sock)
        exchange.transfer()
        self.sock.settimeout(exchange.limits.stall)
        self._send(head, body, exchange)
        limits = exchange.limits
        exchange.await_answer(limits.commit if isinstance(body, Upload) else limits.answer, "no answer")
        self.sock.settimeout(None)  # the watchdog ends what takes too long
        return Response(Incoming(self.sock), method)

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        sock, self.sock = self.sock, None
        self._was_broken_off = False
        if sock is not None:
            sock.close()

    def _send(self, head: bytes, body: Body, exchange: Exchange) -> None:
        self._was_broken_off = True
        try:
            is_whole = send(self.sock, head, body, exchange, is_plain=self.route.scheme == "http")
        except OSError as error:
            if error.errno not in _CLOSED_WHILE_SENDING:
                raise
            is_whole = False
        self._was_broken_off = not is_whole

    def _to_proxy(self, exchange: Exchange) -> Any:
        parts = urlsplit(self.route.proxy or "")
        host, port = _host_and_port(parts)
        try:
            if parts.scheme == "http":
                return open_socket(exchange, host, port, is_proxy=True)
            context = self._contexts(_without_user(parts))
            return with_tls(open_socket(exchange, host, port, is_proxy=True), context, host)
        except OSError as error:
            raise ProxyFault(*error.args) from error

    def _tunnel(self, sock: Any) -> None:
        """Ask the proxy for a connection to the host (RFC 9110, section 9.3.6)."""
        route = self.route
        place = f"{f'[{route.host}]' if ':' in route.host else route.host}:{route.port}"
        sock.sendall(head_of("CONNECT", place, {"Host": place, **_proxy_headers(route.proxy or "")}))
        incoming = Incoming(sock)
        answer = Response(incoming, "CONNECT")
        if not 200 <= answer.status < 300:
            raise ProxyRefused(answer.status)
        if incoming.has_rest:
            raise OSError(errno.EPROTO, "the proxy sent bytes before the host could")


class Connections:
    """Kept connections over one route, at most `most` idle ones. Thread-safe."""

    def __init__(self, route: Route, contexts: Contexts, most: int) -> None:
        self._route, self._contexts, self._most = route, contexts, most
        self._lock = threading.Lock()  # guards the members below: threads take and give connections at once
        self._idle: list[Connection] = []  # always the same list, for the finalizer
        self._is_closed = False
        # For programs that forget to close: the sockets would stay open until the garbage collector warns of them.
        weakref.finalize(self, _close_all, self._idle).atexit = False

    def take(self) -> Connection:
        """An idle connection, the last that was used, or a new one that is not connected yet."""
        while True:
            with self._lock:
                if not self._idle:
                    return Connection(self._route, self._contexts)
                connection = self._idle.pop()
            if connection.is_connected:
                return connection
            connection.close()

    def give(self, connection: Connection) -> None:
        """Keep a connection for a later request, unless enough are kept."""
        with self._lock:
            if not self._is_closed and len(self._idle) < self._most and connection.sock is not None:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they are given back."""
        with self._lock:
            self._is_closed = True
            _close_all(self._idle)


def _close_all(idle: list[Connection]) -> None:
    while idle:
        idle.pop().close()


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise OSError(errno.EINVAL, "its address has no valid port") from error
    if not host or parts.scheme not in _PORTS:
        raise OSError(errno.EINVAL, "its address names no host")
    return host, _PORTS[parts.scheme] if port is None else port


def _without_user(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _proxy_headers(proxy: str) -> dict[str, str]:
    """User name and password in the proxy's URL, as a header for the proxy only."""
    user, separator, _ = urlsplit(proxy).netloc.rpartition("@")
    if not separator:
        return {}
    return {"Proxy-Authorization": f"Basic {b64encode(unquote(user).encode()).decode()}"}
