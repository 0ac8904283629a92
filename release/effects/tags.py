"""Puts a tag on a digest, and says in records what a step did to its tag."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from release.effects.tag_reader import TagReader
from release.errors import NotFound
from release.handler import O, Work
from release.oci import Manifest, Repository
from release.plan.model import Bindings, Conflict, Done, Judgement, Slot, binding
from release.plan.operands import MoveTag, SetTag, tagged_of
from release.plan.ownership import short
from release.tagging.model import Held

OneTag = TypeVar("OneTag", MoveTag, SetTag)


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """Marks that this run put a tag. `before`: the digest that the tag held right before; None if it was free."""

    before: str | None


def put_of(step_id: str) -> Slot[Put]:
    """The slot that a step binds when it has put its tag."""
    return Slot(slot=f"put:{step_id}")


def put_tag(tags: TagReader, repository: Repository, tag: str, digest: str) -> None:
    """Put `tag` on a digest that the repository has. Raises `NotFound` if the digest is missing."""
    manifest = manifest_there(repository, digest)
    try:
        repository.put_manifest(manifest, tag=tag)
    finally:
        # Whatever the outcome, the next read asks the repository what the tag holds.
        tags.forget(repository, tag)


def manifest_there(repository: Repository, digest: str) -> Manifest:
    """The manifest that this run pushed. Raises `NotFound` if the repository does not have it any more."""
    try:
        return repository.manifest(digest)
    except NotFound as error:
        text = f"`{repository.name}` lost {digest} since it was pushed"
        raise NotFound(text, hint="run the command again") from error


def settled(work: Work[OneTag], held: Held, hint: str) -> Judgement | None:
    """Done if the tag holds the image; a conflict with `hint` if this step put it there, and it does not; else None."""
    operands = work.operands
    if held.digest is not None and held.digest == operands.image:
        line = tagged(work, operands.tag, held.digest, "moved")
        return Done(reason=f"holds {short(held.digest)}", bindings=line)
    if work.bound.get(put_of(work.id)):
        return Conflict(
            reason=f"`{operands.target}:{operands.tag}` reads back {held.digest or held.state}"
            f" after {operands.image} was put: somebody moved it in between",
            hint=hint,
        )
    return None


def tagged(work: Work[O], tag: str, digest: str, made: str, *, policy: str | None = None) -> Bindings:
    """What a step did to its tag, in the form of `pushed` and `moved` records. `made`: the result of a put."""
    put = work.bound.get(put_of(work.id))
    line = {"name": tag, "digest": digest, "result": made if put else "already-there"}
    if put is not None and put.before:
        line["before"] = put.before
    if policy is not None:
        line["policy"] = policy
    return binding(tagged_of(work.id), line)
