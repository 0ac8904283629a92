"""Deletes from Harbor through its API, which tells when artifacts and tags were pushed and pulled.

Source: github.com/goharbor/harbor, `api/v2.0/swagger.yaml`, `listArtifacts`, `getArtifact`, `deleteArtifact`,
`deleteTag`. With an artifact, Harbor deletes its tags, its signatures, and the images of an index that nothing else
needs. The specification's request for a tag would delete the artifact, or be refused: it is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from release.errors import NotFound
from release.oci.deletion import Abilities, Facts
from release.oci.grammar import is_digest
from release.registry.auth.bearer import basic
from release.registry.deletion.api import PAGE, Api, ApiHost, known, named, newest
from release.registry.hosts.host import Host

#: The service in Harbor's challenge, by which a Harbor is known.
SERVICE: Final = "harbor-registry"
NEEDS: Final = "deleting takes the permissions `delete artifact` and `delete tag` in the project"


class _Tag(msgspec.Struct):
    name: str
    push_time: str | None = None
    pull_time: str | None = None


class _Artifact(msgspec.Struct):
    digest: str
    push_time: str | None = None
    pull_time: str | None = None
    tags: tuple[_Tag, ...] | None = None


class Harbor:
    """The repository `repository`, `project/name`."""

    name = "the Harbor API"

    def __init__(self, api: Api, repository: str) -> None:
        project, _, name = repository.partition("/")
        self._api = api
        self._repository = repository
        # A slash in a repository's name is escaped twice, as Harbor's documentation asks for.
        self._path = f"/api/v2.0/projects/{named(project)}/repositories/{named(named(name))}/artifacts"

    def abilities(self) -> Abilities:
        """Tags and manifests; an index goes with its images."""
        return Abilities(tag=True, parts=True)

    def facts(self) -> Facts | None:
        """When artifacts and tags were pushed and pulled."""
        whole = self._all()
        tags = [tag for one in whole for tag in one.tags or ()]
        return Facts(
            moved=known((tag.name, newest(tag.push_time)) for tag in tags),
            tells_moved=True,
            pushed=known((one.digest, newest(one.push_time)) for one in whole),
            pulled=known(
                (one.digest, newest(one.pull_time, *(tag.pull_time for tag in one.tags or ())))
                for one in whole
            ),
            digests=tuple(one.digest for one in whole),
        )

    def tags_on(self, digest: str) -> frozenset[str] | None:
        """The tags of the artifact; none for a digest without an artifact."""
        try:
            one = self._api.get(
                f"{self._path}/{digest}?with_tag=true", _Artifact, f"reading the tags of `{digest}`"
            )
        except NotFound:
            return frozenset()
        return frozenset(tag.name for tag in one.tags or ())

    def delete_tag(self, tag: str) -> None:
        """Delete the tag; the artifact stays, even without a tag."""
        path = f"{self._path}/{named(tag)}/tags/{named(tag)}"
        self._api.delete(path, f"deleting tag `{tag}` of `{self._repository}`")

    def delete_manifest(self, digest: str) -> None:
        """Delete the artifact. A tag that a rule of Harbor holds immutable keeps it: that is an error."""
        self._api.delete(f"{self._path}/{digest}", f"deleting `{digest}` of `{self._repository}`")

    def _all(self) -> list[_Artifact]:
        found: list[_Artifact] = []
        what = f"listing the artifacts of `{self._repository}`"
        for page in self._api.numbered(
            lambda number: f"{self._path}?page={number}&page_size={PAGE}&with_tag=true",
            tuple[_Artifact, ...],
            what,
        ):
            found += [one for one in page if is_digest(one.digest)]
            if len(page) < PAGE:
                break
        return found


def harbor(host: Host, repository: str, api_host: str) -> Harbor:
    """The repository `repository`. `host`: the registry, whose credential is used."""
    api = ApiHost(host, api_host, needs=NEEDS)

    def headers() -> Mapping[str, str]:
        credential = api.authorization.credential(repository)
        return {"Authorization": basic(credential, host.ports.secrets)} if credential.kind == "basic" else {}

    return Harbor(Api(api, repository, headers), repository)
