"""Tags put by hand: fixed ones are never taken from other content, moving ones only when asked."""

from __future__ import annotations

import msgspec

from release.errors import RefusedError, TagConflict
from release.oci import Manifest, Repository
from release.plan.tag_kind import fixed_policy


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one tag. `result`: `created`, `put` (asked for, whatever it held) or `already-there`."""

    tag: str
    result: str


def place_tags(
    repository: Repository, manifest: Manifest, tags: tuple[str, ...], *, move: bool
) -> tuple[Placed, ...]:
    """Put every tag on a manifest that the repository has, or none where one of them must not be taken.

    Raises `TagConflict` and `RefusedError`.
    """
    return put_tags(repository, manifest, judge_tags(repository, manifest.digest, tags, move=move))


def put_tags(repository: Repository, manifest: Manifest, judged: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """Put the tags that were just judged."""
    for one in judged:
        if one.result != "already-there":
            repository.put_manifest(manifest, tag=one.tag)
    return judged


def judge_tags(
    repository: Repository, digest: str, tags: tuple[str, ...], *, move: bool
) -> tuple[Placed, ...]:
    """What `place_tags` would do now; raises as it does."""
    return tuple(_judge(repository, digest, tag, move=move) for tag in tags)


def _judge(repository: Repository, digest: str, tag: str, *, move: bool) -> Placed:
    fixed = fixed_policy(tag) is not None
    if move and not fixed:
        # Whatever it holds may go: there is nothing to ask.
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
    raise RefusedError(said, hint="`--move` takes it from there")
