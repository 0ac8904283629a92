"""Which versions a rollback takes back, and to which version it moves each tag."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import RefusedError
from release.plan.model import Plan
from release.plan.rollback import RestoreTarget, Rollback, plan_rollback
from release.plan.rollback_versions import TagRestore, above, aims, commit_of, rebuilds_above
from release.tagging import guard
from release.tagging.line_releases import highest
from release.tagging.model import Candidate, KnownReleases, KnownVersion, Line, MovingTag
from release.versions.model import Version
from release.versions.semver import parse, precedence_key
from tests.support.releases.subjects import COMMIT, DIGEST, IMAGE

LATEST = MovingTag(name="latest", reason="", line=Line(kind="release"))
ONE = MovingTag(name="1", reason="", line=Line(kind="release", major=1))
ONE_FOUR = MovingTag(name="1.4", reason="", line=Line(kind="release", major=1, minor=4))
TWO = MovingTag(name="2", reason="", line=Line(kind="release", major=2))


def known(*versions: str, yanked: tuple[str, ...] = ()) -> KnownReleases:
    return KnownReleases(
        versions=tuple(
            KnownVersion(version=parse(text), source="git tag", commit=COMMIT) for text in versions
        ),
        yanked=yanked,
    )


def texts(versions: tuple[Version, ...]) -> list[str]:
    return [str(version) for version in versions]


def built(*numbers: int, yanked: tuple[str, ...] = ()) -> KnownReleases:
    """Return releases of version 1.0.0: the rebuilds with these numbers; 0 is the first build."""
    return KnownReleases(
        versions=tuple(
            KnownVersion(version=parse("1.0.0"), source="log", commit=COMMIT, rebuild=number)
            for number in numbers
        ),
        yanked=yanked,
    )


class TestRebuildsAbove:
    @pytest.mark.parametrize(
        ("rebuild", "releases", "expected"),
        [
            (0, built(0), ()),
            (0, built(0, 1), ("1.0.0_r1",)),
            (0, built(0, 1, 2, 10), ("1.0.0_r10", "1.0.0_r2", "1.0.0_r1")),
            (1, built(0, 1, 2), ("1.0.0_r2",)),
            (2, built(0, 1, 2), ()),
            (0, built(0, 1, 2, yanked=("1.0.0_r2",)), ("1.0.0_r1",)),
        ],
    )
    def test_rebuilds_above_lists_the_newer_builds_of_a_version(
        self, rebuild: int, releases: KnownReleases, expected: tuple[str, ...]
    ) -> None:
        assert rebuilds_above(parse("1.0.0"), rebuild, releases) == expected
        after = msgspec.structs.replace(releases, yanked=(*releases.yanked, *expected))
        top = highest(LATEST.line, after)
        assert top is not None
        assert top.rebuild == rebuild

    def test_rollback_to_a_build_that_is_not_released_is_refused(self) -> None:
        with pytest.raises(RefusedError, match=r"1\.0\.0_r1 was taken back itself"):
            rebuilds_above(parse("1.0.0"), 1, built(0, 1, yanked=("1.0.0_r1",)))
        with pytest.raises(RefusedError, match=r"1\.0\.0_r3 was never released"):
            rebuilds_above(parse("1.0.0"), 3, built(0, 1))


class TestAbove:
    def test_above_lists_the_versions_higher_than_the_given_one_the_highest_first(self) -> None:
        releases = known("1.4.0", "1.4.1", "1.4.2", "2.0.0-rc.1", "2.0.0", "1.3.9")
        assert texts(above(parse("1.4.1"), releases)) == ["2.0.0", "2.0.0-rc.1", "1.4.2"]

    def test_above_with_line_lists_versions_of_that_line(self) -> None:
        releases = known("1.4.1", "1.4.2", "1.5.0", "2.0.0")
        assert texts(above(parse("1.4.1"), releases, Line(kind="release", major=1))) == ["1.5.0", "1.4.2"]
        line = Line(kind="release", major=1, minor=4)
        assert texts(above(parse("1.4.1"), releases, line)) == ["1.4.2"]

    def test_above_leaves_out_yanked_versions(self) -> None:
        assert texts(above(parse("1.4.1"), known("1.4.1", "1.4.2", yanked=("1.4.2",)))) == []

    def test_above_lists_a_version_known_from_two_sources_once(self) -> None:
        assert texts(above(parse("1.4.1"), known("1.4.1", "1.4.2", "1.4.2"))) == ["1.4.2"]

    @pytest.mark.parametrize(("to", "said"), [("1.4.9", "never released"), ("1.4.2", "taken back itself")])
    def test_above_refuses_an_unreleased_or_yanked_version(self, to: str, said: str) -> None:
        with pytest.raises(RefusedError, match=said):
            above(parse(to), known("1.4.1", "1.4.2", yanked=("1.4.2",)))


class TestAims:
    def test_rollback_aims_each_tag_at_the_highest_version_left_narrow_tags_first(self) -> None:
        releases = known("1.3.9", "1.4.1", "1.4.2", "2.0.0", yanked=("1.4.2", "2.0.0"))
        found, left = aims((LATEST, TWO, ONE, ONE_FOUR), releases)
        assert [(aim.tag, str(aim.version)) for aim in found] == [
            ("1.4", "1.4.1"),
            ("1", "1.4.1"),
            ("latest", "1.4.1"),
        ]
        assert left == ("2",)

    def test_rollback_leaves_a_tag_on_a_version_that_is_not_yanked_where_it_is(self) -> None:
        found, _ = aims((LATEST, ONE_FOUR), known("1.4.1", "1.4.2", "2.0.0", yanked=("1.4.2",)))
        assert {aim.tag: str(aim.version) for aim in found} == {"1.4": "1.4.1", "latest": "2.0.0"}

    def test_rollback_aims_at_the_last_rebuild_of_a_version(self) -> None:
        rebuilt = KnownVersion(version=parse("1.4.1"), source="registry", rebuild=2)
        releases = KnownReleases(versions=(*known("1.4.1", "1.4.2").versions, rebuilt), yanked=("1.4.2",))
        (aim,), _ = aims((LATEST,), releases)
        assert aim.fixed == "1.4.1_r2"

    @given(
        st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=12, unique=True),
        st.data(),
    )
    def test_the_guard_of_moving_tags_allows_every_move_of_a_rollback(
        self, numbers: list[tuple[int, int, int]], data: Any
    ) -> None:
        releases = known(*(f"{major}.{minor}.{patch}" for major, minor, patch in numbers))
        to = data.draw(st.sampled_from(releases.versions)).version
        after = msgspec.structs.replace(releases, yanked=(*releases.yanked, *texts(above(to, releases))))
        lines = (LATEST, MovingTag(name="x", reason="", line=Line(kind="release", major=to.major)))
        found, left = aims(lines, after)
        assert left == ()
        for aim in found:
            assert precedence_key(aim.version) <= precedence_key(to)
            candidate = Candidate(commit=COMMIT, version=aim.version)
            assert isinstance(guard.judge(aim.line, candidate, after), guard.Move)


def test_commit_of_a_version_comes_from_any_source_that_knows_a_commit() -> None:
    unknown = KnownVersion(version=parse("1.4.1"), source="registry")
    assert commit_of(parse("1.4.1"), KnownReleases(versions=(unknown, *known("1.4.1").versions))) == COMMIT
    assert commit_of(parse("1.4.1"), KnownReleases(versions=(unknown,))) is None


def landing(**changes: Any) -> RestoreTarget:
    given: dict[str, Any] = {
        "target": IMAGE,
        "required": True,
        "aims": tuple(
            TagRestore(tag=tag.name, line=tag.line, version=parse("1.4.1")) for tag in (ONE_FOUR, ONE, LATEST)
        ),
        "digest": DIGEST,
        "commit": COMMIT,
        "release": "a" * 64,
    }
    return RestoreTarget(**{**given, **changes})


def plan(*landings: RestoreTarget, yanks: tuple[str, ...] = ("1.4.2",)) -> Plan:
    rollback = Rollback(
        project=IMAGE, component="app", reason="bad", to="1.4.1", yanks=yanks, landings=landings
    )
    return plan_rollback(rollback, {})


def test_rollback_records_the_yank_before_the_tag_moves_and_the_moves_at_the_end() -> None:
    assert [(step.phase, step.id) for step in plan(landing()).steps] == [
        ("preflight", "check:log"),
        ("preflight", f"check:{IMAGE}:1.4.1"),
        ("permission", f"check-push:{IMAGE}:1.4.1"),
        ("yanked", "record:yanked"),
        ("moving", f"move:{IMAGE}:1.4"),
        ("moving", f"move:{IMAGE}:1"),
        ("moving", f"move:{IMAGE}:latest"),
        ("moving", f"record:moved:{IMAGE}:1.4.1"),
    ]


def test_plan_of_a_settled_rollback_has_no_record_or_permission_steps() -> None:
    kinds = {step.kind for step in plan(landing(settled=True), yanks=()).steps}
    assert kinds == {"check-log", "check-target", "move-tag"}


def test_records_of_a_rollback_have_versions_reason_and_the_entry_that_they_follow() -> None:
    steps = {step.id: step for step in plan(landing(follows=12)).steps}
    yanked: Any = steps["record:yanked"].operands
    assert (yanked.fact["versions"], yanked.fact["reason"]) == (("1.4.2",), "bad")
    moved: Any = steps[f"record:moved:{IMAGE}:1.4.1"].operands
    assert moved.fact["follows"] == 12
    assert moved.fact["reason"] == "rollback to 1.4.1: bad"


def test_rollback_steps_of_an_optional_target_are_not_required() -> None:
    other = landing(target="registry.example.com/copy", required=False)
    required = {step.id: step.required for step in plan(landing(), other).steps}
    assert {flag for name, flag in required.items() if "example.com" in name} == {False}
    assert {flag for name, flag in required.items() if "example.com" not in name} == {True}
