"""Finds version tags that name no commit: a tree, a blob, or an object that the repository lacks.

No image can be built from such a tag, so it is no release. Git shows the object of a tag, and not its type, in the
listings that commands read (`show-ref`, `packed-refs`); to look up the type of each of 20,000 tags would take longer
than everything else. So only tags are looked up that can change an answer: the highest ones above HEAD's version, and
all tags once one of these, or the tag that git cannot compare with HEAD, is found to name no commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from release.git.command import Git, understood
from release.git.model import Snapshot, UnfitTag
from release.versions.git_tags import VersionTag, VersionTags

#: Object -> (the object that it peels to, its type: `commit`, `tree`, `blob`). Objects that are missing are not listed.
Peeled = Mapping[str, tuple[str, str]]


def unfit_tags(
    git: Git, tags: VersionTags, head: str, *, doubtful: bool, objects: Peeled | None = None
) -> tuple[UnfitTag, ...]:
    """The version tags that name no commit. At most two processes; none if no tag is above HEAD's version.

    `doubtful`: whether a tag could not be compared with HEAD: all tags are looked up. `objects`: those of all tags, if
    they were looked up before.
    """
    if objects is not None:
        return _unfit(tags.tags, objects)
    if not doubtful:
        above = tags.tops_above(head)
        doubtful = bool(above) and bool(_unfit(above, peeled(git, (tag.commit for tag in above))))
    return _unfit(tags.tags, peeled(git, (tag.commit for tag in tags.tags))) if doubtful else ()


def _unfit(tags: Iterable[VersionTag], objects: Peeled) -> tuple[UnfitTag, ...]:
    kinds = ((tag, objects.get(tag.commit, ("", "missing"))[1]) for tag in tags)
    return tuple(
        UnfitTag(git_tag=tag.git_tag, target=tag.commit, kind=kind) for tag, kind in kinds if kind != "commit"
    )


def peeled(git: Git, objects: Iterable[str]) -> Peeled:
    """What the objects peel to, from one process."""
    named = sorted(set(objects))
    asked = "".join(f"{one}^{{}}\n" for one in named).encode()
    lines = git.read("cat-file", "--batch-check", stdin=asked).decode("ascii", "replace").splitlines()
    with understood("the objects of tags"):
        # Lines are `<object> <type> <size>`, or `<name> missing`.
        found = [line.split(" ") for line in lines]
        return {name: (row[0], row[1]) for name, row in zip(named, found, strict=True) if row[1] != "missing"}


def fit_tags(tags: Mapping[str, str], snapshot: Snapshot) -> Mapping[str, str]:
    """`tags` of the remote, each with its object, without those that are known to name a tree or a blob."""
    left_out = {(one.git_tag, one.target) for one in snapshot.unfit if one.kind != "missing"}
    return (
        {name: target for name, target in tags.items() if (name, target) not in left_out}
        if left_out
        else tags
    )
