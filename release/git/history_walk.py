"""Walks over HEAD's whole history to find the release that its version counts from.

This works for every history, and for those that a shallow clone cuts, but is slow in long ones.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping

from release.errors import GitError
from release.git.command import Git
from release.git.model import Describe
from release.versions.git_tags import VersionTag, VersionTags, highest_tag
from release.versions.semver import precedence_key

#: Base and distance of a commit, its time, its parents, and the number of commits in its history.
Position = tuple[Describe | None, int, tuple[str, ...], int | None]
# Seconds since the epoch: the last second of the year 9999, which is the last that `datetime` can represent. Times of
# commits become dates of labels and tags.
_LAST_SECOND = 253_402_300_799


def walk_history(
    git: Git,
    head: str,
    tags: VersionTags,
    *,
    nearest: bool,
    edge: Collection[bytes] = (),
    certain: bool = False,
) -> Position:
    """HEAD's position from a walk over its history. The arguments are those of `position_of`."""
    history = git.read("rev-list", "--timestamp", "--topo-order", "--parents", head, "--")
    committed_at, parents = of_line(history[: history.index(b"\n")])
    total = history.count(b"\n")
    named = _best_by_commit(tags)
    if nearest:
        chosen = _nearest(history, named)
    else:
        chosen = highest_tag(
            tag for line in _lines(history) if (tag := named.get(_commit_of(line))) is not None
        )
    below, open_ends = _ancestors_in(history, chosen.commit.encode() if chosen else b"", edge)
    if certain and not nearest and chosen is not None and is_below_another(chosen, tags):
        # Also the commits of the edge that `chosen` reaches: a higher tag may be behind them.
        open_ends = _ancestors_in(history, b"", edge)[1]
    if chosen is None or open_ends:
        return None, committed_at, parents, None if open_ends else total
    base = Describe(git_tag=chosen.git_tag, commit=chosen.commit, distance=total - below)
    return base, committed_at, parents, None


def is_below_another(tag: VersionTag, tags: VersionTags) -> bool:
    """Whether one of `tags` has a higher version than `tag`."""
    return tags.highest is not None and precedence_key(tags.highest.version) > precedence_key(tag.version)


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


def of_line(line: bytes) -> tuple[int, tuple[str, ...]]:
    """The time and the parents of the commit in a line of `rev-list --timestamp --parents`."""
    committed_at, _, *parents = line.decode("ascii").split()
    return seconds_of(committed_at), tuple(parents)


def seconds_of(text: str) -> int:
    """A commit's time. Raises `GitError` for an impossible time: a crafted commit object may contain any text."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) <= _LAST_SECOND):
        raise GitError(
            f"the commit at HEAD has `{text[:40]}` as its date, which is not a number of seconds up to the year 9999",
            hint="`git commit --amend --date=now` writes a new date",
        )
    return int(text)
