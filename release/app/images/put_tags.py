"""Puts tags for `image copy` and `image tag`: fixed tags are never overwritten, moving tags only with `--move`."""

from __future__ import annotations

import msgspec

from release.errors import RefusedError, TagConflict
from release.oci import Manifest, Repository
from release.plan.tag_kind import fixed_policy


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one tag: `created`, `put` (whatever the tag held before) or `already-there`."""

    tag: str
    result: str


def place_tags(
    repository: Repository, manifest: Manifest, tags: tuple[str, ...], *, move: bool
) -> tuple[Placed, ...]:
    """Put all tags on a manifest of the repository; put none if one of them must not be taken.

    Raises `TagConflict` for a fixed tag on another image, `RefusedError` for a moving one without `move`.
    """
    return put_tags(repository, manifest, judge_tags(repository, manifest.digest, tags, move=move))


def put_tags(repository: Repository, manifest: Manifest, judged: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """Put the tags that `judge_tags` has allowed, except those that are on the manifest already."""
    for one in judged:
        if one.result != "already-there":
            repository.put_manifest(manifest, tag=one.tag)
    return judged


def judge_tags(
    repository: Repository, digest: str, tags: tuple[str, ...], *, move: bool
) -> tuple[Placed, ...]:
    """The result that `place_tags` would have for each tag now. Raises as `place_tags`, and changes nothing."""
    return tuple(_judge(repository, digest, tag, move=move) for tag in tags)


def _judge(repository: Repository, digest: str, tag: str, *, move: bool) -> Placed:
    fixed = fixed_policy(tag) is not None
    if move and not fixed:
        # With `move` a moving tag is put whatever it holds, so the registry need not be asked.
        return Placed(tag=tag, result="put")
    held = repository.resolve(tag)
    if held is None:
        return Placed(tag=tag, result="created")
    if held.digest == digest:
        return Placed(tag=tag, result="already-there")
    said = f"`{repository.name}:{tag}` already holds {held.digest}, not {digest}"
    if fixed:
        raise TagConflict(
            said,
            hint="a fixed tag is never overwritten: give the image another tag, or delete this one first",
        )
    raise RefusedError(said, hint="`--move` moves the tag to the new image")
