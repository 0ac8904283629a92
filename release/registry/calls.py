"""Makes the requests to one repository of a host."""

from __future__ import annotations

from release.registry.auth.challenge import scope
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host


class Calls:
    """Makes requests. `name`: `ghcr.io/acme/app`. `slug`: its part behind the host, `acme/app`."""

    def __init__(self, host: Host, name: str, slug: str) -> None:
        self.host = host
        self.name = name
        self._slug = slug

    def make(
        self,
        method: str,
        path: str,
        what: str,
        *,
        actions: tuple[str, ...] = ("pull",),
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Call:
        """A request to `path` below the repository. `actions`: what the token must allow."""
        return Call(
            method=method,
            path=f"/v2/{self._slug}/{path}",
            what=what,
            subject=self._slug,
            scopes=(scope(self._slug, *actions),),
            headers=headers or {},
            body=body,
        )
