"""Reads what the guard of moving tags judges when a tag moves: the tag, the known releases, the branch's tip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from release import git
from release.effects.tag_reader import TagReader
from release.handler import Work
from release.oci import Registries, Repository
from release.plan.operands import MoveTag
from release.ports import Process
from release.tagging.model import Held, KnownReleases, Line


class TagObservation(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard judges, read right before and right after a move.

    `rival`: the digest, on this target, of the release that outranks the candidate; only set if the tag holds the
    candidate's image.
    """

    held: Held
    known: KnownReleases
    branch_tip: str | None
    rival: str | None = None


class ReleaseSource(Protocol):
    """The releases that count for a moving tag, read anew at each call."""

    def __call__(self, scope: str, line: Line, repository: Repository) -> KnownReleases:
        """`scope`: the step's component. `line`: what the tag follows. `repository`: where the tag is."""


class GitBranches:
    """Reads branches of the git repository in `root`, for moving tags that follow a branch."""

    def __init__(self, process: Process, root: str, env: Mapping[str, str]) -> None:
        self._process = process
        self._root = root
        self._env = env

    def relation(self, revision: str, commit: str) -> git.Relation:
        """How `revision`, the commit of the image that the tag holds, relates to `commit` in git's history."""
        return git.relation(self._process, self._root, revision, commit, self._env)

    def tip(self, name: str) -> str | None:
        """The commit of the branch on the remote; None if the remote does not answer."""
        return git.remote_tip(self._process, self._root, name, self._env)


class Watcher:
    """Observes moving tags. `releases`: gives the releases that count; differs for `run`, `promote` and `rollback`."""

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
        if line.kind != "release":
            if held.revision is not None:
                relation = self._branches.relation(held.revision, operands.candidate.commit)
                held = msgspec.structs.replace(held, relation=relation)
            tip = self._branches.tip(line.name) if line.name is not None else None
        return TagObservation(held=held, known=self._releases(work.scope, line, repository), branch_tip=tip)
