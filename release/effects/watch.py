"""Reads what the guard of moving tags judges when a tag moves: the tag, the known releases, the branch's tip."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from release.effects.tag_reader import TagReader
from release.git.remote import Ancestry
from release.handler import Work
from release.oci import Registries, Repository
from release.plan.operands import MoveTag
from release.tagging.guard import needs_relation
from release.tagging.model import Held, KnownReleases, Line


class TagObservation(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard judges, read right before and right after a move.

    `rival`: the digest, on this target, of the release, or the image of the branch's tip, that outranks the candidate;
    only set if the tag holds the candidate's image.
    """

    held: Held
    known: KnownReleases
    branch_tip: str | None
    rival: str | None = None


class ReleaseSource(Protocol):
    """The releases that count for a moving tag, read anew at each call."""

    def __call__(self, scope: str, line: Line, repository: Repository) -> KnownReleases:
        """`scope`: the step's component.

        `line`: the line of releases or branch that the tag follows. `repository`: the tag's repository.
        """


class GitBranches(NamedTuple):
    """Reads branches of a git repository, for moving tags that follow a branch.

    `relation`: relates the commit of the image that a tag holds to another commit. `tip`: gives the commit of a branch
    on the remote, asked anew at each call; None if it is unknown.
    """

    relation: Ancestry
    tip: Callable[[str], str | None]


class Watcher:
    """Observes moving tags.

    `releases`: returns the releases that count, which differ for `run`, `promote` and `rollback`.
    """

    def __init__(
        self, registries: Registries, tags: TagReader, releases: ReleaseSource, branches: GitBranches
    ) -> None:
        self._registries = registries
        self._tags = tags
        self._releases = releases
        self._branches = branches

    def look(self, work: Work[MoveTag]) -> TagObservation:
        """What the tag holds now, and the releases or the branch tip that may outrank the candidate."""
        operands = work.operands
        line, tip = operands.line, None
        repository = self._registries.open(operands.target)
        held = self._tags.read(repository, operands.target, operands.tag)
        if held.revision is not None and needs_relation(line, operands.candidate, held):
            relation = self._branches.relation(held.revision, operands.candidate.commit)
            held = msgspec.structs.replace(held, relation=relation)
        if line.kind != "release":
            # The tip counts where the history does not decide, and right after a move, when it shows a newer run.
            decided = held.relation in {"ancestor", "descendant"}
            tip = self._branches.tip(line.name) if line.name is not None and not decided else None
        return TagObservation(held=held, known=self._releases(work.scope, line, repository), branch_tip=tip)

    def look_anew(self, work: Work[MoveTag], *, to_write: bool) -> TagObservation:
        """As `look`, with the tag and the list of tags read now. `to_write`: for a write that follows at once."""
        operands = work.operands
        repository = self._registries.open(operands.target)
        read = self._tags.right_before if to_write else self._tags.anew
        read(repository, operands.tag, listing=operands.line.kind == "release")
        return self.look(work)

    def is_behind(self, tip: str, commit: str) -> bool:
        """Whether the branch's `tip` is an ancestor of `commit`, which then is the newer one."""
        return self._branches.relation(tip, commit) == "ancestor"
