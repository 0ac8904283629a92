"""Reads what the tags of a decision hold on the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from release.control import Cancel
from release.errors import RegistryError
from release.git.remote import Ancestry, Relation
from release.tagging.guard import needs_relation
from release.tagging.model import Candidate, Decision, FixedTag, Held, HeldTags, MovingTag
from release.task_group import run_all

if TYPE_CHECKING:
    from release.effects.tag_reader import TagReader
    from release.oci import Repository


def gather_held(
    tags: TagReader,
    ancestry: Ancestry,
    repositories: Sequence[Repository],
    decision: Decision,
    commit: str,
    *,
    heads: Mapping[str, str] | None = None,
    cancel: Cancel | None = None,
) -> HeldTags:
    """The state of the decision's tags on each repository now, and the tip of the branch that one of the tags follows.

    A tag that cannot be read is `unknown`, with the cause. `commit`: that HEAD names. `heads`: the remote's branches
    and their commits.
    """
    read_ahead(tags, repositories, decision, cancel)
    held = [
        one for repository in repositories for one in _held_by(tags, ancestry, repository, decision, commit)
    ]
    branch = next(
        (tag.line.name for tag in decision.tags if isinstance(tag, MovingTag) and tag.line.kind == "branch"),
        None,
    )
    return HeldTags(held=tuple(held), branch_tip=(heads or {}).get(branch or ""))


def read_ahead(
    tags: TagReader, repositories: Sequence[Repository], decision: Decision, cancel: Cancel | None = None
) -> None:
    """Read the decision's tags on all repositories at once, and the labels of what they hold."""
    every = {tag.name: _needs_every(tag, decision) for tag in decision.tags}
    # If this release was made before, its primary tag exists.
    first = decision.tags[0].name if decision.tags else None
    asked = [partial(tags.ahead, one, every, labels=every.get, held=first) for one in repositories]
    run_all(asked, jobs=len(asked) or 1, cancel=cancel or Cancel())


def _needs_every(tag: FixedTag | MovingTag, decision: Decision) -> bool:
    """Whether the labels of all platforms are needed: only where the image may be adopted.

    An image may be adopted that is under a fixed tag, or under any tag if none is fixed.
    """
    return isinstance(tag, FixedTag) or not any(isinstance(one, FixedTag) for one in decision.tags)


def _held_by(
    tags: TagReader, ancestry: Ancestry, repository: Repository, decision: Decision, commit: str
) -> list[Held]:
    held: list[Held] = []
    for tag in decision.tags:
        if held and held[-1].state == "unknown":
            # The repository did not answer for the tag before, after all retries; retrying for every tag would take
            # minutes.
            held.append(Held(target=repository.name, tag=tag.name, state="unknown", cause=held[-1].cause))
            continue
        every = _needs_every(tag, decision)
        candidate = decision.candidate or Candidate(commit=commit)
        held.append(_held(tags, ancestry, repository, tag, candidate, every=every))
    return held


def _held(
    tags: TagReader,
    ancestry: Ancestry,
    repository: Repository,
    tag: FixedTag | MovingTag,
    candidate: Candidate,
    *,
    every: bool,
) -> Held:
    try:
        held = tags.read(repository, repository.name, tag.name, every=every)
    except RegistryError as error:
        return Held(target=repository.name, tag=tag.name, state="unknown", cause=error.message)
    if isinstance(tag, FixedTag) or not needs_relation(tag.line, candidate, held):
        return held
    between: Relation = "unknown"
    if held.revision is not None:
        between = ancestry(held.revision, candidate.commit)
    return msgspec.structs.replace(held, relation=between)
