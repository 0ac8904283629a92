"""Finds the release that HEAD's version counts from, and the number of commits since.

1. Version tags come from `show-ref` and are ordered by precedence here, never by git.
2. `rev-list highest...HEAD` tells whether the highest of all tags is reachable from HEAD, and its distance. This is the
   usual case, and cheaper than `git describe`: the walk stops where both histories meet.
3. On a maintenance branch the same output tells which tags are not in HEAD's history. The highest of the others is
   tried next.
4. If that is not reachable either (three lines of releases), one walk over HEAD's whole history decides.
"""

from __future__ import annotations

import io
import re
from collections.abc import Container, Iterator, Mapping

import msgspec

from release.errors import GitError
from release.git.command import Git, understood
from release.git.model import Describe
from release.versions.git_tags import VersionTag, VersionTags, highest_tag
from release.versions.semver import precedence_key

_LAST_SECOND = 253_402_300_799  # the last of the year 9999
_QUESTIONS = 2  # tags to try before the walk, so that a snapshot takes at most six processes

Position = tuple[Describe | None, int, tuple[str, ...], int | None]


class _Sides(msgspec.Struct, frozen=True, kw_only=True):
    """The two sides of `tag...HEAD`: commits only in the tag's history, the number only in HEAD's, and HEAD's line."""

    only_tag: frozenset[bytes]
    distance: int
    head_line: bytes


def position_of(
    git: Git, head: str, tags: VersionTags, *, shallow: bool, nearest: bool, walk: bool
) -> Position:
    """(Base and distance, commit time, parents, number of commits) of HEAD, in at most three processes.

    `nearest`: count from the nearest release, not the highest. `walk`: start with the walk, which is one process.
    """
    with understood("HEAD's history"):
        if shallow or tags.at(head):
            return None, *_commit(git, head), None
        if not tags.versions and not walk:
            total = int(git.read("rev-list", "--count", head, "--"))
            return None, *_commit(git, head), total
        if not nearest and not walk:
            found = _by_questions(git, head, tags)
            if found is not None:
                return found
        return _walk(git, head, tags, nearest=nearest)


def _commit(git: Git, commit: str) -> tuple[int, tuple[str, ...]]:
    line = git.read("log", "-1", "--format=%ct%x00%P", commit, "--").decode("ascii")
    committed_at, _, parents = line.strip().partition("\0")
    return _seconds(committed_at), tuple(parents.split())


def _seconds(text: str) -> int:
    """A commit's time. Raises `GitError` for an impossible one: a crafted commit object may hold any text."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) <= _LAST_SECOND):
        raise GitError(
            f"the commit at HEAD has `{text[:40]}` as its date, which is not a number of seconds up to the year 9999",
            hint="`git commit --amend --date=now` writes a new date",
        )
    return int(text)


def _by_questions(git: Git, head: str, tags: VersionTags) -> Position | None:
    """The position by trying the highest tags; None if none of them is in HEAD's history."""
    candidate = tags.highest
    excluded: set[bytes] = set()
    for _ in range(_QUESTIONS):
        if candidate is None:
            return None
        sides = _compare(git, head, candidate)
        if sides is not None and not sides.only_tag:
            committed_at, parents = _of_line(sides.head_line)
            base = Describe(git_tag=candidate.git_tag, commit=candidate.commit, distance=sides.distance)
            return base, committed_at, parents, None
        excluded |= sides.only_tag if sides is not None else {candidate.commit.encode()}
        candidate = _highest_without(tags, excluded)
    return None


def _highest_without(tags: VersionTags, excluded: Container[bytes]) -> VersionTag | None:
    return highest_tag(tag for tag in tags.tags if tag.commit.encode() not in excluded)


def _compare(git: Git, head: str, tag: VersionTag) -> _Sides | None:
    """Compare a tag with HEAD; None if the tag does not name a commit."""
    span = f"{tag.commit}...{head}"
    done = git.run("rev-list", "--timestamp", "--parents", "--left-right", "--boundary", span, "--")
    if done.code != 0:
        return None
    # Lines are `<seconds> <mark><commit> <parents>`. A search, since there may be many lines.
    # HEAD is a boundary commit (`-`) if the tag is one of its descendants.
    own = re.search(rb"^[0-9]+ [>-]%s.*$" % head.encode(), done.stdout, re.MULTILINE)
    if own is None:
        raise ValueError(f"`rev-list {span}` does not show its end")
    return _Sides(
        only_tag=frozenset(re.findall(rb" <([0-9a-f]+)", done.stdout)),
        distance=done.stdout.count(b" >"),
        head_line=own[0],
    )


def _of_line(line: bytes) -> tuple[int, tuple[str, ...]]:
    committed_at, _, *parents = line.decode("ascii").split()
    return _seconds(committed_at), tuple(parents)


def _walk(git: Git, head: str, tags: VersionTags, *, nearest: bool) -> Position:
    """The position by walking HEAD's whole history, children before parents: always right, and slow."""
    history = git.read("rev-list", "--timestamp", "--topo-order", "--parents", head, "--")
    committed_at, parents = _of_line(history[: history.index(b"\n")])
    total = history.count(b"\n")
    named = _best_by_commit(tags)
    if nearest:
        chosen = _nearest(history, named)
    else:
        chosen = highest_tag(
            tag for line in _lines(history) if (tag := named.get(_commit_of(line))) is not None
        )
    if chosen is None:
        return None, committed_at, parents, total
    distance = total - _ancestors_in(history, chosen.commit.encode())
    base = Describe(git_tag=chosen.git_tag, commit=chosen.commit, distance=distance)
    return base, committed_at, parents, None


def _lines(history: bytes) -> Iterator[bytes]:
    """The lines one by one: a list would take several times the memory."""
    return (line.rstrip(b"\n") for line in io.BytesIO(history))


def _best_by_commit(tags: VersionTags) -> dict[bytes, VersionTag]:
    """The highest version of each tagged commit."""
    best: dict[bytes, VersionTag] = {}
    for tag in sorted(tags.tags, key=lambda tag: precedence_key(tag.version)):
        best[tag.commit.encode()] = tag
    return best


def _commit_of(line: bytes) -> bytes:
    return line.split(b" ", 2)[1]


def _ancestors_in(history: bytes, commit: bytes) -> int:
    """How many commits of a walk (children before parents) are reachable from `commit`, itself included."""
    reached = {commit}
    count = 0
    for line in _lines(history):
        _, own, *parents = line.split(b" ")
        if own in reached:
            reached.discard(own)
            reached.update(parents)
            count += 1
    return count


def _nearest(history: bytes, named: Mapping[bytes, VersionTag]) -> VersionTag | None:
    """The tagged commit with the fewest commits between it and HEAD, as in `git describe`.

    Only tagged commits without a tagged descendant are compared. There are few.
    """
    frontier: list[bytes] = []
    hidden: set[bytes] = set()
    for line in _lines(history):
        _, own, *parents = line.split(b" ")
        if own in hidden:
            hidden.discard(own)
            hidden.update(parents)
        elif own in named:
            frontier.append(own)
            hidden.update(parents)
    return max(
        (named[commit] for commit in frontier),
        key=lambda tag: (_ancestors_in(history, tag.commit.encode()), precedence_key(tag.version)),
        default=None,
    )
