"""Puts tags for `image copy` and `image tag`: fixed tags are never overwritten, moving tags only with `--move`."""

from __future__ import annotations

from functools import partial

import msgspec

from release.control import Cancel
from release.errors import RefusedError, TagConflict
from release.oci import Manifest, Repository
from release.plan.tag_kind import fixed_policy
from release.task_group import run_all

# Tags that are looked up, and then put, at the same time: each costs a round trip. More would load the registry.
_AT_ONCE = 8
_THERE = "already-there"


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one tag: `created`, `put` (whatever the tag held before) or `already-there`."""

    tag: str
    result: str


def place_tags(
    repository: Repository, manifest: Manifest, tags: tuple[str, ...], *, move: bool, cancel: Cancel
) -> tuple[Placed, ...]:
    """Put all tags on a manifest of the repository; put none if one of them must not be taken.

    Raises `TagConflict` for a fixed tag on another image, `RefusedError` for a moving one without `move`.
    """
    judged = judge_tags(repository, manifest.digest, tags, move=move, cancel=cancel)
    return put_tags(repository, manifest, judged, cancel=cancel)


def put_tags(
    repository: Repository, manifest: Manifest, judged: tuple[Placed, ...], *, cancel: Cancel
) -> tuple[Placed, ...]:
    """Put the tags that `judge_tags` has allowed, except those that are on the manifest already."""
    put = [partial(repository.put_manifest, manifest, tag=one.tag) for one in judged if one.result != _THERE]
    run_all(put, jobs=_AT_ONCE, cancel=cancel)
    return judged


def judge_tags(
    repository: Repository, digest: str, tags: tuple[str, ...], *, move: bool, cancel: Cancel
) -> tuple[Placed, ...]:
    """The result that `place_tags` would have for each tag now. Raises as `place_tags`, and changes nothing."""
    asked = [partial(_judge, repository, digest, tag, move=move) for tag in tags]
    found = run_all(asked, jobs=_AT_ONCE, cancel=cancel)
    for one in found:  # of several refusals, the one of the first tag, whichever answer came first
        if isinstance(one, RefusedError):
            raise one
    return tuple(one for one in found if isinstance(one, Placed))


def _judge(repository: Repository, digest: str, tag: str, *, move: bool) -> Placed | RefusedError:
    """The result that a put would have, or the error for a tag that must not be taken."""
    fixed = fixed_policy(tag) is not None
    if move and not fixed:
        # With `move` a moving tag is put whatever it holds, so the registry need not be asked.
        return Placed(tag=tag, result="put")
    held = repository.resolve(tag)
    if held is None:
        return Placed(tag=tag, result="created")
    if held.digest == digest:
        return Placed(tag=tag, result=_THERE)
    said = f"`{repository.name}:{tag}` already holds {held.digest}, not {digest}"
    if fixed:
        return TagConflict(
            said,
            hint="a fixed tag is never overwritten: give the image another tag, or delete this one first",
        )
    return RefusedError(said, hint="`--move` moves the tag to the new image")
