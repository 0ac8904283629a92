"""Deletes from private registries of Amazon ECR through the AWS API, since the registry itself deletes nothing.

Source: docs.aws.amazon.com/AmazonECR/latest/APIReference, `BatchDeleteImage` and `DescribeImages`. boto3 signs the
requests (`shipmark[ecr]`). ECR deletes an image with its last tag, so the last tag is never deleted as a tag.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from release.errors import Denied, Invalid, NotFound, RegistryError, Unreachable
from release.oci.deletion import Abilities, Facts
from release.oci.grammar import is_digest
from release.registry.auth.ecr import Account, account, explained

# Characters of a reason of ECR that are shown.
_SHOWN = 300
# Codes of errors, and of single images that a request could not delete.
_DENIED = ("AccessDenied", "ExpiredToken", "UnrecognizedClient", "InvalidSignature", "NoCredentials", "Token")
_MISSING = ("RepositoryNotFound", "ImageNotFound")
_PASSING = (
    "Throttling",
    "TooManyRequests",
    "ServerException",
    "EndpointConnection",
    "Timeout",
    "ConnectionClosed",
)
# Failures of single images in a pull through cache, whose upstream registry is asked first.
_UPSTREAM = ("UpstreamTooManyRequests", "UpstreamUnavailable")
# Images on one page of a list: the most that `DescribeImages` gives, in place of 100.
_PAGE = 1000
_HINTS = {
    "ImageReferencedByManifestList": "an index lists the image: it goes after the index",
    "KmsError": "ECR cannot use the repository's key: check its policy",
}

_REASON = "the reason is Amazon's: its documentation of `BatchDeleteImage` explains the code"

T = TypeVar("T")


class ElasticRegistry:
    """The repository `repository` of `registry`."""

    name = "the API of Amazon ECR"

    def __init__(self, registry: str, repository: str) -> None:
        self._registry = registry
        self._repository = repository
        # Guards `_account`: making a client of boto3 is not thread-safe, using it is.
        self._lock = threading.Lock()
        self._account: Account | None = None

    def abilities(self) -> Abilities:
        """Manifests, and tags other than an image's last one."""
        return Abilities(tag=True)

    def facts(self) -> Facts | None:
        """When images were pushed and pulled. ECR does not tell when a tag was set: that changes no time of its."""
        images = list(self._images())
        return Facts(
            pushed=_times(images, "imagePushedAt"),
            pulled=_times(images, "lastRecordedPullTime"),
            digests=tuple(one["imageDigest"] for one in images),
        )

    def tags_on(self, digest: str) -> frozenset[str] | None:
        """The tags of the image; none for a digest that is not there."""
        try:
            return self._tags({"imageDigest": digest})
        except NotFound:
            return frozenset()

    def delete_tag(self, tag: str) -> None:
        """Delete the tag. Raises `Invalid` for the last tag of an image, with which ECR would delete the image."""
        self.require_tag(tag)
        self._delete({"imageTag": tag})

    def require_manifest(self) -> None:
        """Nothing is known before: an attempt tells."""

    def require_tag(self, tag: str) -> None:
        """Raise `Invalid` for the last tag of an image."""
        if len(self._tags({"imageTag": tag})) < 2:
            raise Invalid(
                f"`{self._registry}` cannot delete the tag `{tag}` alone: it is the last one of its image",
                hint="ECR deletes an image with its last tag: delete the digest if the image is to go",
            )

    def delete_manifest(self, digest: str) -> None:
        """Delete the image with all of its tags."""
        self._delete({"imageDigest": digest})

    def _delete(self, image: dict[str, str]) -> None:
        """Delete an image or a tag. A request takes 100, but a prune reads the tags between two deletions."""
        answer = self._ask("batch_delete_image", "deleting images", "ecr:BatchDeleteImage", imageIds=[image])
        (name,) = image.values()
        for one in answer.get("failures", []):
            code, reason = str(one.get("failureCode", "")), str(one.get("failureReason", ""))[:_SHOWN]
            text = f"`{self._registry}` did not delete `{name}` of `{self._repository}` ({code}: {reason})"
            kinds = {**dict.fromkeys(_MISSING, NotFound), **dict.fromkeys(_UPSTREAM, Unreachable)}
            raise kinds.get(code, Invalid)(text, hint=_HINTS.get(code, _REASON), code=code)

    def _tags(self, image: dict[str, str]) -> frozenset[str]:
        answer = self._ask("describe_images", "reading tags", "ecr:DescribeImages", imageIds=[image])
        found = answer.get("imageDetails", [])
        return frozenset(tag for one in found for tag in one.get("imageTags", []))

    def _images(self) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            answer = self._ask(
                "describe_images", "listing images", "ecr:DescribeImages", maxResults=_PAGE, **token
            )
            yield from (
                one for one in answer.get("imageDetails", []) if is_digest(one.get("imageDigest", ""))
            )
            if not answer.get("nextToken") or answer["nextToken"] == token.get("nextToken"):
                return
            token = {"nextToken": answer["nextToken"]}

    def _ask(self, method: str, what: str, permission: str, **arguments: Any) -> dict[str, Any]:
        client, id_ = self._client()
        try:
            answer: dict[str, Any] = getattr(client, method)(
                registryId=id_, repositoryName=self._repository, **arguments
            )
        except Exception as error:
            raise _error_of(error, f"{what} of `{self._registry}/{self._repository}`", permission) from error
        return answer

    def _client(self) -> Account:
        with self._lock:
            self._account = self._account or account(self._registry)
            if self._account is None:
                raise Denied(
                    f"`{self._registry}` is deleted from through the API of AWS, for which boto3 is not installed",
                    hint="install `shipmark[ecr]`",
                )
            return self._account


def _error_of(error: Exception, what: str, permission: str) -> RegistryError:
    cause, hint = explained(error, permission)
    text = f"AWS refused {what}: {cause}"
    kind = cause.partition(":")[0]
    if any(name in kind for name in _MISSING):
        return NotFound(
            text,
            hint="somebody else removed it, or `AWS_REGION` and the account are those of another registry",
        )
    if any(name in kind for name in _DENIED):
        return Denied(text, hint=hint)
    if any(name in kind for name in _PASSING):
        return Unreachable(text, hint="run the prune again: it goes on where it stopped")
    return Invalid(text, hint=hint)


def _times(images: Sequence[Mapping[str, Any]], member: str) -> dict[str, int]:
    return {
        one["imageDigest"]: round(one[member].timestamp() * 1000)
        for one in images
        if one.get(member) is not None
    }
