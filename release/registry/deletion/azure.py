"""Deletes from Azure Container Registry: tags through its API, manifests by the specification.

Source: learn.microsoft.com/en-us/rest/api/containerregistry, "Tag - Get List", "Tag - Delete", "Manifests - Get List"
and "Manifests - Get Attributes". The API is at the registry's own host and takes its tokens.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from release.errors import Invalid, NotFound
from release.lazy_pattern import pattern
from release.oci.deletion import Abilities, Facts
from release.oci.grammar import is_digest
from release.registry.auth.challenge import scope
from release.registry.deletion.api import PAGE, Api, known, named, newest
from release.registry.deletion.specification import BySpecification, kept_back
from release.registry.hosts.host import Host

#: Registries of Azure: the public cloud, China, and the government of the US.
HOSTS = pattern(r"[a-z0-9-]+\.azurecr\.(?:io|cn|us)", re.ASCII)

T = TypeVar("T")


class _Tag(msgspec.Struct, rename="camel"):
    name: str
    created_time: str | None = None
    last_update_time: str | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    digest: str
    created_time: str | None = None
    last_update_time: str | None = None
    tags: tuple[str, ...] | None = None


class _Tags(msgspec.Struct):
    tags: tuple[_Tag, ...] | None = None


class _Manifests(msgspec.Struct):
    manifests: tuple[_Manifest, ...] | None = None


class _One(msgspec.Struct):
    manifest: _Manifest


class AzureRegistry:
    """The repository `repository`. `specification`: deletes its manifests."""

    name = "the API of Azure Container Registry"

    def __init__(self, host: Host, repository: str, specification: BySpecification) -> None:
        self._repository = repository
        self._specification = specification
        self._path = f"/acr/v1/{'/'.join(map(named, repository.split('/')))}"
        self._reading = Api(host, repository, dict, scopes=(scope(repository, "metadata_read"),))
        self._deleting = Api(host, repository, dict, scopes=(scope(repository, "delete"),))

    def abilities(self) -> Abilities:
        """Tags and manifests."""
        return Abilities(tag=True)

    def facts(self) -> Facts | None:
        """When tags were set and manifests pushed; Azure tells no pulls."""
        moved = known(
            (tag.name, newest(tag.created_time, tag.last_update_time))
            for page in self._pages("_tags", _Tags)
            for tag in page.tags or ()
        )
        manifests = [
            one
            for page in self._pages("_manifests", _Manifests)
            for one in page.manifests or ()
            if is_digest(one.digest)
        ]
        pushed = known((one.digest, newest(one.created_time, one.last_update_time)) for one in manifests)
        digests = tuple(one.digest for one in manifests)
        return Facts(moved=moved, tells_moved=True, pushed=pushed, digests=digests)

    def tags_on(self, digest: str) -> frozenset[str] | None:
        """The tags of the manifest; none for a digest that is not there."""
        what = f"reading the tags of `{digest}`"
        try:
            one = self._reading.get(f"{self._path}/_manifests/{digest}", _One, what)
        except NotFound:
            return frozenset()
        return frozenset(one.manifest.tags or ())

    def delete_tag(self, tag: str) -> None:
        """Delete the tag; its manifest stays, even without a tag. A locked tag is an error."""
        try:
            self._deleting.delete(
                f"{self._path}/_tags/{named(tag)}", f"deleting tag `{tag}` of `{self._repository}`"
            )
        except Invalid as error:
            raise kept_back(error) if error.status == 405 else error from error

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest by the specification. A locked one is an error."""
        self._specification.delete_manifest(digest)

    def _pages(self, list_: str, type_: type[T]) -> list[T]:
        what = f"listing the times of `{self._repository}`"
        return list(self._reading.pages(f"{self._path}/{list_}?n={PAGE}", type_, what))
