"""Translates exceptions of sockets and ssl to `Unreachable`."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from release.errors import Unreachable
from release.registry.http.connections import ProxyFault, ProxyRefused
from release.registry.http.retry import NO_SUCH_HOST, NO_TLS, PROXY_REFUSED, TLS_FAULT, TRANSIENT
from release.registry.http.tls_hints import speaks_no_tls, tls_hint
from release.registry.http.watchdog import Exchange

if TYPE_CHECKING:
    import ssl


@contextlib.contextmanager
def translated(exchange: Exchange, url: str) -> Iterator[None]:
    """Raise network errors of a `with` block as `Unreachable`, or as the cancellation's error if the run is cancelled.

    Messages name the host only: path and query may hold secrets.
    """
    try:
        yield
    except OSError as error:
        exchange.check_cancelled()
        raise _fault(error, exchange, host_of(url)) from error


def _fault(error: OSError, exchange: Exchange, host: str) -> Unreachable:
    import ssl  # imported late: plain http needs no TLS

    if exchange.fault is not None:
        ended = Unreachable(f"`{host}`: {exchange.fault}", hint="check the network, or try again later")
        ended.silent = exchange.silent
        return ended
    inner = error.__cause__ if isinstance(error, ProxyFault) else error
    if isinstance(inner, ssl.SSLError):
        return _tls_fault(inner, host)
    if isinstance(error, socket.gaierror):
        return Unreachable(
            f"the host name `{host}` cannot be resolved",
            code=NO_SUCH_HOST,
            hint="check its spelling and the DNS",
        )
    if isinstance(error, ProxyFault):
        return Unreachable(
            f"the proxy for `{host}` does not answer: {_plain(error)}", hint="check HTTPS_PROXY"
        )
    if isinstance(error, ProxyRefused):
        return _refusal(error, host)
    return Unreachable(
        f"`{host}` does not answer as it should: {_plain(error)}",
        hint="see whether the registry is up and the network reaches it, then run again",
    )


def _refusal(error: ProxyRefused, host: str) -> Unreachable:
    if error.status == 407:
        hint = "HTTPS_PROXY needs a user name and a password that the proxy knows, in front of its host"
    elif error.status in TRANSIENT:
        hint = "see whether the registry is up and the proxy reaches it, then run again"
    else:
        hint = (
            f"let the proxy's rules allow `{host}`, or name it in NO_PROXY if it is reached without a proxy"
        )
    code = None if error.status in TRANSIENT else PROXY_REFUSED
    return Unreachable(f"`{host}` is not reached: {_plain(error)}", code=code, hint=hint)


def _tls_fault(error: ssl.SSLError, host: str) -> Unreachable:
    import ssl

    reason = getattr(error, "verify_message", None) or error.reason or _plain(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = tls_hint(error)
        return Unreachable(f"the certificate of `{host}` is not valid: {reason}", code=TLS_FAULT, hint=hint)
    # A handshake that broke off may succeed in a retry; a handshake that the peer refused will not.
    code = None if isinstance(error, ssl.SSLEOFError) else NO_TLS if speaks_no_tls(error) else TLS_FAULT
    return Unreachable(f"no TLS with `{host}`: {reason}", code=code, hint=tls_hint(error))


def _plain(error: OSError) -> str:
    """The reason in an exception, without its number."""
    if error.strerror:
        return error.strerror.lower()
    if isinstance(error, TimeoutError):
        return "time-out"
    text = str(error) or type(error).__name__
    return "".join(character for character in text[:200] if character.isprintable())


def host_of(url: str) -> str:
    """Host and port of a URL, without user, path and query."""
    return urlsplit(url).netloc.rpartition("@")[2]
