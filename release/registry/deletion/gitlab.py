"""Deletes tags through GitLab's API, where the registry itself refuses it.

Source: docs.gitlab.com/api/container_registry, "List registry repositories" and "Delete a registry repository tag". The
list of tags has no times, so the API is not asked for facts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from release.errors import Denied, NotFound
from release.oci.deletion import Facts
from release.registry.deletion.api import PAGE, Api, ApiHost, named
from release.registry.hosts.host import Host

#: The path of the realm in GitLab's challenge, by which a GitLab is known; its API is on the realm's host.
REALM: Final = "/jwt/auth"
NEEDS: Final = (
    "GitLab's API takes a token with the scope `api`, or the token of a CI job in the image's project, "
    "and deletes no tag that a protection rule of the project covers"
)
_JOB_USER = "gitlab-ci-token"
# A repository's name may be the project's path, or have up to two more parts.
_MOST_PARTS_BELOW = 2


class _Repository(msgspec.Struct):
    id: int
    path: str


class GitlabTags:
    """The tags of `repository`, `group/project/image`."""

    name = "the GitLab API"

    def __init__(self, api: Api, repository: str) -> None:
        self._api = api
        self._repository = repository
        # Guards `_place`, and is held while the repository is looked for, so that threads look for it once.
        self._lock = threading.Lock()
        self._place: str | None = None

    def facts(self) -> Facts | None:
        """None: the list of tags has no times."""
        return None

    def delete_tag(self, tag: str) -> None:
        """Delete the tag. Raises `NotFound` if no project has the repository."""
        with self._lock:
            self._place = place = self._place or self._find()
        self._api.delete(f"{place}/tags/{named(tag)}", f"deleting tag `{tag}` of `{self._repository}`")

    def _find(self) -> str:
        parts = self._repository.split("/")
        denied: Denied | None = None
        for below in range(min(_MOST_PARTS_BELOW, len(parts) - 2) + 1):
            project = f"/api/v4/projects/{named('/'.join(parts[: len(parts) - below]))}/registry/repositories"
            try:
                for one in self._repositories(project):
                    if one.path.lower() == self._repository:
                        return f"{project}/{one.id}"
            except NotFound:
                continue
            except Denied as error:
                denied = error
        raise denied or NotFound(
            f"no project of `{self._api.host.registry}` has the repository `{self._repository}`", hint=NEEDS
        )

    def _repositories(self, project: str) -> Iterator[_Repository]:
        what = f"looking for the repository `{self._repository}`"
        for page in self._api.pages(f"{project}?per_page={PAGE}", tuple[_Repository, ...], what):
            yield from page


def gitlab_tags(host: Host, repository: str, api_host: str) -> GitlabTags:
    """The tags of `repository`. `host`: the registry, whose credential is used."""
    api = ApiHost(host, api_host, needs=NEEDS)

    def headers() -> Mapping[str, str]:
        credential = api.authorization.credential(repository)
        if not credential.secret:
            return {}
        name = "JOB-TOKEN" if credential.username == _JOB_USER else "PRIVATE-TOKEN"
        return {name: credential.secret}

    return GitlabTags(Api(api, repository, headers), repository)
