"""Deleting from a registry without deleting more than was meant.

A tag is deleted by its name only: deleting its digest takes every other tag on it along, and the registry says
nothing about those. A digest goes only if nothing needs it: an index that lists it, or something that refers to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from release.control import Cancel
from release.errors import Invalid, NotFound, RefusedError
from release.registry import INDEX_TYPES, Descriptor, Repository
from release.registry.documents import children
from release.registry.referrers import find_referrers, referrers_tag
from release.registry.workers import run_all
from release.world import Note, Sink

_QUESTIONS = 16


class Holders(msgspec.Struct, frozen=True, kw_only=True):
    """Who needs a digest. `tags`: on it; `indexes`: tags whose index lists it; `referrers`: manifests about it."""

    tags: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    referrers: tuple[str, ...] = ()


def resolve_tags(
    repository: Repository, tags: Iterable[str], *, cancel: Cancel
) -> dict[str, Descriptor | None]:
    """What each tag holds now, asked 16 at a time; None for one that went meanwhile or holds no image."""
    names = list(tags)
    found = run_all([partial(_resolve, repository, tag) for tag in names], jobs=_QUESTIONS, cancel=cancel)
    return dict(zip(names, found, strict=True))


def find_holders(repository: Repository, digest: str, *, cancel: Cancel) -> Holders:
    """Everything in the repository that needs `digest`."""
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


def delete_tag(repository: Repository, tag: str, *, sink: Sink, cancel: Cancel) -> None:
    """Delete one tag, and see that no other went with it; one that did is put back.

    Raises `NotFound`, and `Invalid` naming the tags on the same digest where the registry cannot delete a tag alone.
    """
    held = repository.resolve(tag)
    if held is None:
        raise NotFound(f"`{repository.name}` has no tag `{tag}`")
    manifest = repository.manifest(held.digest)
    siblings = [name for name in find_holders_by_tag(repository, held.digest, cancel=cancel) if name != tag]
    try:
        repository.delete_tag(tag)
    except Invalid as error:
        shared = f"; `{'`, `'.join(siblings)}` would go with it" if siblings else ""
        raise Invalid(
            error.message, hint=f"deleting `{held.digest}` deletes the tag{shared}", status=error.status
        ) from error
    after = resolve_tags(repository, siblings, cancel=cancel)
    lost = [name for name, found in after.items() if found is None]
    for name in lost:
        repository.put_manifest(manifest, tag=name)
    if lost:
        text = f"`{repository.name}` deleted `{'`, `'.join(lost)}` along with `{tag}`: put back"
        sink.emit(Note(level="warning", text=text))


def delete_digest(repository: Repository, digest: str, *, cancel: Cancel) -> tuple[str, ...]:
    """Delete a manifest and every tag on it; gives those tags. Raises `RefusedError` when something needs it."""
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
    repository.delete_manifest(digest)
    return holders.tags


def find_holders_by_tag(repository: Repository, digest: str, *, cancel: Cancel) -> tuple[str, ...]:
    """The tags on a digest."""
    held: Mapping[str, Descriptor | None] = resolve_tags(repository, repository.tags(), cancel=cancel)
    return tuple(sorted(tag for tag, found in held.items() if found is not None and found.digest == digest))


def _resolve(repository: Repository, tag: str) -> Descriptor | None:
    try:
        return repository.resolve(tag)
    except Invalid:
        return None  # something that is no image: not ours to judge


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
