"""Finds out whether a host that may be spoken to over http wants http or https. Nobody else is asked."""

from __future__ import annotations

import msgspec

from release.errors import Invalid, Unreachable
from release.registry.http.address_policy import Reach
from release.registry.http.client import Answer, Transport
from release.registry.http.error_body import LARGEST_ERROR
from release.registry.http.retry import TLS_FAULT

# What servers of TLS say to plain http: Go's, and nginx.
_PLAIN_TO_TLS = (b"HTTP request to an HTTPS server", b"HTTP request was sent to HTTPS port")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """`base`: scheme and host. `challenge`: what it asks for in `WWW-Authenticate`; `reach`: of its address."""

    base: str
    challenge: str | None = None
    reach: Reach | None = None


def probe(transport: Transport, host: str, *, prefer_tls: bool) -> Found:
    """Ask both ways, the likelier first. Raises `Unreachable` with what the more telling attempt said."""
    plain, secure = f"http://{host}", f"https://{host}"
    first, second = (secure, plain) if prefer_tls else (plain, secure)
    try:
        return _ask(transport, first) or Found(base=second)
    except Unreachable as error:
        try:
            return _ask(transport, second) or Found(base=first)
        except Unreachable as other:
            # A broken handshake says more than what plain http got from a TLS server.
            raise (other if other.code == TLS_FAULT else error) from None


def _ask(transport: Transport, base: str) -> Found | None:
    """What answers there, None when it is TLS that was spoken to in plain http."""
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
