"""The state of releases that `fold` computes from the entries of a log."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.log import Entry
from release.log.fold import fold
from release.log.state import LogState, ReleaseState
from tests.support.logs.facts import (
    COMMIT,
    PROJECT,
    MemoryStore,
    built,
    built_platform,
    digest,
    fact,
    key,
    moved,
    planned,
    pushed,
    released,
    whole_release,
    writer,
)


def folded(*facts: dict[str, Any]) -> LogState:
    log = writer(MemoryStore())
    log.append(list(facts))
    return fold(log.entries())


def release(*facts: dict[str, Any], name: str = "r") -> ReleaseState:
    found = folded(*facts).release(key(name))
    assert found is not None
    return found


ABANDONED = fact("abandoned", reason="its run is over")
FAILED = fact("failed", error={"code": "unreachable", "exit": 5})
CANCELLED = fact("cancelled", signal="SIGTERM")


@pytest.mark.parametrize(
    ("facts", "state", "ended"),
    [
        ([planned()], "planned", None),
        ([planned(), FAILED], "planned", "failed"),
        ([planned(), built()], "built", None),
        ([planned(), built(), CANCELLED], "built", "cancelled"),
        ([planned(), built(), pushed()], "pushed", None),
        ([planned(), built(), pushed(), ABANDONED], "pushed", "abandoned"),
        ([planned(), built(), pushed(), released()], "released", "released"),
        ([planned(), built(), pushed(), released(), moved()], "released", "released"),
        ([planned(), built(), pushed(), ABANDONED, released()], "released", "abandoned"),
        ([planned(), built(), pushed(), released(), FAILED], "released", "released"),
        ([planned(), pushed(), built()], "pushed", None),
        ([planned(), FAILED, CANCELLED], "planned", "failed"),
    ],
)
def test_release_state_follows_its_entries(
    facts: list[dict[str, Any]], state: str, ended: str | None
) -> None:
    found = release(*facts)
    assert found.state == state
    assert found.attempts[0].ended == ended


def test_released_entry_ends_all_open_attempts_at_the_release() -> None:
    killed = [planned(), built()]
    assert [one.ended for one in release(*killed, planned(attempt="b")).attempts] == [None, None]
    found = release(*killed, planned(attempt="b"), pushed(), released())
    assert [one.ended for one in found.attempts] == ["released", "released"]
    late = planned(attempt="c")
    assert len(release(*killed, pushed(), released(), late).open_attempts) == 1
    assert release(*killed, pushed(), released(), late, moved()).open_attempts == ()
    assert release(*killed, pushed(), released(), moved(), late).open_attempts == ()


def test_fold_fills_the_fields_of_a_release_from_its_log_entries() -> None:
    found = release(
        planned(channel="release", git_tag="v1.4.2", inputs={"context": "."}),
        built(),
        pushed(),
        released(),
        moved(),
    )
    assert (found.project, found.commit, found.version) == (PROJECT, COMMIT, "1.4.2")
    assert (found.channel, found.git_tag, found.inputs) == ("release", "v1.4.2", {"context": "."})
    assert found.image is not None
    assert found.image.digest == digest("i")
    assert found.image.platforms[0].platform == "linux/amd64"
    assert found.via == "build"
    assert found.pushed_to(PROJECT) is not None
    assert found.pushed_to("elsewhere/app") is None
    assert found.moved[0].tags == ("latest",)
    assert found.finished
    assert (found.planned_seq, found.released_seq, found.last_seq) == (0, 3, 4)


def test_release_is_unfinished_until_its_moving_tags_are_recorded() -> None:
    facts = [planned(), built(), pushed(), released()]
    assert release(*facts).unfinished == (PROJECT,)
    withheld = moved(tags=[{"name": "latest", "result": "withheld", "reason": "2.0.0 is higher"}])
    finished = release(*facts, withheld)
    assert finished.finished
    assert finished.moved[0].withheld == ("latest",)


def test_optional_target_that_lacks_its_moving_tags_leaves_no_release_unfinished() -> None:
    tags = [{"name": "latest", "kind": "moving"}]
    targets = [
        {"target": PROJECT, "required": True, "tags": tags},
        {"target": "elsewhere/app", "required": False, "tags": tags},
    ]
    facts = [planned(targets=targets), built(), pushed(), released()]
    assert release(*facts).unfinished == (PROJECT,)
    assert release(*facts, moved()).finished


def test_release_that_was_not_yet_released_has_no_unfinished_targets() -> None:
    assert release(planned(), built()).unfinished == ()
    assert not release(planned(), built()).finished


def test_second_attempt_at_a_release_is_kept_beside_the_first() -> None:
    found = release(
        planned(), built(), planned(attempt="b", resumes="a", lease_ms=60_000), pushed(attempt="b")
    )
    assert [attempt.id for attempt in found.open_attempts] == ["a", "b"]
    assert found.attempts[1].resumes == "a"
    assert found.attempts[1].lease_ms == 60_000
    assert found.state == "pushed"


def test_release_image_is_the_released_then_the_pushed_then_the_last_built_one() -> None:
    two = [planned(), built(image="i"), planned(attempt="b"), built(image="j", attempt="b")]
    for facts, expected in (
        (two, "j"),
        ([*two, pushed(image="i")], "i"),
        ([*two, pushed(image="i"), released(image="i")], "i"),
        ([*two, released(image="j"), pushed(image="i")], "j"),
    ):
        found = release(*facts)
        assert found.image is not None
        assert found.image.digest == digest(expected)


def test_lost_image_is_dropped_from_its_release() -> None:
    lost = fact("abandoned", reason="nobody has the bytes", lost=digest("i"))
    found = release(planned(), built(), pushed(), released(), lost)
    assert (found.state, found.image, found.pushed) == ("planned", None, ())
    again = [planned(attempt="b"), built(image="j", attempt="b"), released(image="j", attempt="b")]
    assert release(planned(), built(), pushed(), released(), lost, *again).state == "released"


def test_images_of_single_platforms_are_kept_in_the_order_in_which_they_were_recorded() -> None:
    arm = built_platform(platform="linux/arm64", image="arm", attestations=[digest("x")])
    context = {"digest": digest("c"), "untracked": 0}
    found = release(
        planned(),
        built_platform(image="old"),
        arm,
        built_platform(image="new", attempt="b", context=context),
        built_platform(image="odd") | {"digest": "sha256:1", "kind": "built-platform-2"},
    )
    assert [(part.platform, part.digest) for part in found.parts] == [
        ("linux/amd64", digest("old")),
        ("linux/arm64", digest("arm")),
        ("linux/amd64", digest("new")),
    ]
    assert [part.attested for part in found.parts] == [False, True, False]
    newest = found.parts[-1]
    assert (newest.builder, newest.context.digest if newest.context else None) == ("layers", digest("c"))
    assert found.state == "planned"  # only `built` says that there is an image
    assert found.image is None


def test_pushed_entries_of_a_release_are_kept_for_each_target() -> None:
    found = release(planned(), built(), pushed(), pushed(target="mirror/app"))
    assert [content.target for content in found.pushed] == [PROJECT, "mirror/app"]


def test_released_versions_list_rebuilds_and_leave_out_branch_builds() -> None:
    state = folded(
        *whole_release("a", "1.4.1"),
        planned("b", version="1.5.0"),
        *whole_release("c", "1.4.2_r1"),
        planned("d", version="1.4.3", rebuild=2),
        released("d", version="1.4.3"),
        planned("e", version="1.4.4-dev.1.g0a9adab9aa7e", channel="branch"),
        released("e", version="1.4.4-dev.1.g0a9adab9aa7e"),
    )
    assert all(one.state == "released" for one in state.releases.values() if one.channel == "branch")
    assert state.released_versions() == (("1.4.1", COMMIT, 0), ("1.4.2", COMMIT, 1), ("1.4.3", COMMIT, 2))
    assert state.released_versions("other/project") == ()
    assert state.released_versions(PROJECT) == state.released_versions()


def names(state: LogState, status: str, project: str | None = None) -> list[str]:
    return [one.version for one in state.statuses_of(project) if one.status == status]


def test_yanked_versions_are_listed_for_each_project() -> None:
    state = folded(
        {"kind": "yanked", "project": PROJECT, "versions": ["1.4.2", "1.4.3"]},
        {"kind": "yanked", "project": "other", "versions": ["9.0.0"]},
    )
    assert names(state, "yanked", PROJECT) == ["1.4.2", "1.4.3"]
    assert names(state, "yanked") == ["1.4.2", "1.4.3", "9.0.0"]


def test_a_restored_version_counts_again_and_a_later_yank_takes_it_back_again() -> None:
    yank = {"kind": "yanked", "project": PROJECT, "versions": ["1.4.2", "1.4.3"], "number": 1}
    restore = {"kind": "restored", "project": PROJECT, "versions": ["1.4.2"], "number": 2, "follows": 0}
    assert names(folded(yank, restore), "yanked") == ["1.4.3"]
    assert names(folded(restore, yank), "yanked") == ["1.4.3"]
    again = folded(yank, restore, {**yank, "number": 3})
    assert names(again, "yanked") == ["1.4.2", "1.4.3"]
    assert again.statuses[PROJECT, "1.4.2"].seq == 2


def test_a_yank_without_a_number_counts_as_the_newest_status_at_its_place_in_the_log() -> None:
    box = {"kind": "status", "project": PROJECT, "version": "1.4.2", "number": 4, "status": "prerelease"}
    state = folded(box, {"kind": "yanked", "project": PROJECT, "versions": ["1.4.2"]})
    assert (names(state, "yanked"), state.statuses[PROJECT, "1.4.2"].number) == (["1.4.2"], 5)


def test_version_status_is_that_of_the_highest_number_and_prerelease_wins_at_equal_numbers() -> None:
    said = {"kind": "status", "project": PROJECT, "version": "1.5.0"}
    state = folded({**said, "number": 1, "status": "prerelease"}, {**said, "number": 1, "status": "stable"})
    assert names(state, "prerelease", PROJECT) == ["1.5.0"]
    cleared = {**said, "number": 2, "status": "stable"}
    state = folded(cleared, {**said, "number": 1, "status": "prerelease"})
    assert (names(state, "prerelease"), state.statuses[PROJECT, "1.5.0"].number) == ([], 2)
    other = folded({**said, "project": "other", "number": 1, "status": "prerelease"})
    assert (names(other, "prerelease", PROJECT), names(other, "prerelease")) == ([], ["1.5.0"])


def test_tag_history_lists_each_digest_and_the_removal() -> None:
    tag = {"name": "latest", "digest": digest("image-a"), "before": digest("image-b"), "result": "moved"}
    back = moved("a", tags=[tag])
    pruned = {"kind": "pruned", "project": PROJECT, "target": PROJECT, "tags": [{"name": "latest"}]}
    state = folded(*whole_release("a", "1.4.1"), *whole_release("b", "1.4.2"), back, pruned)
    holds = state.holds[(PROJECT, "latest")]
    assert [(hold.version, hold.digest) for hold in holds] == [
        ("1.4.1", digest("image-a")),
        ("1.4.2", digest("image-b")),
        ("1.4.1", digest("image-a")),
        ("", ""),
    ]
    assert [hold.seq for hold in holds] == sorted(hold.seq for hold in holds)


def test_promoted_entry_sets_tags_on_the_other_target() -> None:
    tags = [{"name": "stable", "digest": digest("i")}]
    promoted = {
        "kind": "promoted",
        "project": PROJECT,
        "from": PROJECT,
        "to": "prod/app",
        "digest": digest("i"),
        "tags": tags,
    }
    assert folded(promoted).holds[("prod/app", "stable")][0].digest == digest("i")


def test_entries_of_unknown_kinds_are_skipped_and_counted() -> None:
    state = folded(
        {"kind": "eclipsed", "release": key("r"), "project": PROJECT}, planned(), {"kind": "x", "project": ""}
    )
    assert state.skipped == 2
    assert state.seq == 2
    assert state.release(key("r")) is not None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "digest", "target", "result", "tags"]), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    ["release", "attempt", "image", "tags", "targets", "target", "versions", "version", "lost", "ci", "seq"]
)
KINDS = st.sampled_from(
    ["planned", "built-platform", "built", "pushed", "released", "moved", "abandoned", "yanked", "pruned"]
)


@given(st.lists(st.tuples(KINDS, st.dictionaries(MEMBERS, VALUES, max_size=6)), max_size=9))
def test_fold_accepts_entries_of_any_shape(odd: list[tuple[str, dict[str, Any]]]) -> None:
    entries = [
        Entry(raw=b"", fields={"release": "r", "attempt": "a", **fields, "kind": kind})
        for kind, fields in odd
    ]
    fold(entries)


@given(st.permutations([1, 2, 3, 4]))
def test_interleaved_entries_of_releases_are_kept_apart(order: list[int]) -> None:
    facts = [whole_release(str(number), f"1.0.{number}") for number in order]
    mixed = [fact for step in zip(*facts, strict=True) for fact in step]
    state = folded(*mixed)
    for number in order:
        found = state.release(key(str(number)))
        assert found is not None
        assert found.finished
        assert found.version == f"1.0.{number}"


def test_fold_of_ten_thousand_entries_takes_under_two_seconds() -> None:
    of = [whole_release(str(number), f"1.0.{number}") for number in range(10, 60)]
    entries = writer(MemoryStore()).append([each for facts in of for each in facts])
    started = time.process_time()
    fold(entries * 40)
    assert time.process_time() - started < 2
