"""The token server of a registry with bearer authentication, run by the tests on loopback.

The server answers `GET` and `POST` (OAuth2 form) with a signed JSON Web Token for the requested scopes. Source: the
distribution project's token authentication specification and its JWT profile.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import load_pem_x509_certificate

from tests.support.registries.tls import Authority

ISSUER = "shipmark tests"
SERVICE = "registry under test"

#: docker-registry still accepts a token this many seconds after `exp`.
LEEWAY = 60


class TokenRequest(NamedTuple):
    """One request for a token. `account`: None for an anonymous request. `status`: the HTTP status of the answer."""

    method: str
    scopes: tuple[str, ...]
    account: str | None
    authorization: str | None
    status: int


class TokenServer:
    """Signs tokens with a key that `authority` has certified. `tls`: serve over TLS, with a certificate of `authority`.

    Attributes that tests may set: `lifetime` (seconds after which the registry refuses a token), `announced` (the
    `expires_in` of the answer, None leaves it out), `anonymous` (actions granted without credentials), `denied`
    (actions granted to nobody), `key` (member of the answer that holds the token: `token` or `access_token`).
    """

    def __init__(self, authority: Authority, *, users: Mapping[str, str], tls: bool = False) -> None:
        self.users = dict(users)
        self.lifetime = 300.0
        self.announced: int | None = 300
        self.anonymous: frozenset[str] = frozenset({"pull"})
        self.denied: frozenset[str] = frozenset()
        self.key = "token"
        self.requests: list[TokenRequest] = []
        self._authority = authority
        leaf = authority.ca.issue_cert("token.signer.invalid")
        key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        certificate = load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
        self._x5c = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        self._scheme = "https" if tls else "http"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        if tls:
            self._server.socket = _wrapped(self._server.socket, authority)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def host(self) -> str:
        """Return the token server's address, `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def realm(self) -> str:
        """Return the URL of the token server that the registry names in its challenge."""
        return f"{self._scheme}://{self.host}/token"

    def registry_config(self) -> dict[str, Any]:
        """Return the `auth.token` section of docker-registry's configuration."""
        return {
            "realm": self.realm,
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(self._authority.path),
        }

    def close(self) -> None:
        """Stop the token server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def token(self, account: str | None, scopes: tuple[str, ...]) -> str:
        """Return a token with the actions of `scopes` (`repository:app:pull,push`) that `account` is granted."""
        now = time.time()
        claims = {
            "iss": ISSUER,
            "sub": account or "",
            "aud": SERVICE,
            "exp": int(now + self.lifetime - LEEWAY),
            "nbf": int(now - 120),
            "iat": int(now - 120),
            "jti": secrets.token_hex(8),
            "access": [self._grant(account, scope) for scope in scopes],
        }
        header = {"typ": "JWT", "alg": "ES256", "x5c": [self._x5c]}
        signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def _grant(self, account: str | None, scope: str) -> dict[str, Any]:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = {action for action in actions.split(",") if account or action in self.anonymous}
        return {"type": kind, "name": name, "actions": sorted(allowed - self.denied)}

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, Any]]:
        """Return the HTTP status and the JSON document for one token request, and record the request."""
        authorization = handler.headers.get("Authorization")
        query = parse_qs(urlsplit(handler.path).query)
        account, known = self._basic(authorization)
        if handler.command == "POST":
            size = int(handler.headers.get("Content-Length") or 0)
            query = parse_qs(handler.rfile.read(size).decode())
            account, known = self._form(query)
        scopes = tuple(scope for value in query.get("scope", []) for scope in value.split())
        status = 200 if known else 401
        self.requests.append(TokenRequest(handler.command, scopes, account, authorization, status))
        if not known:
            return status, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user name or password"}]}
        document: dict[str, Any] = {self.key: self.token(account, scopes)}
        if self.announced is not None:
            document["expires_in"] = self.announced
        return status, document

    def _basic(self, authorization: str | None) -> tuple[str | None, bool]:
        if authorization is None:
            return None, True
        name, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return name, self.users.get(name) == password

    def _form(self, query: Mapping[str, list[str]]) -> tuple[str | None, bool]:
        # An identity token travels as `refresh_token`; here it is the password of the only user.
        if query.get("grant_type") == ["refresh_token"]:
            given = query.get("refresh_token", [""])[0]
            name = next((user for user, password in self.users.items() if password == given), None)
            return name, name is not None
        name = query.get("username", [""])[0]
        return name, self.users.get(name) == query.get("password", [""])[0]


def _wrapped(listener: socket.socket, authority: Authority) -> ssl.SSLSocket:
    certificate, key = authority.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake belongs to the thread of its connection: a client that stops in it must not stop the others.
    return context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _handler_for(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, document = server.answer(self)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            # One request a connection: a kept one would hold its thread until the client goes away.
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    return Handler
