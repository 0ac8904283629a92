"""Finds the release that HEAD's version counts from, and the number of commits since.

1. Version tags come from `show-ref`. This module sorts version tags by precedence; git's own sort order is never used.
2. `rev-list highest...HEAD` shows whether the highest of all tags is reachable from HEAD, and how many commits lie
   between. Usually the highest tag is reachable, and `rev-list` is cheaper than `git describe`: git stops where the two
   histories meet.
3. If the highest tag is not reachable (on a maintenance branch), the output shows which tags are outside HEAD's
   history. The highest of the other tags is compared next.
4. If the second tag is not reachable (with three lines of releases), one walk over HEAD's whole history finds the tag.

In a shallow clone one walk over the history that is there finds the tag. The missing history cannot change the result
if every commit after the tag has its parents in the clone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Container, Iterator, Mapping

import msgspec

from release.errors import GitError
from release.git.command import Git, understood
from release.git.model import Describe
from release.versions.git_tags import VersionTag, VersionTags, highest_tag
from release.versions.semver import precedence_key

# Seconds since the epoch: the last second of the year 9999, which is the last that `datetime` can represent. Times of
# commits become dates of labels and tags.
_LAST_SECOND = 253_402_300_799
# Tags that are compared with HEAD before the walk. Two cover a repository with one maintenance branch; each more would
# cost a process, and a snapshot would exceed six.
_QUESTIONS = 2

Position = tuple[Describe | None, int, tuple[str, ...], int | None]


class _Sides(msgspec.Struct, frozen=True, kw_only=True):
    """The two sides of `tag...HEAD`: the commits only in the tag's history, the number of those only in HEAD's."""

    only_tag: frozenset[bytes]
    distance: int
    head_line: bytes  # `rev-list`'s line for HEAD


def position_of(
    git: Git,
    head: str,
    tags: VersionTags,
    *,
    nearest: bool,
    walk: bool,
    edge: Collection[bytes] = (),
    failed: list[VersionTag] | None = None,
) -> Position:
    """(Base and distance, commit time, parents, number of commits) of HEAD, in at most three processes.

    If HEAD has a version tag, base and number are None. The number is given only if there is no base.
    `edge`: the commits whose parents a shallow clone lacks. If the missing history could change the result, base and
    number are None.
    `nearest`: count from the nearest release, not the highest. `walk`: walk HEAD's history at once, in one process,
    without comparing single tags first. `failed`: gets the tag that git could not compare with HEAD.
    """
    with understood("HEAD's history"):
        if tags.at(head):
            return None, *commit_of(git, head), None
        if edge:
            return _walk(git, head, tags, nearest=nearest, edge=edge)
        if not tags and not walk:
            total = int(git.read("rev-list", "--count", head, "--"))
            return None, *commit_of(git, head), total
        if not nearest and not walk:
            found = _by_questions(git, head, tags, [] if failed is None else failed)
            if found is not None:
                return found
        return _walk(git, head, tags, nearest=nearest)


def commit_of(git: Git, commit: str) -> tuple[int, tuple[str, ...]]:
    """The time and the parents of a commit."""
    line = git.read("log", "-1", "--format=%ct%x00%P", commit, "--").decode("ascii")
    committed_at, _, parents = line.strip().partition("\0")
    return _seconds(committed_at), tuple(parents.split())


def stated_parents(git: Git, commit: str) -> tuple[str, ...]:
    """The parents that the commit itself states. At the edge of a shallow clone git's log shows none."""
    header = git.read("cat-file", "commit", commit).partition(b"\n\n")[0]
    lines = header.decode("ascii", "replace").splitlines()
    return tuple(line.removeprefix("parent ") for line in lines if line.startswith("parent "))


def _seconds(text: str) -> int:
    """A commit's time. Raises `GitError` for an impossible time: a crafted commit object may contain any text."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) <= _LAST_SECOND):
        raise GitError(
            f"the commit at HEAD has `{text[:40]}` as its date, which is not a number of seconds up to the year 9999",
            hint="`git commit --amend --date=now` writes a new date",
        )
    return int(text)


def _by_questions(git: Git, head: str, tags: VersionTags, failed: list[VersionTag]) -> Position | None:
    """HEAD's position from the highest of `_QUESTIONS` tags that is in its history; None if none of these tags is.

    Also None, with the tag in `failed`, if git cannot compare a tag.
    """
    candidate = tags.highest
    excluded: set[bytes] = set()
    for _ in range(_QUESTIONS):
        if candidate is None:
            return None
        sides = _compare(git, head, candidate)
        if sides is None:
            failed.append(candidate)
            return None
        if not sides.only_tag:
            committed_at, parents = _of_line(sides.head_line)
            base = Describe(git_tag=candidate.git_tag, commit=candidate.commit, distance=sides.distance)
            return base, committed_at, parents, None
        excluded |= sides.only_tag
        candidate = _highest_without(tags, excluded)
    return None


def _highest_without(tags: VersionTags, excluded: Container[bytes]) -> VersionTag | None:
    return highest_tag(tag for tag in tags.tags if tag.commit.encode() not in excluded)


def _compare(git: Git, head: str, tag: VersionTag) -> _Sides | None:
    """Compare the histories of a tag and HEAD; None if git fails, as for a tag that does not name a commit."""
    span = f"{tag.commit}...{head}"
    done = git.run("rev-list", "--timestamp", "--parents", "--left-right", "--boundary", span, "--")
    if done.code != 0:
        return None
    # Lines are `<seconds> <mark><commit> <parents>`. HEAD's line is searched without splitting the output, which may be
    # long. HEAD has the mark `-` (boundary commit) if the tag is a descendant of HEAD, else `>`.
    text = done.stdout
    own = max(text.find(b" %s%s" % (mark, head.encode())) for mark in (b">", b"-"))
    if own < 0:
        raise ValueError(f"`rev-list {span}` does not list HEAD")
    return _Sides(
        only_tag=frozenset(re.findall(rb" <([0-9a-f]+)", text)) if b" <" in text else frozenset(),
        distance=text.count(b" >"),
        head_line=text[text.rfind(b"\n", 0, own) + 1 : text.find(b"\n", own)],
    )


def _of_line(line: bytes) -> tuple[int, tuple[str, ...]]:
    committed_at, _, *parents = line.decode("ascii").split()
    return _seconds(committed_at), tuple(parents)


def _walk(git: Git, head: str, tags: VersionTags, *, nearest: bool, edge: Collection[bytes] = ()) -> Position:
    """HEAD's position from a walk over its whole history: works for every history, but is slow in long ones."""
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
    below, open_ends = _ancestors_in(history, chosen.commit.encode() if chosen else b"", edge)
    if chosen is None or open_ends:
        return None, committed_at, parents, None if open_ends else total
    base = Describe(git_tag=chosen.git_tag, commit=chosen.commit, distance=total - below)
    return base, committed_at, parents, None


def _lines(history: bytes) -> Iterator[bytes]:
    """Yield the lines of `history` one at a time: a list of them would take several times the memory."""
    return (line.rstrip(b"\n") for line in io.BytesIO(history))


def _best_by_commit(tags: VersionTags) -> dict[bytes, VersionTag]:
    """Tagged commit -> its tag with the highest version."""
    best: dict[bytes, VersionTag] = {}
    for tag in sorted(tags.tags, key=lambda tag: precedence_key(tag.version)):
        best[tag.commit.encode()] = tag
    return best


def _commit_of(line: bytes) -> bytes:
    return line.split(b" ", 2)[1]


def _ancestors_in(history: bytes, commit: bytes, edge: Collection[bytes] = ()) -> tuple[int, int]:
    """How many commits of `history` (children before parents) are reachable from `commit`, `commit` included.

    The second number counts the commits of `edge` that are not reachable from `commit`.
    """
    reached = {commit}
    count = others = 0
    for line in _lines(history):
        _, own, *parents = line.split(b" ")
        if own in reached:
            reached.discard(own)
            reached.update(parents)
            count += 1
        elif own in edge:
            others += 1
    return count, others


def _nearest(history: bytes, named: Mapping[bytes, VersionTag]) -> VersionTag | None:
    """The tag with the fewest commits between it and HEAD, as in `git describe`.

    Only tagged commits without a tagged descendant in HEAD's history are counted, which are few.
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
        key=lambda tag: (_ancestors_in(history, tag.commit.encode())[0], precedence_key(tag.version)),
        default=None,
    )
