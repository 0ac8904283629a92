"""Deletes tags from Docker Hub through its API. Manifests cannot be deleted: Docker Hub removes unused ones itself.

Source: docs.docker.com/reference/api/hub/latest, "Create access token" and "List repository tags"; a tag is deleted
by the request of Docker's own program, github.com/docker/hub-tool, `pkg/hub/tags.go`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

import msgspec

from release.decoding import decode
from release.errors import Denied, Invalid, NotFound
from release.oci.deletion import Abilities, Facts
from release.registry.deletion.api import PAGE, Api, ApiHost, known, named, newest
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host

REGISTRY: Final = "docker.io"
API_HOST: Final = "hub.docker.com"
#: What the token must allow, for hints.
NEEDS: Final = "deleting takes an access token with the permission Read, Write, Delete"
# Seconds for which a token is used; Docker Hub's are valid for 10 minutes and more.
_FRESH = 300.0
# Bytes of the answer with a token, which has one or two thousand.
_LARGEST_TOKEN = 64 * 1024


class _Tag(msgspec.Struct):
    name: str
    digest: str | None = None
    last_updated: str | None = None
    tag_last_pushed: str | None = None
    tag_last_pulled: str | None = None


class _Page(msgspec.Struct):
    results: tuple[_Tag, ...]
    next: str | None = None


class _Token(msgspec.Struct):
    access_token: str


class DockerHub:
    """The repository `repository`, `acme/app`."""

    name = "the Docker Hub API"

    def __init__(self, api: Api, repository: str) -> None:
        namespace, _, name = repository.partition("/")
        self._api = api
        self._repository = repository
        self._list = f"/v2/namespaces/{named(namespace)}/repositories/{named(name)}/tags"
        self._tags = f"/v2/repositories/{named(namespace)}/{named(name)}/tags"

    def abilities(self) -> Abilities:
        """Tags only."""
        return Abilities(tag=True, manifest=False)

    def facts(self) -> Facts | None:
        """When each tag was pushed and pulled."""
        tags = self._all()
        moved = known((one.name, newest(one.tag_last_pushed, one.last_updated)) for one in tags)
        pulled: dict[str, int] = {}
        for one in tags:
            last = newest(one.tag_last_pulled)
            if last is not None and one.digest:
                pulled[one.digest] = max(last, pulled.get(one.digest, 0))
        return Facts(moved=moved, tells_moved=True, pulled=pulled)

    def tags_on(self, digest: str) -> frozenset[str] | None:
        """None: the API lists no tags of a digest."""
        del digest
        return None

    def delete_tag(self, tag: str) -> None:
        """Delete the tag."""
        self._api.delete(f"{self._tags}/{named(tag)}/", f"deleting tag `{tag}` of `{self._repository}`")

    def require_tag(self, tag: str) -> None:
        """Nothing is known before: an attempt tells."""

    def require_manifest(self) -> None:
        """Raise `Invalid`, as `delete_manifest` does."""
        self.delete_manifest("a digest")

    def delete_manifest(self, digest: str) -> None:
        """Raise `Invalid`: the API deletes tags only."""
        raise Invalid(
            f"Docker Hub cannot delete `{digest}`: its API deletes tags only",
            hint="delete the tags on it: Docker Hub removes what no tag names by itself",
        )

    def _all(self) -> list[_Tag]:
        found: list[_Tag] = []
        what = f"listing the tags of `{self._repository}`"
        for page in self._api.numbered(
            lambda number: f"{self._list}?page={number}&page_size={PAGE}", _Page, what
        ):
            found += page.results
            if not page.next or not page.results:
                break
        return found


class _Login:
    """The headers of requests: a token, for which user name and password are exchanged. Thread-safe."""

    def __init__(self, host: ApiHost, subject: str) -> None:
        self._host = host
        self._subject = subject
        self._now = host.ports.clock.monotonic
        # Guards `_token`, and is held while a token is fetched, so that threads share one request.
        self._lock = threading.Lock()
        self._token: tuple[str, float] | None = None

    def __call__(self) -> Mapping[str, str]:
        credential = self._host.authorization.credential(self._subject)
        if credential.kind != "basic":
            return {}
        with self._lock:
            if self._token is None or self._now() - self._token[1] > _FRESH:
                body = msgspec.json.encode({"identifier": credential.username, "secret": credential.secret})
                self._token = (self._fetch(body), self._now())
            return {"Authorization": f"Bearer {self._token[0]}"}

    def _fetch(self, body: bytes) -> str:
        call = Call(
            method="POST",
            path="/v2/auth/token",
            what="exchanging the credential",
            subject=self._subject,
            scopes=(),
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
        )
        try:
            _, raw = self._host.fetch(call, 200, most=_LARGEST_TOKEN, name="token")
            token = decode(raw, _Token).access_token
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, NotFound) as error:
            raise Denied(
                "Docker Hub gave no token for the user name and the password",
                hint="`docker login` with an access token: a password does not do with two-factor authentication",
            ) from error
        self._host.ports.secrets.add(token)
        return token


def docker_hub(host: Host, repository: str) -> DockerHub:
    """The repository `repository`. `host`: the registry, whose credential is used."""
    api = ApiHost(host, API_HOST, needs=NEEDS)
    return DockerHub(Api(api, repository, _Login(api, repository)), repository)
