"""Sends one HTTP request and reads its answer: no retries, redirects or authentication. Sizes and times are limited.

Exceptions of urllib3, ssl and sockets are translated here: callers see `Unreachable` (its `code` tells whether a retry
makes sense), `Invalid`, and what `Cancel.check` raises.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import urllib3

from release import __version__
from release.control import Cancel, Deadline
from release.errors import Invalid
from release.oci.verify import CHUNK
from release.registry.http.address_policy import Reach, is_loopback_host
from release.registry.http.connections import Growing, PlainPool, TlsPool, Upload, using
from release.registry.http.network_errors import host_of, translated
from release.registry.http.tls import Trust
from release.registry.http.watchdog import Exchange, Limits, Watchdog
from release.task_group import TaskGroup

if TYPE_CHECKING:
    from release.registry.http.lines import Line, Lines

USER_AGENT = f"shipmark/{__version__}"
# Bytes of an unread body that are read and dropped to keep the connection, mostly faster than a new TLS handshake.
# A longer rest is cut off by closing the connection.
_SHORT_REST = 64 * 1024
# Seconds for reading the unread rest of a body. A slower peer costs more time than a new connection.
_DRAIN_SECONDS = 2.0
# Idle connections kept for each host: `Throttle` allows as many concurrent requests. Others are closed after use.
_CONNECTIONS = 16
Accept = Callable[[Reach], str | None]


def anywhere(_: Reach) -> str | None:
    """Accept every address: for the host that the user named."""
    return None


class Answer:
    """The answer to a request: status, headers and an unread body. Callers `read` the body, or close the answer."""

    def __init__(self, response: Any, exchange: Exchange, done: Callable[[], None], url: str) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self.url = url
        self.reach = exchange.reach
        self._response = response
        self._exchange = exchange
        self._done = done
        self._closed = False

    def read(self, most: int, what: str = "answer") -> bytes:
        """Read the whole body and close the answer. Raises `Invalid` for more than `most` bytes.

        `what`: the body's name in that message.
        """
        with contextlib.closing(self):
            parts: list[bytes] = []
            total = 0
            while data := self.piece(min(CHUNK, most + 1 - total)):
                parts.append(data)
                total += len(data)
                if total > most:
                    raise Invalid(f"the {what} of `{host_of(self.url)}` is larger than {most} bytes")
            return b"".join(parts)

    def piece(self, size: int) -> bytes:
        """Read at most `size` bytes of the body; b"" at its end."""
        with translated(self._exchange, self.url):
            data = cast(bytes, self._response.read(size))
        self._exchange.moved(len(data))
        return data

    def readinto(self, view: memoryview) -> int:
        """Read into `view`; returns the number of bytes, 0 at the end.

        If the connection breaks, bytes that arrived before are returned first.
        """
        with translated(self._exchange, self.url):
            # http.client's `readinto`: that of urllib3 copies the bytes three times.
            count: int = self._response._fp.readinto(view)
        self._exchange.moved(count)
        return count

    def close(self) -> None:
        """Return the connection to its pool, or close it where a long rest of the body is unread."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(Exception):
            self._drain()
        self._response.close()
        self._done()

    def _drain(self) -> None:
        # Reading a short rest is cheaper than a new connection.
        self._exchange.await_answer(_DRAIN_SECONDS, "no end of the answer")
        rest = 0
        while rest <= _SHORT_REST and self._exchange.fault is None:
            data = self._response.read(_SHORT_REST)
            if not data:
                self._response.release_conn()
                return
            rest += len(data)


class Transport:
    """Connection pools for all hosts, shared by all threads."""

    def __init__(
        self,
        *,
        trust: Trust,
        cancel: Cancel,
        deadline: Deadline,
        now: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self._trust = trust
        self._cancel = cancel
        self._deadline = deadline
        self._now = now
        self.limits = limits or Limits()
        self._watchdog = Watchdog()
        self._pools: dict[tuple[str | None, bool], Any] = {}
        # Guards `_pools`: two threads must not make two pool managers for one key; one would never be closed.
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Upload | Growing | None = None,
        accept: Accept = anywhere,
    ) -> Answer:
        """Send one request; returns the answer of any status. `accept`: returns why an address is refused, or None."""
        self._cancel.check()
        exchange = Exchange(
            cancel=self._cancel, deadline=self._deadline, limits=self.limits, now=self._now, accept=accept
        )
        self._watchdog.add(exchange)

        def done() -> None:
            self._watchdog.remove(exchange)

        try:
            with translated(exchange, url), using(exchange):
                response = self._request(method, url, _headers(headers, body), body)
            exchange.transfer()
        except BaseException:
            done()
            raise
        return Answer(response, exchange, done, url)

    def open_ahead(self, url: str, count: int) -> None:
        """Open idle connections to the host of `url`, at once, unless it is reached through a proxy.

        Raises nothing: what needs a connection opens one itself, and reports the error.
        """
        if self._proxy(url) is None:
            group = TaskGroup(jobs=count, name="connect", cancel=self._cancel)
            for _ in range(count):
                group.start(partial(self._open_one, url))

    def lines(self, url: str, count: int) -> Lines | None:
        """At most `count` connections to the host of `url` for one thread; None if it is reached through a proxy."""
        if self._proxy(url) is not None:
            return None
        # Imported late: only plans over many tags read them so.
        from release.registry.http.lines import Lines

        return Lines(partial(self._line, url), count, self._cancel)

    def _line(self, url: str) -> Line:
        from release.registry.http.lines import Line

        exchange = Exchange(
            cancel=self._cancel, deadline=self._deadline, limits=self.limits, now=self._now, accept=anywhere
        )
        self._watchdog.add(exchange)
        return Line(
            self._pool(url).connection_from_url(url), exchange, partial(self._watchdog.remove, exchange)
        )

    def _open_one(self, url: str) -> None:
        exchange = Exchange(
            cancel=self._cancel, deadline=self._deadline, limits=self.limits, now=self._now, accept=anywhere
        )
        self._watchdog.add(exchange)
        try:
            with using(exchange):
                # `urlopen` takes a connection from this pool, and opens it only if it is closed.
                pool = self._pool(url).connection_from_url(url)
                connection = pool._get_conn()
                if not connection.is_connected:
                    connection.connect()
                pool._put_conn(connection)
        finally:
            self._watchdog.remove(exchange)

    def close(self) -> None:
        """Close idle connections and end the watchdog."""
        self._watchdog.stop()
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for manager in pools:
            # `clear` alone leaves open sockets to the garbage collector, which warns.
            for key in manager.pools.keys():  # noqa: SIM118 - it cannot be iterated
                manager.pools[key].close()
            manager.clear()

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Any:
        return self._pool(url).urlopen(
            method,
            url,
            headers=headers,
            body=body,
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=self.limits.stall, read=None),
        )

    def _pool(self, url: str) -> Any:
        parts = urlsplit(url)
        host = parts.netloc
        secure = parts.scheme == "https"
        proxy = self._proxy(url)
        key = (proxy, secure and self._trust.verifies(host))
        with self._lock:
            if key not in self._pools:
                options: dict[str, Any] = {"num_pools": 64, "maxsize": _CONNECTIONS}
                if secure:
                    options["ssl_context"] = self._trust.context(host)
                pool = _through(proxy, options) if proxy else urllib3.PoolManager(**options)
                pool.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
                self._pools[key] = pool
            return self._pools[key]

    def _proxy(self, url: str) -> str | None:
        parts = urlsplit(url)
        return (
            None if is_loopback_host(parts.hostname or "") else self._trust.proxy(parts.scheme, parts.netloc)
        )


def _through(proxy: str, options: dict[str, Any]) -> Any:
    """A pool behind a proxy. User name and password in its URL become a header for the proxy only."""
    parts = urlsplit(proxy)
    user, separator, host = parts.netloc.rpartition("@")
    headers = urllib3.make_headers(proxy_basic_auth=unquote(user)) if separator else None
    return urllib3.ProxyManager(parts._replace(netloc=host).geturl(), proxy_headers=headers, **options)


def _headers(headers: Mapping[str, str] | None, body: bytes | Upload | Growing | None) -> dict[str, str]:
    length: int | None = None
    if isinstance(body, Upload):
        length = body.size
    elif isinstance(body, bytes):
        length = len(body)
    return {
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        **({"Content-Length": str(length)} if length is not None else {}),
        **(headers or {}),
    }
