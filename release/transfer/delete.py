"""Deletes a tag or a manifest; a digest that another image or a referrer needs is not deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from release.control import Cancel
from release.errors import DeletionDisabled, Invalid, NotFound, RefusedError, RegistryError
from release.events import Note, Sink
from release.oci import INDEX_TYPES, Descriptor, Manifest, Repository
from release.oci.attached import is_fallback, referrers_tag
from release.oci.manifest import children, subject
from release.task_group import run_all
from release.transfer.copy import LAGS
from release.transfer.referrers import detach, find_attached, find_referrers

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


def delete_tag(
    repository: Repository,
    tag: str,
    *,
    sink: Sink,
    cancel: Cancel,
    among: Iterable[str] | None = None,
) -> tuple[str, ...]:
    """Delete one tag, and read it back. If the registry deletes other tags of the digest with it, put those back.

    Returns the tags that were put back. `among`: the tags that may be on the same digest, where that is known; None:
    all tags are listed and read. Raises `NotFound`, `DeletionDisabled`, and `Invalid` naming the tags on the same
    digest where the registry cannot delete a tag alone.
    """
    held = repository.resolve(tag)
    if held is None:
        raise NotFound(f"`{repository.name}` has no tag `{tag}`")
    manifest = repository.manifest(held.digest)
    siblings = [
        name
        for name in find_holders_by_tag(repository, held.digest, cancel=cancel, among=among)
        if name != tag
    ]
    try:
        repository.delete_tag(tag)
    except DeletionDisabled:
        raise
    except Invalid as error:
        shared = f"; `{'`, `'.join(siblings)}` would go with it" if siblings else ""
        raise Invalid(
            error.message, hint=f"deleting `{held.digest}` deletes the tag{shared}", status=error.status
        ) from error
    _require_gone(repository, tag, held.digest, cancel)
    after = resolve_tags(repository, siblings, cancel=cancel)
    lost = [name for name, found in after.items() if found is None]
    for name in lost:
        repository.put_manifest(manifest, tag=name)
    if lost:
        text = f"`{repository.name}` deleted `{'`, `'.join(lost)}` along with `{tag}`: put back"
        sink.emit(Note(level="warning", text=text))
    return tuple(lost)


def delete_digest(repository: Repository, digest: str, *, cancel: Cancel) -> tuple[str, ...]:
    """Delete a manifest and all its tags; returns the tags. Raises `RefusedError` if an index or referrer needs it."""
    holders = find_holders(repository, digest, cancel=cancel)
    if holders.indexes:
        raise RefusedError(
            f"`{digest}` is one of the images that `{'`, `'.join(holders.indexes)}` lists",
            hint="delete those tags first",
        )
    if holders.referrers:
        raise RefusedError(
            f"{len(holders.referrers)} manifests refer to `{digest}`: `{'`, `'.join(holders.referrers[:5])}`",
            hint="delete those digests first",
        )
    delete_manifest(repository, digest, cancel=cancel)
    return holders.tags


def delete_manifest(repository: Repository, digest: str, *, cancel: Cancel) -> None:
    """Delete a manifest with every tag on it, take it off the list of its subject's referrers, and read it back."""
    manifest = repository.manifest(digest)
    repository.delete_manifest(digest)
    _require_gone(repository, digest, digest, cancel)
    detach(repository, manifest)


def _require_gone(repository: Repository, reference: str, digest: str, cancel: Cancel) -> None:
    """Raise `RegistryError` if the repository still has the deleted tag or digest after a few seconds.

    Registries that keep content on several servers do not delete it everywhere at once. A tag that holds another digest
    was put again meanwhile.
    """
    for pause in (*LAGS, None):
        found = repository.resolve(reference)
        if found is None or found.digest != digest:
            return
        if pause is not None:
            cancel.wait(pause)
    raise RegistryError(
        f"`{repository.name}` accepted the deletion of `{reference}`, but still has it",
        hint="whoever runs the registry can tell whether its rules keep it",
    )


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
    if found is None or found.digest == digest:
        return False
    waiting, seen = [found], set[str]()
    while waiting:
        index = waiting.pop()
        if index.media_type not in INDEX_TYPES or index.digest in seen:
            continue
        seen.add(index.digest)
        below = children(repository.manifest(index.digest))
        if any(child.digest == digest for child in below):
            return True
        waiting += below
    return False


# Tags whose manifests are read at a time, for the reason of `_QUESTIONS`.
_AT_ONCE = 16
# Levels of indexes in indexes that are read below a tag.
# Bounds the recursion on content that others pushed.
# A manifest that is listed deeper is not found, so it may be deleted although an index needs it: images have one level,
# rarely two, and 8 is still far from what recursion allows.
_DEEPEST = 8


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
        tops.values(), run_all(tasks, jobs=_AT_ONCE, cancel=cancel) if tasks else [], strict=True
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
    return "part" if _is_listed_by(repository, manifest, digest, depth=0) else None


def _is_listed_by(repository: Repository, manifest: Manifest, digest: str, *, depth: int) -> bool:
    if not manifest.is_index or depth > _DEEPEST:
        return False
    below = children(manifest)
    if any(child.digest == digest for child in below):
        return True
    nested = [child for child in below if child.media_type in INDEX_TYPES]
    return any(
        _is_listed_by(repository, repository.manifest(child.digest), digest, depth=depth + 1)
        for child in nested
    )
