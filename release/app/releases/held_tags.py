"""Reads what the tags of a decision hold on the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from release.errors import RegistryError
from release.facts import Facts
from release.git import Relation, relation
from release.ports import Process
from release.tagging.model import Decision, FixedTag, Held, HeldTags, MovingTag

if TYPE_CHECKING:
    from release.effects.tag_reader import TagReader
    from release.oci import Repository


def gather_held(
    tags: TagReader,
    process: Process,
    repositories: Sequence[Repository],
    decision: Decision,
    facts: Facts,
    env: Mapping[str, str],
    *,
    heads: Mapping[str, str] | None = None,
) -> HeldTags:
    """What the decision's tags hold on each repository now, and the tip of the branch that one of the tags follows.

    A tag that cannot be read is `unknown`, with the cause. `heads`: the remote's branches and their commits, as
    `git.remote_heads` gives them.
    """
    held = [
        one
        for repository in repositories
        for one in _held_by(tags, process, repository, decision, facts, env)
    ]
    branch = next(
        (tag.line.name for tag in decision.tags if isinstance(tag, MovingTag) and tag.line.kind == "branch"),
        None,
    )
    return HeldTags(held=tuple(held), branch_tip=(heads or {}).get(branch or ""))


def _held_by(
    tags: TagReader,
    process: Process,
    repository: Repository,
    decision: Decision,
    facts: Facts,
    env: Mapping[str, str],
) -> list[Held]:
    held: list[Held] = []
    for tag in decision.tags:
        if held and held[-1].state == "unknown":
            # The repository did not answer for the tag before, after all retries; retrying for every tag would take
            # minutes.
            held.append(Held(target=repository.name, tag=tag.name, state="unknown", cause=held[-1].cause))
            continue
        held.append(_held(tags, process, repository, tag, facts, env))
    return held


def _held(
    tags: TagReader,
    process: Process,
    repository: Repository,
    tag: FixedTag | MovingTag,
    facts: Facts,
    env: Mapping[str, str],
) -> Held:
    try:
        # All platforms are read only for a fixed tag, since only the image of a fixed tag can be adopted.
        held = tags.read(repository, repository.name, tag.name, every=isinstance(tag, FixedTag))
    except RegistryError as error:
        return Held(target=repository.name, tag=tag.name, state="unknown", cause=error.message)
    if isinstance(tag, FixedTag) or tag.line.kind == "release":
        return held
    between: Relation = "unknown"
    if held.revision is not None:
        between = relation(process, facts.snapshot.root, held.revision, facts.commit, env)
    return msgspec.structs.replace(held, relation=between)
