"""Questions to the log: releases, tags and digests, now and at an earlier time."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from release.errors import ConfigError
from release.log.answers.mentions import find
from release.log.catalog.view import LogView
from release.log.fold import fold
from release.log.questions import Filter, difference, resolve, select, tags_of
from release.log.state import LogState, ReleaseState
from release.log.timestamps import moment, timestamp
from release.log.writer import Writer
from release.log.yanked import yank_named, yank_of, yanks_of
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

DAY = 86_400_000
START = 1_760_000_000_000  # 2025-10-09T08:53:20Z


class Days:
    """A clock that advances one day with each append."""

    def __init__(self) -> None:
        self.at = START - DAY

    def now(self) -> int:
        self.at += DAY
        return self.at

    def monotonic(self) -> float:
        return 0.0


def log(*appends: list[dict[str, Any]]) -> Writer:
    made = writer(MemoryStore())
    made._clock = Days()
    for facts in appends:
        made.append(facts)
    return made


def state(*appends: list[dict[str, Any]]) -> LogState:
    return fold(log(*appends).entries())


def view(*appends: list[dict[str, Any]]) -> LogView:
    return log(*appends).view()


RELEASES = (whole_release("a", "1.4.1"), whole_release("b", "1.4.2"), whole_release("c", "1.5.0"))
THREE = state(*RELEASES)
TAGS = view(*RELEASES)


def test_at_returns_the_digest_that_a_tag_pointed_to_at_a_time() -> None:
    (then,) = TAGS.at("latest", moment("2025-10-10T12:00"))
    assert (then.target, then.hold.version, then.hold.digest) == (PROJECT, "1.4.2", digest("image-b"))
    assert then.until == timestamp(START + 2 * DAY)
    (now,) = TAGS.at("latest", moment("2030-01-01"))
    assert (now.hold.version, now.until) == ("1.5.0", None)


def test_at_returns_nothing_before_a_tag_was_first_set() -> None:
    assert TAGS.at("latest", moment("2025-10-08")) == ()
    assert TAGS.at("unheard-of", moment("2030-01-01")) == ()


def test_at_returns_nothing_after_a_tag_was_removed() -> None:
    pruned = {"kind": "pruned", "project": PROJECT, "target": PROJECT, "tags": [{"name": "latest"}]}
    after = view(whole_release("a", "1.4.1"), [pruned])
    assert after.at("latest", moment("2025-10-09"))[0].until == timestamp(START + DAY)
    assert after.at("latest", moment("2025-10-11")) == ()


def test_tag_history_follows_the_order_of_entries_when_clocks_disagree() -> None:
    made = writer(MemoryStore())
    clock = Days()
    made._clock = clock
    made.append(whole_release("a", "1.4.1"))
    clock.at = START - 10 * DAY  # the next writer's clock is wrong
    made.append(whole_release("b", "1.4.2"))
    (now,) = made.view().at("latest", moment("2030-01-01"))
    assert now.hold.version == "1.4.2"


def test_history_lists_all_digests_of_a_tag() -> None:
    (latest,) = TAGS.holds("latest", None).tags
    assert [hold.version for hold in latest.holds] == ["1.4.1", "1.4.2", "1.5.0"]
    assert TAGS.holds(f"{PROJECT}:latest", None).tags == (latest,)
    assert TAGS.holds("elsewhere/app:latest", None).tags == ()
    (fixed,) = TAGS.holds("1.4.2", None).tags
    assert [hold.digest for hold in fixed.holds] == [digest("image-b")]


def test_history_keeps_tags_of_different_targets_apart() -> None:
    both = view([*whole_release("a", "1.4.1"), moved("a", "image-a", target="mirror/app")])
    assert [place.target for place in both.holds("latest", None).tags] == [PROJECT, "mirror/app"]


def test_find_lists_every_mention_of_an_image_digest() -> None:
    entries = log(whole_release("a", "1.4.1")).entries()
    roles = [(mention.kind, mention.role) for mention in find(entries, digest("image-a"))]
    assert roles == [
        ("built", "image"),
        ("pushed", "image"),
        ("pushed", f"tag 1.4.1 on {PROJECT}"),
        ("released", "image"),
        ("moved", f"tag latest on {PROJECT}"),
    ]


def test_find_lists_the_digest_of_a_platform() -> None:
    entries = log([planned(), built(image="index")], [planned("s"), built("s", "other")]).entries()
    wanted = digest("index-amd64")
    # Only in the first release; both platforms' digests begin alike in this test's names.
    (mention,) = find(entries, wanted)
    assert (mention.role, mention.release, mention.digest) == ("platform linux/amd64", key("r"), wanted)


def test_find_lists_images_of_single_platforms_and_their_attestations() -> None:
    part = built_platform(platform="linux/arm64", image="q", attestations=[digest("t")])
    entries = log([planned(), part]).entries()
    assert [mention.role for mention in find(entries, digest("q"))] == ["platform linux/arm64"]
    assert [mention.role for mention in find(entries, digest("t"))] == ["attestation"]


def test_find_accepts_a_shortened_digest() -> None:
    entries = log(whole_release("a", "1.4.1", "q")).entries()
    assert find(entries, digest("q")[:20]) == find(entries, digest("q"))
    assert find(entries, digest("q").removeprefix("sha256:")) == find(entries, digest("q"))
    assert find(entries, "sha256:" + "0" * 64) == ()


@pytest.mark.parametrize("wrong", ["", "sha256:", "sha256:abc", "latest", "sha512:" + "a" * 64])
def test_find_refuses_text_that_is_not_a_digest(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is not a digest"):
        find((), wrong)


def test_find_lists_lost_promoted_pruned_and_replaced_digests() -> None:
    facts = [
        fact("abandoned", lost=digest("x")),
        {"kind": "promoted", "project": "p", "to": "prod/app", "digest": digest("x")},
        {"kind": "pruned", "project": "p", "target": PROJECT, "digests": [digest("x")]},
        moved(tags=[{"name": "latest", "digest": digest("y"), "before": digest("x"), "result": "moved"}]),
    ]
    roles = [mention.role for mention in find(log(facts).entries(), digest("x"))]
    assert roles == ["lost", "digest", "pruned", f"before: tag latest on {PROJECT}"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1.4.2", ["b"]),
        ("v9", ["v"]),
        (key("b"), ["b"]),
        (key("b")[:8], ["b"]),
        (digest("image-b"), ["b"]),
        (digest("image-b")[7:40], ["b"]),
        (digest("image-b-amd64"), ["b"]),
        ("latest", ["a", "b"]),
        (f"{PROJECT}:1.4.2", ["b"]),
        (COMMIT, ["a", "b", "v"]),
        (COMMIT[:12], ["a", "b", "v"]),
        (COMMIT[:6], []),
        ("9.9.9", []),
        ("sha256:", []),
        ("sha256:123456", []),
        ("", []),
    ],
)
def test_resolve_finds_releases_by_version_tag_digest_and_commit(name: str, expected: list[str]) -> None:
    found = state(
        whole_release("a", "1.4.1"),
        whole_release("b", "1.4.2"),
        [planned("v", version="9.0.0", git_tag="v9")],
    )
    assert [release.key for release in resolve(found, name)] == [key(each) for each in expected]


def test_resolve_prefers_a_version_to_a_tag_of_that_name() -> None:
    odd = state(whole_release("a", "1.4"), [*whole_release("b", "1.4.2"), moved("b", "image-b", tag="1.4")])
    assert [release.key for release in resolve(odd, "1.4")] == [key("a")]


MIXED = state(
    [*whole_release("a", "1.4.1")],
    [planned("b", version="1.5.0-rc.1", channel="prerelease", actor="bob"), built("b"), released("b")],
    [planned("c", version="", channel="branch", source={"ref": "refs/heads/main"}), pushed("c", tag="sha-1")],
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), "cba"),
        (Filter(images=(PROJECT,)), "cba"),
        (Filter(images=("nothing", "acme/app")), "cba"),
        (Filter(images=("cme/app",)), ""),
        (Filter(tag="latest"), "a"),
        (Filter(tag="sha-1"), "c"),
        (Filter(version="1.4.1"), "a"),
        (Filter(channel="prerelease"), "b"),
        (Filter(branch="main"), "c"),
        (Filter(since=moment("2025-10-09")), "cb"),
        (Filter(tag=f"{PROJECT}:latest"), "a"),
        (Filter(tag="ghcr.io/other/app:latest"), ""),
        (Filter(branch="refs/heads/main"), "c"),
        (Filter(until=moment("2025-10-09")), "a"),
        (Filter(since=timestamp(START + DAY), until=timestamp(START + 2 * DAY)), "b"),
        (Filter(state="pushed"), "c"),
        (Filter(state="released"), "ba"),
        (Filter(state="finished"), "a"),
        (Filter(actor="bob"), "b"),
        (Filter(actor="bob", channel="branch"), ""),
    ],
    ids=str,
)
def test_select_returns_the_releases_that_match_the_filter(wanted: Filter, expected: str) -> None:
    assert [release.key for release in select(MIXED, wanted)] == [key(each) for each in expected]


def release_of(*facts: dict[str, Any]) -> ReleaseState:
    found = state(list(facts)).release(key("r"))
    assert found is not None
    return found


def test_difference_lists_changed_inputs_and_platforms() -> None:
    arm = {"platform": "linux/arm64", "digest": digest("arm"), "size": 1}
    old = release_of(planned(inputs={"context": ".", "stage": "dev", "args": ["A"]}), built(image="i"))
    new = release_of(
        planned(commit="f" * 40, inputs={"context": ".", "args": ["A", "B"]}),
        fact("built", image={"digest": digest("j"), "platforms": [arm]}),
    )
    found = difference(old, new)
    assert (found.before, found.after, found.same_image) == (COMMIT, "f" * 40, False)
    assert [(change.name, change.before, change.after) for change in found.inputs] == [
        ("args", ["A"], ["A", "B"]),
        ("stage", "dev", None),
    ]
    assert (found.platforms_added, found.platforms_removed) == (("linux/arm64",), ("linux/amd64",))
    assert difference(old, old).same_image


def test_tags_of_lists_the_fixed_tags_of_a_release_before_its_moving_tags() -> None:
    (release,) = resolve(THREE, "1.4.2")
    assert tags_of(release) == ("1.4.2", "latest")


def test_rebuild_of_a_version_with_build_metadata_has_the_name_of_its_fixed_tag() -> None:
    facts = [
        {**one, "rebuild": 1}
        for one in whole_release("a", "1.0.0+a")
        if one["kind"] in ("planned", "released")
    ]
    log = writer(MemoryStore())
    log.append(facts)
    state = fold(log.entries())
    (release,) = state.releases.values()
    assert release.name == "1.0.0_a_r1"
    for name in ("1.0.0_a_r1", "1.0.0+a_r1"):
        assert resolve(state, name) == (release,)
    yanked = {"kind": "yanked", "project": PROJECT, "versions": ["1.0.0_a_r1"], "number": 1}
    log.append([yanked])
    assert yank_of(yanks_of(log.entries()), release) is not None


def test_yank_of_a_version_is_about_its_rebuilds_and_that_of_a_rebuild_about_itself_alone() -> None:
    log = writer(MemoryStore())
    for version in ("1.4.2", "1.5.0_r1"):
        log.append([{"kind": "yanked", "project": PROJECT, "versions": [version], "number": 1}])
    yanks = yanks_of(log.entries())
    names = ("1.4.2", "1.4.2_r1", "1.5.0", "1.5.0_r1", "1.5.0_r2", "edge", "")
    assert [name for name in names if yank_named(yanks, PROJECT, name)] == ["1.4.2", "1.4.2_r1", "1.5.0_r1"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_number_of_a_status_and_not_the_order_of_entries_says_what_is_taken_back(
    order: tuple[int, ...],
) -> None:
    """A run without the log records its decision later, with `log import`."""
    facts = [
        {"kind": "yanked", "project": PROJECT, "versions": ["1.4.2", "1.5.0", "1.6.0"], "number": 1},
        {"kind": "restored", "project": PROJECT, "versions": ["1.4.2", "1.5.0"], "number": 2},
        {"kind": "yanked", "project": PROJECT, "versions": ["1.5.0"], "number": 2},
        {"kind": "status", "project": PROJECT, "version": "1.6.0", "status": "stable", "number": 2},
    ]
    log = writer(MemoryStore())
    log.append([facts[at] for at in order])
    assert list(yanks_of(log.entries())) == [(PROJECT, "1.5.0")]
    taken = [key for key, one in fold(log.entries()).statuses.items() if one.status == "yanked"]
    assert taken == [(PROJECT, "1.5.0")]
