"""Finds out whether a host speaks http or https. Used only for hosts where plain http is allowed."""

from __future__ import annotations

import msgspec

from release.errors import Invalid, Unreachable
from release.registry.http.address_policy import Reach
from release.registry.http.answer import Answer
from release.registry.http.client import Transport
from release.registry.http.error_body import LARGEST_ERROR
from release.registry.http.retry import NO_TLS, TLS_FAULT

# Bodies with which TLS servers answer plain http: Go's net/http, and nginx.
_PLAIN_TO_TLS = (b"HTTP request to an HTTPS server", b"HTTP request was sent to HTTPS port")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a probe. `base`: scheme and host. `challenge`: the header `WWW-Authenticate`."""

    base: str
    challenge: str | None = None
    reach: Reach | None = None


def probe(transport: Transport, host: str, *, prefer_tls: bool) -> Found:
    """Try both schemes, the likelier first. Raises `Unreachable` with the more helpful of the two errors."""
    plain, secure = f"http://{host}", f"https://{host}"
    first, second = (secure, plain) if prefer_tls else (plain, secure)
    try:
        return _ask(transport, first) or Found(base=second)
    except Unreachable as error:
        try:
            return _ask(transport, second) or Found(base=first)
        except Unreachable as other:
            # A TLS error says more than the failure of plain http at a TLS server. Where the port speaks no TLS, it is
            # the failure of plain http that counts, and that may be passed at the next attempt.
            raise (other if other.code == TLS_FAULT or error.code == NO_TLS else error) from None


def _ask(transport: Transport, base: str) -> Found | None:
    """Send one request to `base`; None if the answer shows that a TLS server got plain http."""
    answer = transport.send("GET", f"{base}/v2/")
    if answer.status == 400:
        body = _read(answer)
        return None if any(words in body for words in _PLAIN_TO_TLS) else Found(base=base, reach=answer.reach)
    challenge = answer.headers.get("WWW-Authenticate") if answer.status == 401 else None
    answer.close()
    return Found(base=base, challenge=challenge, reach=answer.reach)


def _read(answer: Answer) -> bytes:
    try:
        return answer.read(LARGEST_ERROR)
    except Invalid:
        return b""
