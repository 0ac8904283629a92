"""Deletes a tag or a manifest; a digest that another image or a referrer needs is not deleted."""

from __future__ import annotations

from collections.abc import Iterable

from release.control import Cancel
from release.errors import DeletionDisabled, Invalid, NotFound, RefusedError, RegistryError
from release.events import Note, Sink
from release.oci import Repository
from release.oci.deletion import Deletes, Foresees
from release.transfer.copy import LAGS
from release.transfer.holders import find_holders, find_holders_by_tag, resolve_tags
from release.transfer.referrers import detach

# Statuses of registries that delete digests only; None: an API of a vendor is known to.
_DIGESTS_ONLY = frozenset({None, 400, 405, 501})


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
        raise NotFound(
            f"`{repository.name}` has no tag `{tag}`",
            hint=f"`shipmark image list {repository.name}` lists its tags",
        )
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
        if not deletes_no_tags(error):
            raise
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


def require_deletion(repository: Repository, *, tag: str | None = None) -> None:
    """Raise what deleting the tag, or any digest, would raise, as far as the registry tells without deleting."""
    way: object = repository.deletion() if isinstance(repository, Deletes) else None
    if isinstance(way, Foresees):
        if tag is None:
            way.require_manifest()
        else:
            way.require_tag(tag)


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
    raise still_there(repository, reference)


def still_there(repository: Repository, reference: str) -> RegistryError:
    """The error for a tag or digest whose deletion was accepted and not done."""
    return RegistryError(
        f"`{repository.name}` accepted the deletion of `{reference}`, but still has it",
        hint="whoever runs the registry can tell whether its rules keep it",
    )


def deletes_no_tags(error: Invalid) -> bool:
    """Whether a refused deletion of a tag means that the registry deletes digests only.

    Other statuses refuse this tag: a rule or a lock keeps it, something else answers. To delete its digest, and with it
    every tag on it, is no way out then.
    """
    return error.status in _DIGESTS_ONLY
