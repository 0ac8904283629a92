"""Fetches bearer tokens from the realm that a registry names, and keeps them until shortly before they expire.

Source: the distribution project's token and OAuth2 specifications. The realm receives our credential. So a realm must
be https unless the registry itself is plain http, must hold no user name, and must not lead from a public registry into
a private network. Redirects of a realm are not followed.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from release.decoding import convert, decode
from release.errors import Denied, Invalid, RegistryError
from release.hints import ODD_ANSWER
from release.lazy_pattern import pattern
from release.registry.auth.challenge import Challenge, covers
from release.registry.auth.credential import Credential
from release.registry.auth.realm import Realms
from release.registry.http.answer import Answer
from release.registry.http.client import Accept, Transport
from release.registry.http.error_body import fault_of, read_refusal
from release.registry.http.retry import retry_after
from release.secrets.known import Secrets

_FAILED = "the registry's token server failed: run again later; its own log says why"

# Bytes of a token answer that are read.
# A token is sent in a header, and servers take headers of 8 to 64 KiB; bounds the memory that a hostile realm can fill.
_LARGEST = 64 * 1024
# Seconds that a token is valid where the answer has no usable `expires_in`. Source: distribution's token specification.
_DEFAULT_LIFE = 60.0
# Seconds before its expiry at which a token is replaced, or at half its life if that is later.
# Without a margin, a token could expire while a request that carries it is sent.
# A larger margin would fetch short-lived tokens more often.
_MARGIN = 60.0
_CLIENT = "shipmark"
_SAFE = pattern(r"[!-~]+")


class _Grant(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token. `fresh_until`: the time, on the monotonic clock, after which a new token is fetched."""

    text: str
    fresh_until: float

    def __repr__(self) -> str:
        return "Token(…)"

    __str__ = __repr__


Key = tuple[str, str, tuple[str, ...]]


class Tokens:
    """The tokens of one registry. Thread-safe: threads that need the same token share one request.

    `accept`: judges the address of the realm. `secure`: whether the registry speaks TLS.
    """

    def __init__(
        self,
        *,
        host: str,
        transport: Transport,
        accept: Accept,
        secure: Callable[[], bool],
        secrets: Secrets,
        clock: Callable[[], float],
        wall: Callable[[], int],
        notice: Callable[[str], None],
    ) -> None:
        self._host = host
        self._realms = Realms(host=host, secure=secure, notice=notice)
        self._transport = transport
        self._accept = accept
        self._secrets = secrets
        self._clock = clock
        self._wall = wall
        # `_lock` guards the dictionaries below.
        # A lock of `_locks` is held during the request for one token, so that threads that need it share one request.
        self._lock = threading.Lock()
        self._locks: dict[Key, threading.Lock] = {}
        self._known: dict[Key, Token] = {}

    def get(self, challenge: Challenge, scopes: tuple[str, ...], credential: Credential) -> str:
        """A token for `scopes`, fetched unless a fresh one is known. Raises `Denied`, `Invalid`, `Unreachable`."""
        key = _key(challenge, scopes)
        # One lock for each token, so that a slow realm holds up only the threads that need its answer.
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            known = self._known.get(key) or self._wider(key)
            if known is None or self._clock() >= known.fresh_until:
                known = self._fetch(challenge, scopes, credential)
                with self._lock:
                    self._known[key] = known
            return known.text

    def _wider(self, key: Key) -> Token | None:
        """A fresh token that allows the actions of `key` and more in the same repository, or None."""
        realm, service, scopes = key
        with self._lock:
            known = list(self._known.items())
        for (other, name, held), token in known:
            fits = (other, name) == (realm, service) and len(held) == len(scopes) == 1
            if fits and covers(held[0], scopes[0]) and self._clock() < token.fresh_until:
                return token
        return None

    def forget(self, text: str) -> None:
        """Drop a token that the registry refused, and the other tokens for its repositories.

        What ends one token before its time, such as a new key of the realm, ends the others, too. A token that another
        thread has replaced already is ignored: that thread has dropped the others.
        """
        with self._lock:
            refused = {
                place for key, token in self._known.items() if token.text == text for place in _places(key)
            }
            for key in [key for key in self._known if refused & _places(key)]:
                del self._known[key]

    def _fetch(self, challenge: Challenge, scopes: tuple[str, ...], credential: Credential) -> Token:
        realm = self._realms.require(challenge.parameters["realm"])
        service = challenge.parameters.get("service", "")
        if credential.kind == "identity":
            answer = self._exchange_identity(realm, service, scopes, credential)
            if answer.status in (404, 405):
                answer.close()
                answer = self._ask(realm, service, scopes, credential)
        else:
            answer = self._ask(realm, service, scopes, credential)
        return self._read(answer, credential, urlsplit(realm).netloc)

    def _ask(self, realm: str, service: str, scopes: tuple[str, ...], credential: Credential) -> Answer:
        parts = urlsplit(realm)
        query = parse_qsl(parts.query, keep_blank_values=True)
        query += [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        headers = {}
        if credential.kind != "anonymous":
            headers["Authorization"] = basic(credential, self._secrets)
        url = parts._replace(query=urlencode(query), fragment="").geturl()
        return self._transport.send("GET", url, headers=headers, accept=self._accept)

    def _exchange_identity(
        self, realm: str, service: str, scopes: tuple[str, ...], credential: Credential
    ) -> Answer:
        self._secrets.add(credential.secret)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credential.secret,
            "service": service,
            "scope": " ".join(scopes),
            "client_id": _CLIENT,
        }
        return self._transport.send(
            "POST",
            realm,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            accept=self._accept,
        )

    def _read(self, answer: Answer, credential: Credential, realm: str) -> Token:
        if answer.status != 200:
            raise self._refused(answer, credential, realm)
        try:
            # Go, in which docker, crane and skopeo are written, takes members in any case.
            document = decode(answer.read(_LARGEST, "token"), dict[str, Any])
            grant = convert({name.lower(): value for name, value in document.items()}, _Grant, strict=False)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Invalid(f"`{realm}` answered something that is not a token", hint=ODD_ANSWER) from error
        text = grant.token or grant.access_token or ""
        if not _SAFE.fullmatch(text):
            raise Invalid(f"`{realm}` answered a token that is empty or cannot be a header", hint=ODD_ANSWER)
        self._secrets.add(text)
        stated = grant.expires_in or 0.0
        life = stated if 0 < stated < 1e9 else _DEFAULT_LIFE
        return Token(text=text, fresh_until=self._clock() + life - min(_MARGIN, life / 2))

    def _refused(self, answer: Answer, credential: Credential, realm: str) -> RegistryError:
        wait = retry_after(answer.headers.get("Retry-After"), self._wall())
        clean = read_refusal(answer.read(_LARGEST, "token error"), self._secrets.scrub, any_form=True)
        if 300 <= answer.status < 400:
            return Invalid(
                f"`{realm}` redirects requests for tokens, which is not followed",
                status=answer.status,
                hint=ODD_ANSWER,
            )
        what = f"the request for a token for `{self._host}` (credential: {credential.source})"
        if answer.status in (400, 401, 403):
            said = ": ".join(part for part in (clean.code, clean.message) if part)
            return Denied(
                f"`{realm}` refused {what}: {answer.status}{f' {said}' if said else ''}",
                hint=f"check the user name and password, or log in again: `docker login {self._host}`",
                status=answer.status,
                code=clean.code or None,
            )
        return fault_of(answer.status, clean, what=what, host=realm, wait=wait, hint=_FAILED)


def basic(credential: Credential, secrets: Secrets) -> str:
    """Return the header value for a user name and password or identity token; its secret is masked from now on."""
    pair = f"{credential.username or '<token>'}:{credential.secret}"
    secrets.add(credential.secret, pair)
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _key(challenge: Challenge, scopes: tuple[str, ...]) -> Key:
    return challenge.parameters["realm"], challenge.parameters.get("service", ""), scopes


def _places(key: Key) -> frozenset[str]:
    """The repositories in the scopes of a token: `repository:acme/app`."""
    return frozenset(scope.rpartition(":")[0] for scope in key[2])
