"""Deletes from ghcr.io through the GitHub Packages API, since the registry itself deletes nothing.

Source: docs.github.com/en/rest/packages/packages, "List package versions" and "Delete package version". A version of a
package is a manifest with all of its tags: a tag alone cannot be deleted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from release.errors import Invalid, NotFound
from release.oci.deletion import Abilities, Facts
from release.oci.grammar import is_digest
from release.registry.deletion.api import PAGE, Api, ApiHost, known, named, newest
from release.registry.hosts.host import Host

REGISTRY: Final = "ghcr.io"
API_HOST: Final = "api.github.com"
# Source: docs.github.com, "Deleting and restoring a package"; the API answers 400 with the reason.
_KEPT: Final = (
    "GitHub keeps the last version of a package that has a tag, and public versions with more than 5,000 downloads: "
    "let the policy keep one, or delete the package"
)
#: What the token must allow, for hints.
NEEDS: Final = "deleting takes a token with the scopes `read:packages` and `delete:packages`"


class _Container(msgspec.Struct):
    tags: tuple[str, ...] = ()


class _Metadata(msgspec.Struct):
    container: _Container = msgspec.field(default_factory=_Container)


class _Version(msgspec.Struct):
    id: int
    name: str
    created_at: str | None = None
    updated_at: str | None = None
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class GithubPackages:
    """The package of the image `repository`, `acme/app`."""

    name = "the GitHub Packages API"

    def __init__(self, api: Api, repository: str) -> None:
        owner, _, package = repository.partition("/")
        self._api = api
        self._repository = repository
        # An organisation's package is not found below `users`, and the other way round.
        self._places = [
            f"/{kind}/{named(owner)}/packages/container/{named(package)}" for kind in ("orgs", "users")
        ]
        # Guards both members below.
        self._lock = threading.Lock()
        self._place: str | None = None
        self._ids: dict[str, int] = {}

    def abilities(self) -> Abilities:
        """Manifests only."""
        return Abilities(tag=False)

    def facts(self) -> Facts | None:
        """When each version was pushed or changed. When a tag was set is not told."""
        versions = self._list()
        return Facts(
            pushed=known((one.name, newest(one.created_at, one.updated_at)) for one in versions),
            digests=tuple(one.name for one in versions),
        )

    def tags_on(self, digest: str) -> frozenset[str] | None:
        """The tags of the version; none for a digest without a version."""
        try:
            version = self._api.get(self._path(digest), _Version, f"reading the tags of `{digest}`")
        except NotFound:
            return frozenset()
        return frozenset(version.metadata.container.tags)

    def delete_tag(self, tag: str) -> None:
        """Raise `Invalid`: the API deletes whole versions."""
        raise Invalid(
            f"`{REGISTRY}` cannot delete the tag `{tag}` alone: its API deletes a version with all of its tags",
            hint="deleting the digest removes every tag on it",
        )

    def require_tag(self, tag: str) -> None:
        """Raise `Invalid`, as `delete_tag` does."""
        self.delete_tag(tag)

    def require_manifest(self) -> None:
        """Nothing is known before: an attempt tells."""

    def delete_manifest(self, digest: str) -> None:
        """Delete the version. Raises `NotFound` for a digest that is no version of the package."""
        try:
            self._api.delete(self._path(digest), f"deleting `{digest}` of `{self._repository}`")
        except Invalid as error:
            if error.status == 400:
                raise Invalid(error.message, hint=_KEPT, status=400, code=error.code) from error
            raise
        with self._lock:
            self._ids.pop(digest, None)

    def _path(self, digest: str) -> str:
        with self._lock:
            known, place = self._ids.get(digest), self._place
        if known is None or place is None:
            self._list()
            with self._lock:
                known, place = self._ids.get(digest), self._place
        if known is None or place is None:
            raise NotFound(
                f"`{self._repository}` has no version `{digest}`",
                hint="somebody else deleted it: run again, and it is not counted any more",
            )
        return f"{place}/versions/{known}"

    def _list(self) -> list[_Version]:
        place, versions = self._read()
        with self._lock:
            self._place, self._ids = place, {one.name: one.id for one in versions}
        return versions

    def _read(self) -> tuple[str, list[_Version]]:
        for place in self._places:
            try:
                return place, list(self._versions(place))
            except NotFound as error:
                missing = error
        raise missing

    def _versions(self, place: str) -> Iterator[_Version]:
        what = f"listing the versions of `{self._repository}`"
        for page in self._api.pages(
            f"{place}/versions?per_page={PAGE}&state=active", tuple[_Version, ...], what
        ):
            yield from (one for one in page if is_digest(one.name))


def github_packages(host: Host, repository: str) -> GithubPackages:
    """The package of `repository`. `host`: the registry, whose credential is used."""
    api = ApiHost(host, API_HOST, needs=NEEDS)

    def headers() -> Mapping[str, str]:
        secret = api.authorization.credential(repository).secret
        token = {"Authorization": f"Bearer {secret}"} if secret else {}
        return {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", **token}

    return GithubPackages(Api(api, repository, headers), repository)
