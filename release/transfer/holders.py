"""Finds what needs a digest in a repository: tags, indexes that list it, and referrers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from release.control import Cancel
from release.errors import Invalid, NotFound, RefusedError
from release.oci import INDEX_TYPES, Descriptor, Manifest, Repository
from release.oci.attached import is_fallback, referrers_tag
from release.oci.manifest import children, subject
from release.task_group import run_all
from release.transfer.referrers import find_attached, find_referrers

# Concurrent requests for manifests and tags.
# They are small, so round trips take most of the time.
# More would only wait: `release.registry.hosts.host` sends at most 16 requests at a time to a host.
_QUESTIONS = 16


class Holders(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that needs a digest. `tags`: tags that point to the digest. `indexes`: tags of indexes that list it.

    `referrers`: digests of manifests with the digest as their subject.
    """

    tags: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    referrers: tuple[str, ...] = ()


def resolve_tags(
    repository: Repository, tags: Iterable[str], *, cancel: Cancel
) -> dict[str, Descriptor | None]:
    """The descriptor under each tag; None for a tag that was deleted meanwhile or is not an image.

    Sends at most 16 requests at a time.
    """
    names = list(tags)
    found = run_all([partial(_resolve, repository, tag) for tag in names], jobs=_QUESTIONS, cancel=cancel)
    return dict(zip(names, found, strict=True))


def find_holders(repository: Repository, digest: str, *, cancel: Cancel) -> Holders:
    """The tags, indexes and referrers in the repository that need `digest`."""
    held = resolve_tags(repository, repository.tags(), cancel=cancel)
    tags = tuple(sorted(tag for tag, found in held.items() if found is not None and found.digest == digest))
    listing = run_all(
        [partial(_lists, repository, found, digest) for found in held.values()],
        jobs=_QUESTIONS,
        cancel=cancel,
    )
    own = referrers_tag(digest)
    indexes = tuple(sorted(tag for tag, lists in zip(held, listing, strict=True) if lists and tag != own))
    referrers = tuple(item.digest for item in find_referrers(repository, digest))
    return Holders(tags=tags, indexes=indexes, referrers=referrers)


def find_holders_by_tag(
    repository: Repository, digest: str, *, cancel: Cancel, among: Iterable[str] | None = None
) -> tuple[str, ...]:
    """The tags on a digest. `among`: the tags to read; None: all."""
    names = repository.tags() if among is None else among
    held: Mapping[str, Descriptor | None] = resolve_tags(repository, names, cancel=cancel)
    return tuple(sorted(tag for tag, found in held.items() if found is not None and found.digest == digest))


def _resolve(repository: Repository, tag: str) -> Descriptor | None:
    try:
        return repository.resolve(tag)
    except Invalid:
        return None  # not an image: ignored


def _lists(repository: Repository, found: Descriptor | None, digest: str) -> bool:
    """Whether what a tag holds is an index that lists `digest`, at any depth."""
    if found is None or found.digest == digest or found.media_type not in INDEX_TYPES:
        return False
    return _is_listed_by(repository, repository.manifest(found.digest), digest)


def require_unused(
    cancel: Cancel, repository: Repository, digest: str, listed: Mapping[str, Descriptor | Invalid | None]
) -> None:
    """Raise `RefusedError` if an image of another tag or a referrer needs the digest, or a tag is unreadable.

    `listed`: for each tag of the repository its descriptor, None if the tag is gone, or the error of reading it.
    """
    unclear = [tag for tag, one in listed.items() if isinstance(one, Invalid)]
    if unclear:
        raise RefusedError(
            f"`{repository.name}:{unclear[0]}` cannot be read as an image, and may need {digest}",
            hint="delete that tag first, or keep the digest",
        )
    _require_no_referrer(repository, digest)
    # A fallback tag lists referrers but does not need them.
    tops = {
        one.digest: tag
        for tag, one in listed.items()
        if isinstance(one, Descriptor) and not (is_fallback(tag) and one.media_type in INDEX_TYPES)
    }
    tops.pop(digest, None)
    tasks = [partial(_needs, repository, top, digest) for top in tops]
    for tag, needs in zip(
        tops.values(), run_all(tasks, jobs=_QUESTIONS, cancel=cancel) if tasks else [], strict=True
    ):
        if needs is not None:
            raise RefusedError(
                f"{digest} is {needs} of `{repository.name}:{tag}`", hint="delete that tag first"
            )


def _require_no_referrer(repository: Repository, digest: str) -> None:
    attached = find_attached(repository, digest)
    found = [f"`{repository.name}:{tag}`" for tag in attached.tags]
    found += [one.digest for one in attached.referrers]
    if found:
        raise RefusedError(f"{found[0]} refers to {digest}", hint="delete the referrer first")


def _needs(repository: Repository, top: str, digest: str) -> str | None:
    """Why the manifest `top` needs `digest`, or None. Nested indexes are followed."""
    try:
        manifest = repository.manifest(top)
    except NotFound:
        return None
    about = subject(manifest)
    if about is not None and about.digest == digest:
        return "the subject"
    return "part" if _is_listed_by(repository, manifest, digest) else None


def _is_listed_by(repository: Repository, manifest: Manifest, digest: str) -> bool:
    """Whether the manifest is an index that lists `digest`, itself or in an index below it."""
    waiting, seen = [manifest.digest], {manifest.digest}
    while waiting:
        name = waiting.pop()
        index = manifest if name == manifest.digest else repository.manifest(name)
        below = children(index) if index.is_index else ()
        if any(child.digest == digest for child in below):
            return True
        nested = {child.digest for child in below if child.media_type in INDEX_TYPES} - seen
        seen |= nested
        waiting += sorted(nested)
    return False
