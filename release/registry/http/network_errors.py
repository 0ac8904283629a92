"""Translates exceptions of sockets, ssl and urllib3 to `Unreachable`."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError, NameResolutionError, ProxyError, SSLError

from release.errors import Unreachable
from release.registry.http.retry import NO_SUCH_HOST, TLS_FAULT
from release.registry.http.watchdog import Exchange


@contextlib.contextmanager
def translated(exchange: Exchange, url: str) -> Iterator[None]:
    """Raise network errors of a `with` block as `Unreachable`, or as the cancellation's error if the run is cancelled.

    Messages name the host only: path and query may hold secrets.
    """
    try:
        yield
    except (HTTPError, OSError, http.client.HTTPException) as error:
        exchange.check_cancelled()
        raise _fault(error, exchange, host_of(url)) from error


def _fault(error: BaseException, exchange: Exchange, host: str) -> Unreachable:
    if exchange.fault is not None:
        ended = Unreachable(f"`{host}`: {exchange.fault}", hint="check the network, or try again later")
        ended.silent = exchange.silent
        return ended
    inner = _cause(error, (ssl.SSLError, ssl.CertificateError))
    if inner is not None or isinstance(error, SSLError):
        return _tls_fault(inner or error, host)
    if _cause(error, (NameResolutionError,)) is not None:
        return Unreachable(
            f"the host name `{host}` cannot be resolved",
            code=NO_SUCH_HOST,
            hint="check its spelling and the DNS",
        )
    if isinstance(error, ProxyError):
        return Unreachable(
            f"the proxy for `{host}` does not answer: {_plain(error)}", hint="check HTTPS_PROXY"
        )
    return Unreachable(
        f"`{host}` does not answer as it should: {_plain(error)}",
        hint="see whether the registry is up and the network reaches it, then run again",
    )


def _tls_fault(error: BaseException, host: str) -> Unreachable:
    reason = getattr(error, "verify_message", None) or getattr(error, "reason", None) or _plain(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "if a private authority signed it, name its file in SHIPMARK_CA_FILE (or all in SSL_CERT_FILE)"
        return Unreachable(f"the certificate of `{host}` is not valid: {reason}", code=TLS_FAULT, hint=hint)
    # A handshake that broke off may succeed in a retry; a handshake that the peer refused will not.
    code = None if isinstance(error, ssl.SSLEOFError) else TLS_FAULT
    return Unreachable(f"no TLS with `{host}`: {reason}", code=code)


def _cause(error: BaseException, kinds: tuple[type[BaseException], ...]) -> BaseException | None:
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None or isinstance(seen, kinds):
            return seen
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = getattr(seen, "original_error", None) or inner or seen.__cause__ or seen.__context__
    return None


def _plain(error: BaseException) -> str:
    """The reason in an exception, without urllib3's object names and without URLs."""
    inner = _cause(error, (OSError, http.client.HTTPException)) or error
    if isinstance(inner, http.client.IncompleteRead):
        return "the answer ended early"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    if isinstance(inner, TimeoutError):
        return "time-out"
    text = str(inner).rpartition("object at 0x")[2].partition(">: ")[2] or str(inner) or type(inner).__name__
    return "".join(character for character in text[:200] if character.isprintable())


def host_of(url: str) -> str:
    """Host and port of a URL, without user, path and query."""
    return urlsplit(url).netloc.rpartition("@")[2]
