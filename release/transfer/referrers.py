"""Referrers of an image, such as signatures, attestations, SBOMs: found, and listed for their subject.

Source: OCI distribution-spec v1.1, "Listing Referrers" and "Pushing Manifests with Subject"; image-spec v1.1,
"Guidelines for Artifact Usage". In registries without the API, clients keep an index under the tag `sha256-HEX`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import msgspec

from release.control import Cancel
from release.errors import Invalid, NotFound, Unreachable
from release.oci import Descriptor, Manifest, Repository
from release.oci.attached import COSIGN, lists, referrers_tag, with_referrer, without_referrer
from release.oci.manifest import children, subject

# Times that the list under a tag is written and read back, or the API is read until it shows a new referrer.
# If other writers have overwritten the list each time, `Unreachable` is raised.
# The pauses come to 3.15 s at most.
_MOST_RACES = 6
# Seconds before the second attempt, doubled for each further one, times a jitter of 0 to 1 that spreads the writers.
_PAUSE = 0.05
#: A hint: how the attachments of an image are left where they are.
WITHOUT = "leave them out: `promote --no-referrers`, or `image copy` without `--referrers`"


@runtime_checkable
class Answering(Protocol):
    """A repository with the referrers API."""

    def referrers(self, digest: str) -> tuple[Descriptor, ...] | None:
        """The referrers of a manifest; None if the registry lacks the API."""


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """Attachments of an image. `referrers`: manifests with the image as their subject. `tags`: tags of cosign."""

    referrers: tuple[Descriptor, ...] = ()
    tags: tuple[str, ...] = ()


def find_referrers(repository: Repository, digest: str) -> tuple[Descriptor, ...]:
    """Every manifest that has `digest` as its subject, each once."""
    answered = repository.referrers(digest) if isinstance(repository, Answering) else None
    found = answered if answered is not None else _listed(repository, digest)
    return tuple({item.digest: item for item in found}.values())


def refers_to(manifest: Manifest, digest: str) -> bool:
    """Whether `digest` is the subject of the manifest. A registry may list as a referrer whatever it likes."""
    about = subject(manifest)
    return about is not None and about.digest == digest


def find_attached(repository: Repository, digest: str) -> Attached:
    """Referrers and cosign's tags of an image."""
    tags = tuple(
        tag
        for tag in (f"{referrers_tag(digest)}{ending}" for ending in COSIGN)
        if repository.resolve(tag) is not None
    )
    return Attached(referrers=find_referrers(repository, digest), tags=tags)


def attach(
    repository: Repository,
    manifest: Manifest,
    *,
    cancel: Cancel | None = None,
    jitter: Callable[[], float] = random.random,
) -> None:
    """List a manifest that is in the repository as a referrer of its subject.

    Without the referrers API the list is an index under a tag. Tags have no compare-and-swap, so two writers may
    overwrite each other's entry: the list is read back, and written again until it has this entry. Raises `Unreachable`
    if others have overwritten the list six times. With the API, the registry lists the manifest itself; no error is
    raised if that takes longer than about 3 s. A manifest without a subject is ignored.
    """
    about = subject(manifest)
    if about is None:
        return
    cancel = cancel or Cancel()
    for attempt in range(_MOST_RACES):
        # Only a request tells whether a registry has the API: ECR sends the header OCI-Subject and answers 404.
        answered = repository.referrers(about.digest) if isinstance(repository, Answering) else None
        if _is_listed(repository, manifest, about.digest, answered):
            return
        cancel.wait(_PAUSE * 2**attempt * jitter())
    if answered is None:
        raise Unreachable(
            f"`{repository.name}:{referrers_tag(about.digest)}` is overwritten by others all the time",
            hint="run it again",
        )


def detach(repository: Repository, manifest: Manifest) -> None:
    """Take a deleted manifest off the list of its subject's referrers, where that list is an index under a tag."""
    about = subject(manifest)
    if about is None or (
        isinstance(repository, Answering) and repository.referrers(about.digest) is not None
    ):
        return
    index = _index(repository, about.digest)
    if index is None or not lists(index, manifest.digest):
        return
    rest = without_referrer(index, manifest.digest)
    if rest is not None:
        repository.put_manifest(rest, tag=referrers_tag(about.digest))
    else:
        repository.delete_manifest(index.digest)


def _is_listed(
    repository: Repository, manifest: Manifest, about: str, answered: tuple[Descriptor, ...] | None
) -> bool:
    """Whether the registry's API lists the manifest or, without an API (`answered`: None), the fallback tag does.

    A manifest that the index under the fallback tag lacks is added to the index first, and the tag is read back.
    """
    if answered is not None:
        return any(item.digest == manifest.digest for item in answered)
    index = _index(repository, about)
    if not lists(index, manifest.digest):
        repository.put_manifest(with_referrer(index, manifest), tag=referrers_tag(about))
        index = _index(repository, about)
    return lists(index, manifest.digest)


def _listed(repository: Repository, digest: str) -> tuple[Descriptor, ...]:
    index = _index(repository, digest)
    return children(index) if index is not None else ()


def _index(repository: Repository, digest: str) -> Manifest | None:
    try:
        index = repository.manifest(referrers_tag(digest))
    except NotFound:
        return None
    if not index.is_index:
        raise Invalid(
            f"`{repository.name}:{referrers_tag(digest)}` should list referrers and is not an index",
            hint=f"another tool took that name: delete the tag; {WITHOUT}",
        )
    return index
