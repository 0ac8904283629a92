"""Where HEAD stands among the releases: the base that an off-tag version counts from, and the distance to it.

1. The version tags come from `show-ref`, and are compared by precedence here, never by git.
2. `rev-list highest...HEAD` tells whether the highest of all is reachable, and then its distance too. It stops
   where the two meet, so it is cheaper than `git describe`, and it is the usual case.
3. Otherwise (a maintenance branch) one walk over HEAD's history finds the highest version in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from release.facts import Describe
from release.git.command import Git
from release.tagging.listing import VersionTag, VersionTags
from release.tagging.versions import precedence_key

Position = tuple[Describe | None, int, tuple[str, ...], int | None]


def position_of(
    git: Git, head: str, tags: VersionTags, *, shallow: bool, nearest: bool, walk: bool
) -> Position:
    """Where HEAD stands: (base and distance, commit time, parents, number of commits), in two processes at most."""
    if shallow or tags.at(head):
        return None, *_commit(git, head), None
    highest = tags.highest
    if highest is None and not walk:
        total = int(git.read("rev-list", "--count", head, "--"))
        return None, *_commit(git, head), total
    if highest is not None and not nearest and not walk:
        near = _from_highest(git, head, highest)
        if near is not None:
            return near
    return _walk(git, head, tags, nearest=nearest)


def _commit(git: Git, commit: str) -> tuple[int, tuple[str, ...]]:
    line = git.read("log", "-1", "--format=%ct%x00%P", commit, "--").decode("ascii")
    committed_at, _, parents = line.strip().partition("\0")
    return int(committed_at), tuple(parents.split())


def _from_highest(git: Git, head: str, highest: VersionTag) -> Position | None:
    """The position when the highest version of all is reachable, else None."""
    done = git.run("rev-list", "--timestamp", "--parents", "--left-right", f"{highest.commit}...{head}", "--")
    if done.code != 0:
        return None  # the tag does not name a commit
    lines = done.stdout.split(b"\n")[:-1]
    mark = b" >" + head.encode()
    own = next((line for line in lines if mark in line), None)
    if own is None or any(b" <" in line for line in lines):
        return None
    committed_at, _, *parents = own.decode("ascii").split()
    describe = Describe(git_tag=highest.git_tag, commit=highest.commit, distance=len(lines))
    return describe, int(committed_at), tuple(parent.lstrip("<>-") for parent in parents), None


def _walk(git: Git, head: str, tags: VersionTags, *, nearest: bool) -> Position:
    """The position from all of HEAD's history, children before parents: exact, and as slow as that."""
    lines = git.read("rev-list", "--timestamp", "--topo-order", "--parents", head, "--").split(b"\n")[:-1]
    committed_at, _, *parents = lines[0].decode("ascii").split()
    named = _best_by_commit(tags)
    if nearest:
        chosen = _nearest(lines, named)
    else:
        reachable = [tag for line in lines if (tag := named.get(_commit_of(line))) is not None]
        chosen = max(reachable, key=lambda tag: precedence_key(tag.version), default=None)
    if chosen is None:
        return None, int(committed_at), tuple(parents), len(lines)
    distance = len(lines) - _ancestors_in(lines, chosen.commit.encode())
    describe = Describe(git_tag=chosen.git_tag, commit=chosen.commit, distance=distance)
    return describe, int(committed_at), tuple(parents), None


def _best_by_commit(tags: VersionTags) -> dict[bytes, VersionTag]:
    """The highest version of each tagged commit."""
    best: dict[bytes, VersionTag] = {}
    for tag in sorted(tags.tags, key=lambda tag: precedence_key(tag.version)):
        best[tag.commit.encode()] = tag
    return best


def _commit_of(line: bytes) -> bytes:
    return line.split(b" ", 2)[1]


def _ancestors_in(lines: list[bytes], commit: bytes) -> int:
    """How many commits of a walk (children before parents) are reachable from `commit`, itself included."""
    reached = {commit}
    count = 0
    for line in lines:
        _, own, *parents = line.split(b" ")
        if own in reached:
            reached.discard(own)
            reached.update(parents)
            count += 1
    return count


def _nearest(lines: list[bytes], named: Mapping[bytes, VersionTag]) -> VersionTag | None:
    """The tagged commit with the fewest commits between it and HEAD, as `git describe` means it.

    Only tagged commits that are not ancestors of another tagged one can be it, and those are few.
    """
    frontier: list[bytes] = []
    hidden: set[bytes] = set()
    for line in lines:
        _, own, *parents = line.split(b" ")
        if own in hidden:
            hidden.discard(own)
            hidden.update(parents)
        elif own in named:
            frontier.append(own)
            hidden.update(parents)
    return max(
        (named[commit] for commit in frontier),
        key=lambda tag: (_ancestors_in(lines, tag.commit.encode()), precedence_key(tag.version)),
        default=None,
    )
