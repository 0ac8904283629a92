"""Finds the unreleased changes that still count, without reverted changes and without plain merges. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import msgspec

from release.versions.commit_message import Entry, Reverted, entries_of, plain_subject


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One unreleased commit. `parents`: full ids. `paths`: the files that it changed, if they were asked for.

    A merge has no paths of its own: the merged commits have them.
    """

    id: str
    message: str
    parents: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The first line of the message that is not empty."""
        return next((line.strip() for line in self.message.splitlines() if line.strip()), "")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change that counts, the commit that made it, and the files that the commit changed or, as a merge, brought."""

    commit: Commit
    entry: Entry
    paths: tuple[str, ...] = ()


def standing_changes(commits: Sequence[Commit]) -> tuple[Change, ...]:
    """The changes that were not taken back, newest first. `commits`: newest first, children before their parents.

    Neither a reverted commit nor its revert counts; a reverted revert takes nothing back. A commit that is not in
    `commits` was released, so its revert counts. A merge counts only if its text below the subject says `BREAKING
    CHANGE`.
    """
    return tuple(_Reader(commits).changes())


class _Reader:
    """Reads commits from the newest on, so that it is known of each commit whether a newer one reverted it."""

    def __init__(self, commits: Sequence[Commit]) -> None:
        self._commits = commits
        self._entries = [entries_of(commit.message) for commit in commits]
        self._position = {commit.id: number for number, commit in enumerate(commits)}
        self._ids = sorted(self._position)
        self._by_subject: dict[str, list[int]] = {}
        for number, entries in enumerate(self._entries):
            if entries:
                self._by_subject.setdefault(plain_subject(entries[0].subject), []).append(number)
        self._gone: set[int] = set()  # reverted commits
        self._gone_entries: set[tuple[int, int]] = set()  # reverted changes of squashes

    def changes(self) -> Iterator[Change]:
        for number, commit in enumerate(self._commits):
            if number in self._gone:
                continue
            if len(commit.parents) > 1:
                yield from self._of_merge(number, commit)
                continue
            entries = self._entries[number]
            for index, entry in enumerate(entries):
                if entry.reverts is not None and self._take_back(number, index, entry, entry.reverts):
                    self._gone_entries.add((number, index))
            for index, entry in enumerate(entries):
                if (number, index) not in self._gone_entries:
                    yield Change(commit=commit, entry=entry, paths=commit.paths)

    def _of_merge(self, number: int, commit: Commit) -> Iterator[Change]:
        for entry in self._entries[number][:1]:
            # `feat!: …` of a merge repeats what the merged commits say. A footer may be the only place that says it.
            if entry.breaking and any(one.breaking for one in entries_of(_without_subject(commit.message))):
                merged = self._merged(number, commit.parents[0])
                paths = {path for one in merged for path in self._commits[one].paths}
                yield Change(commit=commit, entry=entry, paths=tuple(sorted(paths)))

    def _take_back(self, number: int, index: int, entry: Entry, reverted: Reverted) -> bool:
        """Take back what an entry reverts. Returns whether no change of the entry counts any more."""
        commits = [self._find(one, number) for one in reverted.commits]
        known = [one for one in commits if one is not None]
        for one in known:
            self._gone.update(self._with_merged(one, reverted.kept))
        sibling = self._sibling(number, index, reverted)
        if sibling is not None:
            self._gone_entries.add((number, sibling))
            return True
        if not known and reverted.subject:
            # After a rebase the ids in messages name commits that no longer exist; the subjects still match.
            older = self._older(number, reverted.subject)
            if older is not None:
                self._gone.update(self._with_merged(older, reverted.kept))
                return True
        is_revert = entry.type == "revert"
        return is_revert and bool(known) and len(known) == len(commits)

    def _sibling(self, number: int, index: int, reverted: Reverted) -> int | None:
        """The change of the same squash that is reverted."""
        wanted = plain_subject(reverted.subject)
        for other, entry in enumerate(self._entries[number]):
            if other == index or (number, other) in self._gone_entries:
                continue
            by_id = entry.commit and any(entry.commit.startswith(one) for one in reverted.commits)
            # The first entry is the squash's own subject, which its author chose for the sum of all changes.
            if by_id or (other and wanted and plain_subject(entry.subject) == wanted):
                return other
        return None

    def _find(self, commit: str, number: int) -> int | None:
        """The older commit whose id begins with `commit`."""
        if (exact := self._position.get(commit)) is not None:
            return exact if exact > number else None
        first = bisect_left(self._ids, commit)
        found = [id_ for id_ in self._ids[first : first + 2] if id_.startswith(commit)]
        if len(found) != 1 or self._position[found[0]] <= number:
            return None
        return self._position[found[0]]

    def _older(self, number: int, subject: str) -> int | None:
        """The newest commit with this subject that is older than commit `number` and was not reverted."""
        same = self._by_subject.get(plain_subject(subject), [])
        start = bisect_left(same, number + 1)
        return next((one for one in same[start:] if one not in self._gone), None)

    def _with_merged(self, number: int, kept: str) -> set[int]:
        """The commit and, if it is a merge, the commits that it merged."""
        commit = self._commits[number]
        if len(commit.parents) < 2:
            return {number}
        mainline = next((one for one in commit.parents if kept and one.startswith(kept)), commit.parents[0])
        return {number, *self._merged(number, mainline)}

    def _merged(self, number: int, mainline: str) -> set[int]:
        """The commits that merge `number` brought to the history of `mainline`, one of its parents."""
        return self._history(number) - self._history(self._position.get(mainline)) - {number}

    def _history(self, number: int | None) -> set[int]:
        """`number` and its ancestors among the commits."""
        found, waiting = set[int](), [] if number is None else [number]
        while waiting:
            one = waiting.pop()
            if one in found:
                continue
            found.add(one)
            waiting += [self._position[id_] for id_ in self._commits[one].parents if id_ in self._position]
        return found


def _without_subject(message: str) -> str:
    """The message with a neutral subject in place of its own."""
    lines = message.lstrip().splitlines()
    return "\n".join(["merge", *lines[1:]])
