"""The tags of Quay through its API: when each was set, and their deletion where the registry itself refuses it.

Source: docs.redhat.com, "Red Hat Quay API reference", `listRepoTags` and `deleteFullTag`. The API takes an OAuth
access token, with which one logs in as `$oauthtoken`; it takes no robot account. Public repositories need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from release.oci.deletion import Facts
from release.registry.deletion.api import PAGE, Api, ApiHost, named
from release.registry.hosts.host import Host

#: The path of the realm in Quay's challenge, by which a Quay of one's own is known.
REALM: Final = "/v2/auth"
_OAUTH_USER = "$oauthtoken"
NEEDS: Final = (
    f"Quay's API takes an OAuth token with `repo:write`, as the password of the user `{_OAUTH_USER}`"
)
_SECOND = 1000


class _Tag(msgspec.Struct):
    name: str
    start_ts: int | None = None
    end_ts: int | None = None


class _Page(msgspec.Struct):
    tags: tuple[_Tag, ...]
    has_additional: bool = False


class QuayTags:
    """The tags of `repository`, `acme/app`."""

    name = "the Quay API"

    def __init__(self, api: Api, repository: str) -> None:
        self._api = api
        self._repository = repository
        self._path = "/api/v1/repository/" + "/".join(map(named, repository.split("/")))

    def facts(self) -> Facts | None:
        """When each tag was set."""
        moved: dict[str, int] = {}
        what = f"listing the tags of `{self._repository}`"
        for page in self._api.numbered(
            lambda number: f"{self._path}/tag/?limit={PAGE}&page={number}&onlyActiveTags=true", _Page, what
        ):
            moved |= {
                one.name: one.start_ts * _SECOND
                for one in page.tags
                if one.start_ts is not None and one.end_ts is None
            }
            if not page.has_additional or not page.tags:
                break
        return Facts(moved=moved, tells_moved=True)

    def delete_tag(self, tag: str) -> None:
        """Delete the tag."""
        self._api.delete(f"{self._path}/tag/{named(tag)}", f"deleting tag `{tag}` of `{self._repository}`")


def quay_tags(host: Host, repository: str, api_host: str) -> QuayTags:
    """The tags of `repository`. `host`: the registry, whose credential is used."""
    api = ApiHost(host, api_host, needs=NEEDS)

    def headers() -> Mapping[str, str]:
        credential = api.authorization.credential(repository)
        if credential.username != _OAUTH_USER:
            return {}
        return {"Authorization": f"Bearer {credential.secret}"}

    return QuayTags(Api(api, repository, headers), repository)
