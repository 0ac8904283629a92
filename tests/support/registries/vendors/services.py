"""Answers of the vendors' APIs, in the form that their documentation shows, over the storage of a real registry.

Each class names the pages from which its answers were written. GitHub's, GitLab's, Harbor's, Azure's and Amazon's were
compared with public copies of those pages afterwards. None of them was compared with the real service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.registries.hostile import Reply, Request
from tests.support.registries.vendors.vendor import (
    SECRET,
    USER,
    Held,
    Vendor,
    basic,
    document,
    number,
    refusal,
)

#: GitHub's answer with status 400, as several reports of github.com/actions/delete-package-versions quote it.
LAST_VERSION = "You cannot delete the last tagged version of a package. You must delete the package instead."


class Github(Vendor):
    """ghcr.io and api.github.com.

    Source: https://docs.github.com/en/rest/packages/packages, "List package versions for a package owned by a user" and
    "Delete package version for a user".
    """

    REGISTRY, HOSTS = "ghcr.io", ("api.github.com",)

    def api(self, request: Request) -> Reply | None:
        """Answer for api.github.com."""
        if request.headers["host"] != "api.github.com":
            return None
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return document({"message": "Requires authentication", "status": "401"}, 401)
        path = urlsplit(request.path).path
        if not path.startswith("/users/acme/packages/container/app/versions"):
            return document(
                {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}, 404
            )
        name = path.removeprefix("/users/acme/packages/container/app/versions").strip("/")
        if not name:
            return self._page(request)
        found = next((one for one in self.held if self._id(one) == int(name)), None)
        if found is None:
            return document({"message": "Package not found."}, 404)
        if request.method == "DELETE":
            if found.tags and not any(one.tags for one in self.held if one.digest != found.digest):
                return document({"message": LAST_VERSION, "status": "400"}, 400)
            return Reply(204) if self.remove(found.digest) else document({"message": "Not Found"}, 404)
        return document(self._version(found))

    def _page(self, request: Request) -> Reply:
        at = number(request, "page")
        whole = self.held
        some = whole[(at - 1) * self.page : at * self.page]
        place = f"https://api.github.com{request.path.partition('?')[0]}"
        link = f'<{place}?page={at + 1}>; rel="next"' if at * self.page < len(whole) else ""
        return document([self._version(one) for one in some], link=link)

    def _id(self, one: Held) -> int:
        return int(one.digest[7:15], 16)

    def _version(self, one: Held) -> dict[str, Any]:
        return {
            "id": self._id(one),
            "name": one.digest,
            "url": f"https://api.github.com/users/acme/packages/container/app/versions/{self._id(one)}",
            "package_html_url": "https://github.com/users/acme/packages/container/package/app",
            "created_at": self.time(one.digest),
            "updated_at": self.time(one.digest),
            "html_url": f"https://github.com/users/acme/packages/container/app/{self._id(one)}",
            "metadata": {"package_type": "container", "container": {"tags": list(one.tags)}},
        }


class Hub(Vendor):
    """Docker Hub.

    Source: https://docs.docker.com/reference/api/hub/latest, "Create access token" and "List repository tags";
    https://github.com/docker/hub-tool/blob/main/pkg/hub/tags.go for the deletion of a tag.
    """

    REGISTRY, HOSTS = "docker.io", ("hub.docker.com", "registry-1.docker.io")

    def api(self, request: Request) -> Reply | None:
        """Answer for hub.docker.com."""
        if request.headers["host"] != "hub.docker.com":
            return None
        path = urlsplit(request.path).path
        if path == "/v2/auth/token":
            asked = json.loads(request.body)
            if asked != {"identifier": USER, "secret": SECRET}:
                return document({"detail": "Incorrect authentication credentials"}, 401)
            return document({"access_token": "jwt-not-a-secret"})
        if request.headers.get("authorization") != "Bearer jwt-not-a-secret":
            return document({"message": "unauthorized", "errinfo": {}}, 401)
        if request.method == "DELETE":
            tag = path.removeprefix("/v2/repositories/acme/app/tags/").rstrip("/")
            return Reply(204) if self.untag(tag) else document({"detail": "Object not found"}, 404)
        if path != "/v2/namespaces/acme/repositories/app/tags":
            return document({"message": "object not found", "errinfo": {}}, 404)
        at = number(request, "page")
        names = sorted(self.tags)
        url = f"https://hub.docker.com{path}?page={at + 1}&page_size=100"
        return document(
            {
                "count": len(names),
                "next": url if at * self.page < len(names) else None,
                "previous": None,
                "results": [self._tag(name) for name in names[(at - 1) * self.page : at * self.page]],
            }
        )

    def _tag(self, name: str) -> dict[str, Any]:
        return {
            "creator": 7,
            "id": 15,
            "images": [{"architecture": "amd64", "os": "linux", "digest": self.tags[name], "size": 100}],
            "last_updated": self.time(name),
            "name": name,
            "full_size": 100,
            "v2": True,
            "tag_status": "active",
            "tag_last_pulled": self.pulls.get(name),
            "tag_last_pushed": self.time(name),
            "digest": self.tags[name],
        }


class Quay(Vendor):
    """Quay, whose registry deletes digests only.

    Source: https://docs.redhat.com/en/documentation/red_hat_quay/3/html/red_hat_quay_api_reference/tag, `listRepoTags`
    and `deleteFullTag`.
    """

    REGISTRY, REALM, refuses = "quay.io", "/v2/auth", ("tag",)

    def api(self, request: Request) -> Reply | None:
        """Answer below `/api/v1/`."""
        path = urlsplit(request.path).path
        if not path.startswith("/api/v1/"):
            return None
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            said = {"status": 401, "title": "invalid_token", "detail": "Requires authentication"}
            return document(said, 401)
        name = path.removeprefix("/api/v1/repository/acme/app/tag/")
        if request.method == "DELETE":
            gone = self.untag(name)
            return Reply(204) if gone else document({"status": 404, "error_message": "Not Found"}, 404)
        at, names = number(request, "page"), sorted(self.tags)
        return document(
            {
                "tags": [
                    {
                        "name": one,
                        "reversion": False,
                        "start_ts": 1714564800,
                        "manifest_digest": self.tags[one],
                        "is_manifest_list": False,
                        "size": 100,
                        "last_modified": "Wed, 01 May 2024 12:00:00 -0000",
                    }
                    for one in names[(at - 1) * self.page : at * self.page]
                ],
                "page": at,
                "has_additional": at * self.page < len(names),
            }
        )


class Gitlab(Vendor):
    """registry.gitlab.com and gitlab.com, with a registry that deletes digests only.

    Source: https://docs.gitlab.com/api/container_registry, "List registry repositories within a project" and "Delete a
    registry repository tag".
    """

    REGISTRY, HOSTS, REALM, refuses = "registry.gitlab.com", ("gitlab.com",), "/jwt/auth", ("tag",)
    REPOSITORY = "acme/project/app"

    @property
    def _realm_host(self) -> str:
        return "gitlab.com"

    def api(self, request: Request) -> Reply | None:
        """Answer below `/api/v4/`."""
        path = urlsplit(request.path).path
        if request.headers["host"] != "gitlab.com" or not path.startswith("/api/v4/"):
            return None
        if request.headers.get("private-token") != SECRET:
            return document({"message": "401 Unauthorized"}, 401)
        place = "/api/v4/projects/acme%2Fproject/registry/repositories"
        if not path.startswith(place):
            return document({"message": "404 Project Not Found"}, 404)
        if path == place:
            entries = [self._repository(1, ""), self._repository(2, "/app")]
            at = number(request, "page")
            link = f'<https://gitlab.com{place}?page=2&per_page=1>; rel="next"' if at == 1 else ""
            return document(entries[at - 1 : at], link=link)
        tag = path.removeprefix(f"{place}/2/tags/")
        return Reply(200) if self.untag(tag) else document({"message": "404 Tag Not Found"}, 404)

    def _repository(self, id_: int, name: str) -> dict[str, Any]:
        return {
            "id": id_,
            "name": name.strip("/"),
            "path": f"acme/project{name}",
            "project_id": 9,
            "location": f"registry.gitlab.com/acme/project{name}",
            "created_at": "2024-01-10T13:38:57.391Z",
            "cleanup_policy_started_at": None,
            "status": None,
        }


class Harbor(Vendor):
    """A Harbor of one's own.

    Source: https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml, `listArtifacts`, `getArtifact`,
    `deleteArtifact` and `deleteTag`.
    """

    REGISTRY, SERVICE = "harbor.example", "harbor-registry"
    REPOSITORY = "acme/group/app"

    def api(self, request: Request) -> Reply | None:
        """Answer below `/api/v2.0/`."""
        path = urlsplit(request.path).path
        if not path.startswith("/api/v2.0/"):
            return None
        if request.headers.get("authorization") != basic():
            return refusal(401, "UNAUTHORIZED", "unauthorized")
        place = "/api/v2.0/projects/acme/repositories/group%252Fapp/artifacts"
        rest = path.removeprefix(place).strip("/").split("/")
        if not path.startswith(place):
            return refusal(404, "NOT_FOUND", "repository not found")
        if rest == [""]:
            size, at = number(request, "page_size"), number(request, "page")
            return document([self._artifact(one) for one in self.held[(at - 1) * size : at * size]])
        if len(rest) == 3:
            return (
                Reply(200) if self.untag(rest[2]) else refusal(404, "NOT_FOUND", f"tag {rest[2]} not found")
            )
        one = self.on(rest[0])
        if one is None:
            return refusal(404, "NOT_FOUND", f"artifact {rest[0]} not found")
        if request.method == "DELETE":
            return self._delete(one)
        return document(self._artifact(one))

    def _delete(self, one: Held) -> Reply:
        """Delete an artifact, and the images of an index that have no tag and that no other index lists."""
        below = self.children(one.digest)
        self.remove(one.digest)
        needed = {child for other in self.held for child in self.children(other.digest)}
        for digest in below:
            child = self.on(digest)
            if child is not None and not child.tags and digest not in needed:
                self.remove(digest)
        return Reply(200)

    def _artifact(self, one: Held) -> dict[str, Any]:
        return {
            "id": int(one.digest[7:15], 16),
            "type": "IMAGE",
            "digest": one.digest,
            "size": 100,
            "push_time": self.time(one.digest),
            "pull_time": self.pulls.get(one.digest, "0001-01-01T00:00:00.000Z"),
            "tags": [
                {
                    "id": 3,
                    "name": name,
                    "push_time": self.time(name),
                    "pull_time": "0001-01-01T00:00:00.000Z",
                    "immutable": False,
                }
                for name in one.tags
            ]
            or None,
        }


class Azure(Vendor):
    """Azure Container Registry, whose registry deletes manifests, and whose API deletes tags.

    Source: https://learn.microsoft.com/en-us/rest/api/containerregistry, "Tag - Get List", "Tag - Delete" and
    "Manifests - Get List".
    """

    REGISTRY, refuses = "acme.azurecr.io", ("tag",)

    def api(self, request: Request) -> Reply | None:
        """Answer below `/acr/v1/`."""
        path = urlsplit(request.path).path
        if not path.startswith("/acr/v1/"):
            return None
        needed = "delete" if request.method == "DELETE" else "metadata_read"
        if not self.allows(request, needed):
            return self.challenge(f"repository:{self.REPOSITORY}:{needed}")
        kind, _, name = path.removeprefix("/acr/v1/acme/app/").partition("/")
        if request.method == "DELETE":
            return Reply(202) if self.untag(name) else refusal(404, "TAG_UNKNOWN", f"tag {name} is not found")
        if kind == "_manifests" and name:
            one = self.on(name)
            if one is None:
                return refusal(404, "MANIFEST_UNKNOWN", "manifest is not found")
            return document({"registry": self.REGISTRY, "manifest": self._manifest(one)})
        if kind == "_tags":
            return self._page(request, "tags", sorted(self.tags), self._tag)
        return self._page(request, "manifests", self.held, self._manifest)

    def _page(self, request: Request, member: str, whole: list[Any], entry: Callable[[Any], Any]) -> Reply:
        last = re.search(r"last=([^&]+)", request.path)
        start = int(unquote(last[1])) if last else 0
        some, end = whole[start : start + self.page], start + self.page
        path = request.path.partition("?")[0]
        link = f'<{path}?last={end}&n={self.page}&orderby=>; rel="next"' if end < len(whole) else ""
        named = {"registry": self.REGISTRY, "imageName": self.REPOSITORY}
        return document({**named, member: [entry(one) for one in some]}, link=link)

    def _tag(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "digest": self.tags[name],
            "createdTime": "2018-09-06T06:17:21.0856539Z",
            "lastUpdateTime": self.time(name),
            "signed": False,
            "changeableAttributes": {"deleteEnabled": True, "writeEnabled": True},
        }

    def _manifest(self, one: Held) -> dict[str, Any]:
        return {
            "digest": one.digest,
            "imageSize": 100,
            "createdTime": self.time(one.digest),
            "lastUpdateTime": self.time(one.digest),
            "tags": list(one.tags),
            "changeableAttributes": {"deleteEnabled": True, "writeEnabled": True},
        }


class Amazon(Vendor):
    """Amazon ECR: `BatchDeleteImage`, `DescribeImages` and `GetAuthorizationToken`.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html and
    API_DescribeImages.html.
    """

    REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    HOSTS = ("api.ecr.eu-central-1.amazonaws.com",)

    def api(self, request: Request) -> Reply | None:
        """Answer for the API's host."""
        if request.headers["host"] not in self.HOSTS:
            return None
        if not request.headers.get("authorization", "").startswith(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"
        ):
            return self._fault("UnrecognizedClientException", "The security token is invalid.")
        action = request.headers["x-amz-target"].partition(".")[2]
        asked = json.loads(request.body)
        if action == "GetAuthorizationToken":
            token = basic().removeprefix("Basic ")
            return document({"authorizationData": [{"authorizationToken": token, "expiresAt": 4102444800}]})
        assert asked["registryId"] == "123456789012", asked
        if asked["repositoryName"] != self.REPOSITORY:
            return self._fault("RepositoryNotFoundException", "The repository does not exist.")
        return self._describe(asked) if action == "DescribeImages" else self._delete(asked["imageIds"])

    def _describe(self, asked: dict[str, Any]) -> Reply:
        ids = asked.get("imageIds")
        # As the API says: `maxResults` is from 1 to 1,000, and not allowed with `imageIds`.
        assert (ids is None) is (1 <= asked.get("maxResults", 0) <= 1000), asked
        whole = self.held if ids is None else [one for id_ in ids if (one := self._named(id_)) is not None]
        if ids is not None and not whole:
            return self._fault("ImageNotFoundException", "The image does not exist.")
        start = int(asked.get("nextToken", "0"))
        details = [
            {
                "registryId": "123456789012",
                "repositoryName": self.REPOSITORY,
                "imageDigest": one.digest,
                **({"imageTags": list(one.tags)} if one.tags else {}),
                "imageSizeInBytes": 100,
                "imagePushedAt": 1714564800.0,
                **({"lastRecordedPullTime": 1717243200.0} if one.digest in self.pulls else {}),
            }
            for one in whole[start : start + self.page]
        ]
        end = start + self.page
        return document({"imageDetails": details, **({"nextToken": str(end)} if end < len(whole) else {})})

    def _delete(self, ids: list[dict[str, str]]) -> Reply:
        done, failed = [], []
        for id_ in ids:
            one = self._named(id_)
            if one is None:
                failed.append({"imageId": id_, "failureCode": "ImageNotFound", "failureReason": "not found"})
            elif any(one.digest in self.children(other.digest) for other in self.held):
                reason = "Requested image referenced by manifest list"
                code = "ImageReferencedByManifestList"
                failed.append({"imageId": id_, "failureCode": code, "failureReason": reason})
            else:
                if "imageTag" in id_ and len(one.tags) > 1:
                    self.untag(id_["imageTag"])
                else:
                    self.remove(one.digest)
                done.append(id_)
        return document({"imageIds": done, "failures": failed})

    def _named(self, id_: dict[str, str]) -> Held | None:
        digest = id_.get("imageDigest") or self.tags.get(id_.get("imageTag", ""), "")
        return self.on(digest)

    def _fault(self, kind: str, message: str) -> Reply:
        return document({"__type": kind, "message": message}, 400)
