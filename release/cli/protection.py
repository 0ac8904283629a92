"""What must not be deleted: an index's platforms, and what a signature or another referrer is about."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from release.cli.session import Session
from release.errors import Invalid, NotFound, RefusedError
from release.registry import INDEX_TYPES, Descriptor, Manifest, Repository
from release.registry.documents import children, subject
from release.registry.referrers import find_attached
from release.registry.workers import run_all

_AT_ONCE = 16
_DEEPEST = 8


def require_unused(
    session: Session, repository: Repository, digest: str, listed: Mapping[str, Descriptor | Invalid | None]
) -> None:
    """Raise `RefusedError` when something under another tag needs the digest, or something refers to it.

    `listed`: what each tag of the repository holds.
    """
    unclear = [tag for tag, one in listed.items() if isinstance(one, Invalid)]
    if unclear:
        raise RefusedError(
            f"what `{repository.name}:{unclear[0]}` holds is unknown, so it may need {digest}",
            hint="delete that tag first, or leave the digest",
        )
    _require_no_referrer(repository, digest)
    tops = {one.digest: tag for tag, one in listed.items() if isinstance(one, Descriptor)}
    tops.pop(digest, None)
    tasks = [partial(_needs, repository, top, digest) for top in tops]
    for tag, needs in zip(
        tops.values(), run_all(tasks, jobs=_AT_ONCE, cancel=session.cancel) if tasks else [], strict=True
    ):
        if needs is not None:
            raise RefusedError(f"{digest} is {needs} of `{repository.name}:{tag}`", hint="delete that first")


def _require_no_referrer(repository: Repository, digest: str) -> None:
    attached = find_attached(repository, digest)
    found = [f"`{repository.name}:{tag}`" for tag in attached.tags]
    found += [one.digest for one in attached.referrers]
    if found:
        raise RefusedError(f"{found[0]} refers to {digest}", hint="delete what refers to it first")


def _needs(repository: Repository, top: str, digest: str) -> str | None:
    """Why the manifest `top` needs `digest`, or None; an index is followed all the way down."""
    try:
        manifest = repository.manifest(top)
    except NotFound:
        return None
    about = subject(manifest)
    if about is not None and about.digest == digest:
        return "the subject"
    return "part" if _lists(repository, manifest, digest, depth=0) else None


def _lists(repository: Repository, manifest: Manifest, digest: str, *, depth: int) -> bool:
    if not manifest.is_index or depth > _DEEPEST:
        return False
    below = children(manifest)
    if any(child.digest == digest for child in below):
        return True
    nested = [child for child in below if child.media_type in INDEX_TYPES]
    return any(
        _lists(repository, repository.manifest(child.digest), digest, depth=depth + 1) for child in nested
    )
