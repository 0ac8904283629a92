"""Finds the release that HEAD's version counts from, and the number of commits since.

1. Version tags come from `show-ref`. This module sorts version tags by precedence; git's own sort order is never used.
2. `rev-list highest...HEAD` shows whether the highest of all tags is reachable from HEAD, and how many commits lie
   between. Usually the highest tag is reachable, and `rev-list` is cheaper than `git describe`: git stops where the two
   histories meet.
3. If the highest tag is not reachable (on a maintenance branch), the output shows which tags are outside HEAD's
   history. The highest of the other tags is compared next.
4. If the second tag is not reachable (with three lines of releases), one walk over HEAD's whole history finds the tag.

In a shallow clone one walk over the history that is there finds the tag. The missing history cannot change the distance
if every commit after the tag has its parents in the clone. It can hold a higher tag: one whose commit is not in the
history that is there may be an ancestor of the tag, like `v2.0.0-rc.1` of a later `v1.9.0`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container

import msgspec

from release.git.command import Git, understood
from release.git.history_walk import Position, of_line, seconds_of, walk_history
from release.git.model import Describe
from release.versions.git_tags import VersionTag, VersionTags, highest_tag

# Tags that are compared with HEAD before the walk. Two cover a repository with one maintenance branch; each more would
# cost a process, and a snapshot would exceed six.
_QUESTIONS = 2


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
    certain: bool = False,
    failed: list[VersionTag] | None = None,
) -> Position:
    """(Base and distance, commit time, parents, number of commits) of HEAD, in at most three processes.

    If HEAD has a version tag, base and number are None. The number is given only if there is no base.
    `edge`: the commits whose parents a shallow clone lacks. If the missing history could change the distance, base and
    number are None. `certain`: also if a tag higher than the base may be in the missing history.
    `nearest`: count from the nearest release, not the highest. `walk`: walk HEAD's history at once, in one process,
    without comparing single tags first. `failed`: gets the tag that git could not compare with HEAD.
    """
    with understood("HEAD's history"):
        if tags.at(head):
            return None, *commit_of(git, head), None
        if edge:
            return walk_history(git, head, tags, nearest=nearest, edge=edge, certain=certain)
        if not tags and not walk:
            total = int(git.read("rev-list", "--count", head, "--"))
            return None, *commit_of(git, head), total
        if not nearest and not walk:
            found = _by_questions(git, head, tags, [] if failed is None else failed)
            if found is not None:
                return found
        return walk_history(git, head, tags, nearest=nearest)


def commit_of(git: Git, commit: str) -> tuple[int, tuple[str, ...]]:
    """The time and the parents of a commit."""
    line = git.read("log", "-1", "--format=%ct%x00%P", commit, "--").decode("ascii")
    committed_at, _, parents = line.strip().partition("\0")
    return seconds_of(committed_at), tuple(parents.split())


def stated_parents(git: Git, commit: str) -> tuple[str, ...]:
    """The parents that the commit itself states. At the edge of a shallow clone git's log shows none."""
    header = git.read("cat-file", "commit", commit).partition(b"\n\n")[0]
    lines = header.decode("ascii", "replace").splitlines()
    return tuple(line.removeprefix("parent ") for line in lines if line.startswith("parent "))


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
            committed_at, parents = of_line(sides.head_line)
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


def sure_position(
    clone: Git,
    head: str,
    tags: VersionTags,
    whole: Callable[[], Git | None],
    *,
    edge: Collection[bytes],
    nearest: bool = False,
) -> Position:
    """HEAD's position as in a complete clone, if `whole` can give a git that has HEAD's whole history.

    `whole` is called only if the history that the clone lacks could change the result. If it gives None, the result is
    that of the history that is there, see `position_of`.
    """
    position = position_of(clone, head, tags, nearest=nearest, walk=False, edge=edge, certain=True)
    if not edge or position[0] is not None or position[3] is not None or tags.at(head):
        return position
    reader = whole()
    if reader is not None:
        return position_of(reader, head, tags, nearest=nearest, walk=False)
    return position_of(clone, head, tags, nearest=nearest, walk=False, edge=edge)
