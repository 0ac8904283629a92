"""Sends one HTTP request and reads its answer: no retries, redirects or authentication. Sizes and times are limited.

Exceptions of ssl and sockets are translated here: callers see `Unreachable` (its `code` tells whether a retry
makes sense), `Invalid`, and what `Cancel.check` raises.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from release import __version__
from release.control import Cancel, Deadline
from release.registry.http.address_policy import Reach, is_loopback_host
from release.registry.http.answer import Answer
from release.registry.http.bodies import Body, Growing, Upload
from release.registry.http.connections import Connection, Connections, Route, route_to
from release.registry.http.network_errors import translated
from release.registry.http.tls import Trust
from release.registry.http.watchdog import Exchange, Limits, Watchdog
from release.task_group import TaskGroup

if TYPE_CHECKING:
    from release.registry.http.lines import Line, Lines

USER_AGENT = f"shipmark/{__version__}"
# Idle connections kept for each host: `Throttle` allows as many concurrent requests. Others are closed after use.
_CONNECTIONS = 16
# Hosts whose idle connections are kept: a registry may redirect to ever new hosts.
_HOSTS = 64
Accept = Callable[[Reach], str | None]


def anywhere(_: Reach) -> str | None:
    """Accept every address: for the host that the user named."""
    return None


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
        self._kept: dict[Route, Connections] = {}
        # Guards `_kept`: two threads must not keep connections of one route in two places; one would never be closed.
        self._lock = threading.Lock()
        self._is_closed = False

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        accept: Accept = anywhere,
    ) -> Answer:
        """Send one request; returns the answer of any status. `accept`: returns why an address is refused, or None."""
        self._cancel.check()
        exchange = self._exchange(accept)
        connection: Connection | None = None
        try:
            with translated(exchange, url):
                kept = self._connections(url)
                connection = kept.take()
                response = connection.request(exchange, method, url, _headers(headers, body), body)
            exchange.transfer()
        except BaseException:
            if connection is not None:
                connection.close()
            self._watchdog.remove(exchange)
            raise
        return Answer(response, exchange, partial(self._end, exchange, connection, kept), url)

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

        kept = self._connections(url)
        exchange = self._exchange(anywhere)
        return Line(kept, exchange, partial(self._watchdog.remove, exchange))

    def _open_one(self, url: str) -> None:
        exchange = self._exchange(anywhere)
        try:
            kept = self._connections(url)
            connection = kept.take()
            if connection.sock is None:
                connection.connect(exchange)
            kept.give(connection)
        finally:
            self._watchdog.remove(exchange)

    def _exchange(self, accept: Accept) -> Exchange:
        exchange = Exchange(
            cancel=self._cancel, deadline=self._deadline, limits=self.limits, now=self._now, accept=accept
        )
        self._watchdog.add(exchange)
        return exchange

    def _end(
        self, exchange: Exchange, connection: Connection, kept: Connections, may_be_followed: bool
    ) -> None:
        # Removed first: the watchdog must not end a connection that another request uses.
        self._watchdog.remove(exchange)
        if may_be_followed and exchange.fault is None:
            kept.give(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close idle connections and end the watchdog."""
        self._watchdog.stop()
        with self._lock:
            kept, self._kept, self._is_closed = list(self._kept.values()), {}, True
        for connections in kept:
            connections.close()

    def _connections(self, url: str) -> Connections:
        route = route_to(url, self._proxy(url))
        with self._lock:
            kept = self._kept.pop(route, None) or Connections(route, self._trust.context, _CONNECTIONS)
            if self._is_closed:
                # A thread that opens connections ahead outlives a short run: what it opens is not kept.
                kept.close()
                return kept
            self._kept[route] = kept  # the last that was used stands last
            oldest = next(iter(self._kept))
            dropped = self._kept.pop(oldest) if len(self._kept) > _HOSTS else None
        if dropped is not None:
            dropped.close()
        return kept

    def _proxy(self, url: str) -> str | None:
        parts = urlsplit(url)
        return (
            None if is_loopback_host(parts.hostname or "") else self._trust.proxy(parts.scheme, parts.netloc)
        )


def _headers(headers: Mapping[str, str] | None, body: Body) -> dict[str, str]:
    framing: dict[str, str] = {}
    if isinstance(body, Growing):
        framing = {"Transfer-Encoding": "chunked"}
    elif body is not None:
        framing = {"Content-Length": str(body.size if isinstance(body, Upload) else len(body))}
    return {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **framing, **(headers or {})}
