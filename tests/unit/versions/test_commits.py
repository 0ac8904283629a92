"""Which unreleased commits raise the version, with reverts, reverts of reverts, merges and squashes among them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.versions.bump import BumpRules, Reach, step_of
from release.versions.commits import Commit, standing_changes


def sha(number: int) -> str:
    return f"{number:x}".rjust(7, "a") + "0" * 33


def line(*messages: str) -> tuple[Commit, ...]:
    """Return commits in a row, newest first. The oldest has id `sha(0)`; `{0}` in a message is that id."""
    ids = [sha(number) for number in range(len(messages))]
    made = [
        Commit(
            id=ids[number],
            message=message.format(*ids) if "{" in message else message,
            parents=(ids[number - 1] if number else "f" * 40,),
        )
        for number, message in enumerate(messages)
    ]
    return tuple(reversed(made))


def part(commits: Sequence[Commit]) -> str | None:
    step = step_of(standing_changes(commits))
    return None if step is None else step.part


REVERTED = 'Revert "{}"\n\nThis reverts commit {}.'

HISTORIES = {
    "a reverted breaking change no longer counts": (
        ["fix: b", "feat!: a", REVERTED.format("feat!: a", "{1}")],
        "patch",
    ),
    "a revert and what it reverts count for nothing": (["feat: a", REVERTED.format("feat: a", "{0}")], None),
    "a revert of a revert counts again": (
        ["feat!: a", REVERTED.format("feat!: a", "{0}"), REVERTED.format('Revert "feat!: a"', "{1}")],
        "major",
    ),
    "a revert of a revert in git's newer words": (
        ["feat!: a", REVERTED.format("feat!: a", "{0}"), 'Reapply "feat!: a"\n\nThis reverts commit {1}.'],
        "major",
    ),
    "reverted, reapplied and reverted again": (
        [
            "feat!: a",
            REVERTED.format("feat!: a", "{0}"),
            'Reapply "feat!: a"\n\nThis reverts commit {1}.',
            REVERTED.format("feat!: a", "{0}"),
        ],
        None,
    ),
    "the type revert with Refs": (["feat!: a", "fix: b", "revert: drop it\n\nRefs: {0}"], "patch"),
    "the type revert with several Refs": (["feat!: a", "feat: b", "revert: both\n\nRefs: {0}, {1}"], None),
    "the type revert with a short id": (["feat!: a", "revert: it\n\nRefs: aaaaaa0"], None),
    "the type revert with the subject only": (["feat!: a", "revert: feat!: a"], None),
    "the type revert of a released commit": (["docs: a", "revert: old\n\nRefs: 1234567"], "patch"),
    "the type revert, partly of a released commit": (["feat: a", "revert: x\n\nRefs: {0}, 1234567"], "patch"),
    "git's revert of a released commit": (["docs: a", REVERTED.format("feat: old", "1234567890")], "patch"),
    "a revert whose ids a rebase has changed": (["feat!: a", REVERTED.format("feat!: a", "1" * 40)], None),
    "GitHub's revert of a squash, without an id": (
        ["feat!: a (#12)", 'Revert "feat!: a (#12)" (#13)\n\nReverts acme/app#12'],
        None,
    ),
    "GitHub's revert of a revert": (
        [
            "feat!: a (#12)",
            'Revert "feat!: a (#12)" (#13)\n\nReverts acme/app#12',
            'Revert "Revert "feat!: a (#12)" (#13)" (#14)\n\nReverts acme/app#13',
        ],
        "major",
    ),
    "the same subject after its revert counts": (
        ["feat!: a", REVERTED.format("feat!: a", "{0}"), "feat!: a"],
        "major",
    ),
    "git revert --reference": (
        ["feat!: a", "revert it\n\nThis reverts commit aaaaaa0 (feat!: a, 2024-01-01)."],
        None,
    ),
    "a fix that takes a commit back counts as a fix": (
        ["feat!: a", "fix: take it back\n\nThis reverts commit {0}."],
        "patch",
    ),
    "two commits reverted at once": (
        ["feat!: a", "feat: b", 'Revert "a and b"\n\nThis reverts commit {0}.\nThis reverts commit {1}.'],
        None,
    ),
    "a revert of something newer takes nothing back": (["revert: x\n\nRefs: {1}", "feat!: a"], "major"),
    "a squash that holds a change and its revert": (
        ['Title (#12)\n\n* feat!: a\n\n* Revert "feat!: a"\n\nThis reverts commit 1234567.\n\n* fix: b'],
        "patch",
    ),
    "a squash of git with a change and its revert": (
        [
            (
                f'Squashed commit of the following:\n\ncommit {"b" * 40}\n\n    Revert "feat!: a"\n\n'
                f"    This reverts commit {'a' * 40}.\n\ncommit {'a' * 40}\n\n    feat!: a\n"
            )
        ],
        None,
    ),
    "a squash's own subject counts, whatever it reverts inside": (
        ['feat!: a\n\n* feat!: a\n\n* Revert "feat!: a"'],
        "major",
    ),
    "a squash with the revert of an older commit": (
        ["feat!: a", "Title\n\n* revert: feat!: a\n\n* fix: b"],
        "patch",
    ),
    "empty messages": (["", " ", "fix: a"], "patch"),
}


@pytest.mark.parametrize(("messages", "expected"), HISTORIES.values(), ids=HISTORIES.keys())
def test_reverts_take_back_the_part_that_unreleased_commits_raise(
    messages: list[str], expected: str | None
) -> None:
    assert part(line(*messages)) == expected


def merged(message: str, *branch: str, revert: str = "") -> tuple[Commit, ...]:
    """Return the commits of a branch and its merge; with `revert` also a commit that reverts the merge."""
    base, found = "f" * 40, []
    for number, text in enumerate(branch):
        parent = sha(number - 1) if number else base
        found.append(Commit(id=sha(number), message=text, parents=(parent,), paths=(f"{number}.txt",)))
    main = Commit(id="d" * 40, message="docs: main", parents=(base,), paths=("main.txt",))
    merge = Commit(id="c" * 40, message=message, parents=(main.id, found[-1].id))
    newer = [Commit(id="b" * 40, message=revert, parents=(merge.id,))] if revert else []
    return (*newer, merge, *reversed(found), main)


MERGES = {
    "the merged commits count": (merged("Merge branch 'x'", "feat: a"), "minor"),
    "the subject of a merge does not count": (merged("feat!: merge x", "fix: a"), "patch"),
    "the changes in a merge's body do not count": (merged("Merge x\n\n* feat!: a", "docs: a"), None),
    "GitHub's title below the merge does not count": (merged("Merge pull request #1\n\nfeat: a", "docs: a"), None),
    "the breaking change of a merge counts": (merged("Merge x\n\nBREAKING CHANGE: y", "fix: a"), "major"),
    "a reverted merge takes its commits back": (
        merged(
            "Merge x", "feat!: a", "feat: b",
            revert=f'Revert "Merge x"\n\nThis reverts commit {"c" * 40}, reversing\nchanges made to {"d" * 40}.',
        ),
        None,
    ),
    "a reverted merge, from its other side": (
        merged(
            "Merge x", "feat: b",
            revert=f'Revert "Merge x"\n\nThis reverts commit {"c" * 40}, reversing\nchanges made to {sha(0)}.',
        ),
        "minor",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("commits", "expected"), MERGES.values(), ids=MERGES.keys())
def test_of_a_merge_without_a_breaking_footer_only_the_merged_commits_raise_the_version(
    commits: tuple[Commit, ...], expected: str | None
) -> None:
    assert part(commits) == expected


def test_a_merge_with_a_breaking_footer_concerns_the_files_of_the_merged_commits() -> None:
    change = standing_changes(merged("Merge x\n\nBREAKING CHANGE: y", "docs: a", "docs: b"))[0]
    assert (change.entry.breaking, change.paths) == (True, ("0.txt", "1.txt"))


def test_the_reason_for_the_next_version_names_up_to_three_commits_that_raise_it() -> None:
    step = step_of(standing_changes(line("feat: a", "fix: b", "feat: c\n\nbody", "feat: d", "feat: e")))
    assert step is not None
    named = [f"`feat: {name}` ({sha(number)[:12]})" for name, number in (("e", 4), ("d", 3), ("c", 2))]
    assert step.reason == f"minor: {', '.join(named)} and 1 more"


def test_changes_of_a_components_dependencies_alone_raise_its_patch() -> None:
    commits = [
        Commit(id=sha(number), message=message, paths=(path,))
        for number, (message, path) in enumerate(
            [("feat!: a", "lib"), ("docs: b", "lib"), ("feat!: c", "web")]
        )
    ]
    reach: dict[str, Reach] = {"lib": "dependency", "web": "none", "api": "own"}
    step = step_of(standing_changes(commits), BumpRules(), lambda paths: reach[paths[0]])
    assert step is not None
    assert (step.part, [one.commit.id for one in step.changes]) == ("patch", [sha(0)])


types = st.sampled_from(["feat: ", "fix: ", "docs: ", "feat!: ", "words "])


@given(st.lists(types, max_size=8), st.data())
def test_no_version_part_is_raised_if_every_commit_is_reverted(kinds: list[str], data: st.DataObject) -> None:
    messages = [f"{kind}{number}" for number, kind in enumerate(kinds)]
    order = data.draw(st.permutations(range(len(messages))))
    reverts = [REVERTED.format(messages[number], sha(number)) for number in order]
    assert part(line(*messages, *reverts)) is None
    back = [
        REVERTED.format(f'Revert "{messages[number]}"', sha(len(messages) + at))
        for at, number in enumerate(order)
    ]
    assert part(line(*messages, *reverts, *back)) == part(line(*messages))
