"""Asks a registry what a credential may do in one repository, without leaving anything behind there."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec

from release.registry.auth.challenge import scope
from release.registry.deletion.specification import require_deletion
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host

#: The repository in which Docker Hub tells how many pulls are left; asking with HEAD counts as no pull.
#: Source: docs.docker.com, "Docker Hub pull usage and limits".
_HUB, _HUB_QUESTION = "docker.io", "ratelimitpreview/test"
_LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "Docker-RateLimit-Source")
# Characters of a header that are shown. These headers hold a few numbers; a registry may send anything.
_SHOWN = 100


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What a registry's answer says of itself. `date`: the header `Date`; `limits`: the headers about rate limits."""

    date: str | None = None
    limits: Mapping[str, str] = {}


class Rights:
    """The rights of this run's credential in the repository `path` at `host`."""

    def __init__(self, host: Host, path: str) -> None:
        self._host = host
        self._path = path

    def health(self) -> Health:
        """The date and the rate limits in the answer to a HEAD for a tag, whatever its status."""
        path = _HUB_QUESTION if self._host.registry == _HUB else self._path
        call = self._call("HEAD", path, "manifests/latest", "the question for its date and limits", "pull")
        with contextlib.closing(self._host.call(call)) as answer:
            found = {name.lower(): answer.headers.get(name) for name in _LIMITS}
            return Health(
                date=answer.headers.get("Date"),
                limits={name: text[:_SHOWN] for name, text in found.items() if text},
            )

    def exists(self) -> bool:
        """Whether the registry knows the repository. Raises `Denied` if it does not tell."""
        call = self._call("GET", self._path, "tags/list?n=1", f"the question for `{self._path}`", "pull")
        with contextlib.closing(self._host.call(call)) as answer:
            if answer.status not in (200, 404):
                raise self._host.fault(answer, call)
            return answer.status == 200

    def require_deletion(self) -> None:
        """Ask to delete a random digest, which no manifest has.

        Raises `Denied` if the credential may not delete, `DeletionDisabled` if the registry deletes nothing.
        """
        what = f"the question whether manifests of `{self._path}` may be deleted"
        require_deletion(
            self._host,
            lambda digest: self._call("DELETE", self._path, f"manifests/{digest}", what, "delete"),
        )

    def _call(self, method: str, path: str, rest: str, what: str, action: str) -> Call:
        return Call(
            method=method, path=f"/v2/{path}/{rest}", what=what, subject=path, scopes=(scope(path, action),)
        )
