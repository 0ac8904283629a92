"""Servers over TLS that behave like Docker Hub and others with tokens; a real registry behind them stores images.

Whatever the simulated rules let through is forwarded, so that tests read the end state from that registry's storage.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.registry import RegistryServer
from tests.support.registries.tls import Authority

USER, SECRET = "acme", "pat-not-a-secret"
REFRESH = "refresh-not-a-secret"


class _Simulated:
    """A server in front of `registry`, over TLS. `tokens`: requests for tokens.

    `folder`: gets the certificate; None: the server speaks plain http. `ca`: the file of the authority.
    """

    def __init__(self, folder: Path | None, registry: RegistryServer) -> None:
        self.registry = registry
        context = None
        if folder is not None:
            authority = Authority(folder)
            self.ca = str(authority.path)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*authority.issue("127.0.0.1"))
        self.tokens: list[Request] = []
        self.counts: Counter[str] = Counter()
        #: Requests that arrived at storage hosts, which must never get a credential.
        self.storage = HostileServer(self._store, tls=context)
        self.server = HostileServer(self._answer, tls=context)

    @property
    def host(self) -> str:
        """Return the simulated registry's address, `127.0.0.1:PORT`."""
        return self.server.host

    def close(self) -> None:
        """Stop the servers."""
        self.server.close()
        self.storage.close()

    def _answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def _store(self, request: Request) -> Reply:
        """Answer for the storage host: forward to the registry; refuse requests with a credential, as Azure does."""
        if "authorization" in request.headers:
            return Reply(400, {}, b"<Error><Code>InvalidAuthenticationInfo</Code></Error>")
        return self._forward(request)

    def _forward(self, request: Request) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.registry.port, timeout=20)
        try:
            passed = ("content-type", "accept", "range", "content-range")
            headers = {name: value for name, value in request.headers.items() if name in passed}
            connection.request(request.method, request.path, body=request.body or None, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _OWN_HEADERS}
            if location := answer.getheader("Location"):
                # Relative, as Azure and others write it.
                parts = urlsplit(location)
                kept["Location"] = parts.path + (f"?{parts.query}" if parts.query else "")
            length = int(answer.getheader("Content-Length") or len(body))
            return Reply(answer.status, kept, body, length=length)
        finally:
            connection.close()

    def _refused(self, request: Request, path: str) -> Reply | None:
        """Return the answer 401 to a request without a token for the repository in `path`; None if it has one."""
        action = "pull" if request.method in ("GET", "HEAD") else "push"
        if request.method == "DELETE" and "/manifests/" in path:
            action = "delete"
        repository = re.split("/(?:manifests|blobs|tags|referrers)/", path.removeprefix("/v2/"))[0]
        return self._bearer(request, f"repository:{repository}:{action}")

    def _bearer(self, request: Request, scope: str) -> Reply | None:
        """Return the answer 401 to a request without a token for `scope`; None for a request with such a token."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        granted = base64.b64decode(given).decode().split(" ") if given else []
        name, _, action = scope.rpartition(":")
        if any(one.startswith(f"{name}:") and action in one.rpartition(":")[2].split(",") for one in granted):
            return None
        challenge = f'Bearer realm="{self.server.url}/token",service="simulated",scope="{scope}"'
        return Reply(401, {"WWW-Authenticate": challenge}, _error("UNAUTHORIZED", "authentication required"))

    def _grant(self, scopes: list[str], member: str) -> Reply:
        """Return an answer with a token that lists the scopes it grants, and has a number that no other token has."""
        self.counts["granted"] += 1
        token = base64.b64encode(f"{' '.join(scopes)} {self.counts['granted']}".encode()).decode()
        return Reply(
            200, {"Content-Type": "application/json"}, json.dumps({member: token, "expires_in": 300}).encode()
        )


_OWN_HEADERS = frozenset({"content-length", "connection", "location", "date"})


class Hub(_Simulated):
    """Behaves like Docker Hub: gives tokens for a personal access token, limits reads of manifests, pages tags by 100.

    `reads`: how many GETs of manifests pass before one gets 429. `waits`: the header `Retry-After` of that answer.
    """

    reads = 1000
    waits = "1"

    def _answer(self, request: Request) -> Reply:
        path = urlsplit(request.path)
        if path.path == "/token":
            return self._token(request)
        if (refused := self._refused(request, path.path)) is not None:
            return refused
        if path.path.endswith("/tags/list") and int(parse_qs(path.query).get("n", ["0"])[0]) > 100:
            return Reply(400, {}, _error("PAGINATION_NUMBER_INVALID", "invalid number of results requested"))
        if request.method == "GET" and "/manifests/" in path.path:
            self.counts["reads"] += 1
            if self.counts["reads"] > self.reads:
                self.reads += 1000
                limits = {"Retry-After": self.waits, "RateLimit-Limit": "100;w=21600"}
                return Reply(429, limits, _error("TOOMANYREQUESTS", "You have reached your pull rate limit"))
        return self._forward(request)

    def _token(self, request: Request) -> Reply:
        self.tokens.append(request)
        pair = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            return Reply(401, {}, b'{"details": "incorrect username or password"}')
        return self._grant(parse_qs(urlsplit(request.path).query).get("scope", []), "token")


class Azure(_Simulated):
    """Behaves like Azure Container Registry: gives tokens for refresh tokens, redirects blobs and uploads."""

    def _answer(self, request: Request) -> Reply:
        path = urlsplit(request.path)
        if path.path == "/token":
            return self._token(request)
        if (refused := self._refused(request, path.path)) is not None:
            return refused
        if "/blobs/" in path.path and (request.method == "GET" or (request.method == "PUT" and request.body)):
            self.counts[f"{request.method} redirected"] += 1
            return Reply(307, {"Location": f"{self.storage.url}{request.path}"})
        return self._forward(request)

    def _token(self, request: Request) -> Reply:
        self.tokens.append(request)
        form = parse_qs(request.body.decode())
        if request.method != "POST" or form.get("refresh_token") != [REFRESH]:
            said = {
                "error": "invalid_grant",
                "error_description": "the refresh token is not for this registry",
            }
            return Reply(401, {}, json.dumps(said).encode())
        return self._grant(
            [word for text in form.get("scope", []) for word in text.split(" ")], "access_token"
        )


class ShortLived(_Simulated):
    """Refuses tokens that have expired: after `uses` requests, and all of them right before the request `expires_at`.

    `in_one`: whether a blob may be sent in one request. `refused`, `passed`: method and path of the requests whose
    token had expired, and of the requests that the registry got.
    """

    uses = 1_000_000
    in_one = True

    def __init__(self, registry: RegistryServer) -> None:
        self.refused: list[str] = []
        self.passed: list[str] = []
        self._used: Counter[str] = Counter()
        self._until: int | None = None
        self._expired = 0  # the highest number of an expired token
        super().__init__(None, registry)

    def expire_at(self, number: int) -> None:
        """Let all tokens expire right before the request `number` from now on, which is counted from 1."""
        self._until = number
        self.refused.clear()

    def _answer(self, request: Request) -> Reply:
        path = urlsplit(request.path)
        if path.path == "/token":
            self.tokens.append(request)
            return self._grant(parse_qs(path.query).get("scope", []), "token")
        if (refused := self._refused(request, path.path)) is not None:
            return refused
        token = request.headers["authorization"].removeprefix("Bearer ")
        if self._has_expired(token):
            self.refused.append(f"{request.method} {path.path}")
            challenge = f'Bearer realm="{self.server.url}/token",service="simulated",error="invalid_token"'
            return Reply(
                401, {"WWW-Authenticate": challenge}, _error("UNAUTHORIZED", "the token has expired")
            )
        if not self.in_one and request.method == "PUT" and request.body and "/blobs/" in path.path:
            return Reply(413, {}, _error("SIZE_INVALID", "send it in chunks"))
        self.passed.append(f"{request.method} {path.path}")
        return self._forward(request)

    def _has_expired(self, token: str) -> bool:
        number = int(base64.b64decode(token).decode().split(" ")[-1])
        if self._until is not None:
            self._until -= 1
            if not self._until:
                self._until, self._expired = None, self.counts["granted"]
        self._used[token] += 1
        return number <= self._expired or self._used[token] > self.uses


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()
