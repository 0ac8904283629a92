"""What the simulated vendors have in common: the storage of a real registry, its state, and faults that tests order."""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.support.registries.hostile import Reply, Request
from tests.support.registries.registry import RegistryServer
from tests.support.registries.vendors.internet import Internet

USER, SECRET = "acme-bot", "pat-not-a-secret"
#: When everything was pushed that a test names no other time for.
PUSHED = "2024-05-01T12:00:00Z"


class Held(NamedTuple):
    """A manifest in the storage, and its tags."""

    digest: str
    tags: tuple[str, ...]


class Fault(NamedTuple):
    """An answer in place of the vendor's, to the first request whose method and path match `at`."""

    at: str
    reply: Reply


class Vendor:
    """The hosts of a vendor in front of `registry`. The image is `REGISTRY/REPOSITORY`.

    `refuses`: what the registry itself refuses to delete. `faults`: taken one after another. `page`: entries on a page
    of the API, so that small repositories have several.
    """

    REGISTRY = "registry.example"
    REPOSITORY = "acme/app"
    HOSTS: tuple[str, ...] = ()
    SERVICE = "simulated"
    REALM = "/token"
    refuses: tuple[str, ...] = ("tag", "digest")
    page = 2

    def __init__(self, folder: Path, registry: RegistryServer) -> None:
        self.registry = registry
        self.faults: list[Fault] = []
        self.api_requests: list[Request] = []
        self.times: dict[str, str] = {}
        self.pulls: dict[str, str] = {}
        self.net = Internet(folder, (self._registry_host, *self.HOSTS), self._answer)

    @property
    def _registry_host(self) -> str:
        return self.REGISTRY

    @property
    def image(self) -> str:
        """Return the image's name."""
        return f"{self.REGISTRY}/{self.REPOSITORY}"

    def close(self) -> None:
        """Stop the servers."""
        self.net.close()

    def api(self, request: Request) -> Reply | None:
        """Answer a request to the vendor's API; None for one that is for the registry."""
        raise NotImplementedError

    @property
    def held(self) -> list[Held]:
        """Return every manifest in the storage, in the order of digests."""
        tags = {path.parts[-3]: path.read_text() for path in self._links("tags/*/current/link")}
        digests = [path.read_text() for path in self._links("revisions/sha256/*/link")]
        return [
            Held(digest, tuple(sorted(name for name, on in tags.items() if on == digest)))
            for digest in digests
        ]

    @property
    def tags(self) -> dict[str, str]:
        """Return tag -> digest."""
        return {name: one.digest for one in self.held for name in one.tags}

    def on(self, digest: str) -> Held | None:
        """Return the manifest `digest`, if it is there."""
        return next((one for one in self.held if one.digest == digest), None)

    def children(self, digest: str) -> tuple[str, ...]:
        """Return the digests that an index lists."""
        _, raw = self.registry.manifest(self.REPOSITORY, digest)
        return tuple(child["digest"] for child in json.loads(raw).get("manifests", []))

    def untag(self, tag: str) -> bool:
        """Remove a tag from the storage, as registries do that delete a tag alone."""
        if tag not in self.tags:
            return False
        shutil.rmtree(self._folder / "tags" / tag)
        return True

    def remove(self, digest: str) -> bool:
        """Remove a manifest with its tags from the storage."""
        return (
            self.registry.request("DELETE", f"/v2/{self.REPOSITORY}/manifests/{digest}?harness=1")[0] == 202
        )

    def time(self, name: str) -> str:
        """Return when a tag or digest was pushed."""
        return self.times.get(name, PUSHED)

    @property
    def _folder(self) -> Path:
        return self.registry.root / "docker/registry/v2/repositories" / self.REPOSITORY / "_manifests"

    def _links(self, pattern: str) -> Iterator[Path]:
        yield from sorted(self._folder.glob(pattern))

    def _answer(self, request: Request) -> Reply:
        for fault in list(self.faults):
            if re.search(fault.at, f"{request.method} {request.path}"):
                self.faults.remove(fault)
                return fault.reply
        if (
            not request.path.startswith(("/v2/" + self.REPOSITORY, self.REALM + "?"))
            and request.path != "/v2/"
        ):
            self.api_requests.append(request)
        if (reply := self.api(request)) is not None:
            return reply
        path = urlsplit(request.path)
        if path.path == self.REALM:
            return self._token(request)
        if (refused := self._unauthorized(request)) is not None:
            return refused
        if request.method == "DELETE":
            kind = "digest" if "/manifests/sha256:" in path.path else "tag"
            if kind in self.refuses:
                return refusal(405, "UNSUPPORTED", "The operation is unsupported.")
        return self._forward(request)

    def _token(self, request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        if request.headers.get("authorization") not in (basic(), basic("$oauthtoken")):
            return refusal(401, "UNAUTHORIZED", "authentication required")
        token = base64.b64encode(" ".join(query.get("scope", [])).encode()).decode()
        return document({"token": token, "expires_in": 300})

    def _unauthorized(self, request: Request) -> Reply | None:
        needed = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(request.method, "push")
        return (
            None if self.allows(request, needed) else self.challenge(f"repository:{self.REPOSITORY}:{needed}")
        )

    def allows(self, request: Request, action: str) -> bool:
        """Return whether the request's token allows `action` in the repository."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        granted = base64.b64decode(given).decode().split(" ") if given and " " not in given else []
        scope = f"repository:{self.REPOSITORY}:"
        return any(one.startswith(scope) and action in one.removeprefix(scope).split(",") for one in granted)

    def challenge(self, scope: str) -> Reply:
        """Return the answer to a request without a token for `scope`."""
        realm = (
            f'Bearer realm="https://{self._realm_host}{self.REALM}",service="{self.SERVICE}",scope="{scope}"'
        )
        return Reply(
            401,
            {"WWW-Authenticate": realm},
            json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}).encode(),
        )

    @property
    def _realm_host(self) -> str:
        return self._registry_host

    def _forward(self, request: Request) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.registry.port, timeout=20)
        try:
            passed = ("content-type", "accept", "range", "content-range")
            headers = {name: value for name, value in request.headers.items() if name in passed}
            connection.request(request.method, request.path, body=request.body or None, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _OWN}
            if location := answer.getheader("Location"):
                parts = urlsplit(location)
                kept["Location"] = parts.path + (f"?{parts.query}" if parts.query else "")
            return Reply(
                answer.status, kept, body, length=int(answer.getheader("Content-Length") or len(body))
            )
        finally:
            connection.close()


_OWN = frozenset({"content-length", "connection", "location", "date"})


def basic(user: str = USER, secret: str = SECRET) -> str:
    """Return the header of a user name and a password."""
    return f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"


def document(value: Any, status: int = 200, *, link: str = "") -> Reply:
    """Return an answer with a JSON document. `link`: the header `Link`."""
    headers = {"Content-Type": "application/json", **({"Link": link} if link else {})}
    return Reply(status, headers, json.dumps(value).encode())


def refusal(status: int, code: str, message: str) -> Reply:
    """Return an error in the form of the distribution specification."""
    return document({"errors": [{"code": code, "message": message}]}, status)


def number(request: Request, name: str, default: int = 1) -> int:
    """Return a number of the request's query."""
    return int(parse_qs(urlsplit(request.path).query).get(name, [str(default)])[0])
