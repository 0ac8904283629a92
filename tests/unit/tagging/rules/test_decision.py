"""Decisions by tag rules: which tags are fixed, which move, and which the guard withholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.context import CiContext, PullRequest
from release.app.releases.known import from_git, unite
from release.app.releases.known_everywhere import from_registry_tags
from release.errors import ConfigError, GitError, TagConflict
from release.facts import Facts, reconcile
from release.git.model import Describe, Snapshot
from release.tagging.decide import decide
from release.tagging.model import (
    Decision,
    FixedTag,
    KnownFrom,
    KnownReleases,
    KnownVersion,
    Line,
    MovingTag,
    TagPolicy,
)
from release.tagging.names import is_image_tag
from release.tagging.rules.decision import rules_decision, with_labels
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.parse import rules_from_config
from release.versions.semver import parse, precedence_key

HEAD = "3f2a9c1b7d40e5f6a7b8c9d0e1f2a3b4c5d6e7f8"
OLD = "b" * 40

SEMVER = """\
type=semver,pattern={{version}}
type=semver,pattern={{major}}.{{minor}}
type=semver,pattern={{major}}
type=ref,event=branch
type=ref,event=pr
type=sha
"""


def facts(
    tags: Mapping[str, str] | None = None,
    *,
    branch: str | None = "main",
    ci: CiContext | None = None,
    describe: tuple[str, int] | None = None,
) -> Facts:
    """Return facts about HEAD. `tags`: git tag -> commit. `describe`: the last version tag and its distance."""
    lines = "".join(f"{commit} refs/tags/{name}\n" for name, commit in (tags or {}).items())
    snapshot = Snapshot(
        root="/src",
        common_dir="/src/.git",
        head=HEAD,
        branch=branch,
        committed_at=1_700_000_000,
        tag_listing=lines.encode(),
        describe=Describe(git_tag=describe[0], commit=OLD, distance=describe[1]) if describe else None,
    )
    return reconcile(snapshot, ci or CiContext(), 1_700_000_000_000)


def decided(of: Facts, tags: str, *, policy: TagPolicy | None = None, **options: Any) -> Decision:
    policy = policy or TagPolicy()
    known = options.pop("known", None) or from_git(of.snapshot, policy.prefix)
    return rules_decision(of, policy, known, rules=rules_from_config(tags, source="tags"), **options)


def names(decision: Decision) -> tuple[list[str], list[str], list[str]]:
    """Return the names of the fixed, of the moving and of the withheld tags, each in their order."""
    fixed = [tag.name for tag in decision.tags if isinstance(tag, FixedTag)]
    moving = [tag.name for tag in decision.tags if isinstance(tag, MovingTag)]
    return fixed, moving, [tag.name for tag in decision.withheld]


def lines(decision: Decision) -> dict[str, Line]:
    return {tag.name: tag.line for tag in decision.tags if isinstance(tag, MovingTag)}


class TestRelease:
    def test_tags_of_rules_with_the_version_or_commit_are_fixed_and_other_tags_move(self) -> None:
        decision = decided(facts({"v1.4.2": HEAD}), SEMVER)
        assert names(decision) == (["1.4.2", "sha-3f2a9c1"], ["1.4", "1", "latest"], [])
        assert decision.version == "1.4.2"
        assert decision.channel == "release"
        assert lines(decision)["1.4"] == Line(kind="release", major=1, minor=4)
        assert lines(decision)["latest"] == Line(kind="release")

    def test_version_tag_has_policy_version_and_commit_tag_first_wins(self) -> None:
        decision = decided(facts({"v1.4.2": HEAD}), SEMVER)
        policies = {tag.name: tag.policy for tag in decision.tags if isinstance(tag, FixedTag)}
        assert policies == {"1.4.2": "version", "sha-3f2a9c1": "first-wins"}

    def test_backport_does_not_move_tags_of_higher_releases(self) -> None:
        decision = decided(facts({"v1.3.9": HEAD, "v2.0.0": OLD, "v1.4.0": OLD}), SEMVER)
        assert names(decision) == (["1.3.9", "sha-3f2a9c1"], ["1.3"], ["1", "latest"])
        assert decision.withheld[1].reason == "2.0.0 is higher"
        assert decision.withheld[1].rightly

    def test_higher_release_in_the_registry_withholds_latest(self) -> None:
        of = facts({"v1.3.9": HEAD})
        known = unite(from_git(of.snapshot), from_registry_tags(["2.0.0"]))
        assert names(decided(of, SEMVER, known=known))[2] == ["latest"]

    def test_moving_tags_are_withheld_as_a_fault_if_the_registry_is_unreadable(self) -> None:
        of = facts({"v1.3.9": HEAD})
        known = KnownReleases(known_from=KnownFrom(git="complete", registry="unknown"))
        decision = decided(of, SEMVER, known=known)
        assert names(decision)[1] == []
        assert not any(withheld.rightly for withheld in decision.withheld)

    def test_prerelease_has_no_moving_tags_by_semver_rules(self) -> None:
        decision = decided(facts({"v1.5.0-rc.1": HEAD}), SEMVER)
        assert names(decision) == (["1.5.0-rc.1", "sha-3f2a9c1"], [], [])
        assert decision.channel == "prerelease"

    def test_moving_tags_are_ordered_narrow_to_wide_although_their_rules_are_not(self) -> None:
        patterns = ("{{major}}", "{{major}}.{{minor}}", "{{version}}")
        rules = "\n".join(f"type=semver,pattern={pattern}" for pattern in patterns)
        assert names(decided(facts({"v1.4.2": HEAD}), rules))[1] == ["1.4", "1", "latest"]

    def test_branch_build_of_a_released_commit_has_the_tags_of_the_branch_only(self) -> None:
        ci = CiContext(system="github", event="push", commit=HEAD, branch="main", default_branch="main")
        assert names(decided(facts({"v1.4.2": HEAD}, ci=ci), SEMVER)) == (
            ["sha-3f2a9c1"],
            ["main"],
            [],
        )

    def test_the_prefix_of_a_component_is_not_part_of_its_version(self) -> None:
        decision = decided(
            facts({"api/v1.4.2": HEAD, "v9.0.0": OLD}), SEMVER, policy=TagPolicy(prefix="api/")
        )
        assert names(decision) == (["1.4.2", "sha-3f2a9c1"], ["1.4", "1", "latest"], [])

    def test_version_given_on_the_command_line_is_used_by_tag_rules(self) -> None:
        decision = decided(facts(), SEMVER, version=parse("3.0.0"))
        assert names(decision)[0] == ["3.0.0", "sha-3f2a9c1"]

    def test_fixed_tag_of_a_rebuild_ends_with_the_rebuild_number(self) -> None:
        decision = decided(facts({"v1.4.2": HEAD}), SEMVER, rebuild=2)
        assert names(decision) == (["1.4.2_r2"], ["1.4", "1", "latest"], [])

    def test_version_tagged_on_another_commit_is_a_conflict(self) -> None:
        with pytest.raises(TagConflict, match=r"1\.4\.2 was released from commit"):
            decided(facts({"app-1.4.2": HEAD, "v1.4.2": OLD}, ci=_tagged("app-1.4.2")), _MATCH)

    def test_rules_that_read_two_versions_from_one_commit_are_an_error(self) -> None:
        with pytest.raises(ConfigError, match=r"tags:2:1: the rules read two versions"):
            decided(
                facts({"v1.4.2": HEAD}),
                "type=semver,pattern={{version}}\ntype=semver,pattern={{major}},value=v9.9.9",
            )


_MATCH = "type=semver,pattern={{version}},match=app-(.*)\ntype=semver,pattern={{major}},match=app-(.*)"


def _tagged(git_tag: str) -> CiContext:
    return CiContext(system="github", event="tag", commit=HEAD, git_tag=git_tag)


class TestVersionsThatTheRulesRead:
    def test_version_found_by_rules_only_is_released(self) -> None:
        decision = decided(facts({"app-1.4.2": HEAD}, ci=_tagged("app-1.4.2")), _MATCH)
        assert names(decision) == (["1.4.2"], ["1", "latest"], [])
        assert decision.version == "1.4.2"
        assert decision.channel == "release"
        assert decision.candidate is not None
        assert str(decision.candidate.version) == "1.4.2"

    def test_higher_release_in_the_registry_guards_a_version_found_by_rules(self) -> None:
        of = facts({"app-1.4.2": HEAD}, ci=_tagged("app-1.4.2"))
        decision = decided(of, _MATCH, known=unite(from_git(of.snapshot), from_registry_tags(["1.5.0"])))
        assert names(decision) == (["1.4.2"], [], ["1", "latest"])

    def test_moving_tag_of_a_version_that_cannot_be_compared_is_withheld(self) -> None:
        of = facts({"1.2.3.4": HEAD}, ci=_tagged("1.2.3.4"))
        decision = decided(of, "type=pep440,pattern={{version}}\ntype=pep440,pattern={{major}}")
        assert names(decision)[0] == ["1.2.3.4"]
        assert "1" in names(decision)[2]

    def test_calendar_version_moves_its_month_but_not_the_year_of_a_higher_release(self) -> None:
        of = facts({"2026.11.20": HEAD, "2026.12.1": OLD}, ci=_tagged("2026.11.20"))
        decision = decided(
            of, "type=calver\ntype=calver,pattern={{year}}.{{month}}\ntype=calver,pattern={{year}}"
        )
        assert names(decision) == (["2026.11.20"], ["2026.11"], ["2026", "latest"])


class TestBranchAndRequest:
    def test_branch_build_moves_the_tag_of_its_branch(self) -> None:
        decision = decided(facts(branch="feature/x"), SEMVER)
        assert names(decision) == (["sha-3f2a9c1"], ["feature-x"], [])
        assert lines(decision)["feature-x"] == Line(kind="branch", name="feature/x")

    def test_branch_called_like_a_release_gets_the_prefix_branch(self) -> None:
        decision = decided(facts(branch="1.4"), "type=ref,event=branch\ntype=sha")
        assert names(decision)[1] == ["branch-1.4"]

    def test_decision_has_no_fixed_tag_if_no_rule_makes_one(self) -> None:
        decision = decided(facts(), "type=edge,branch=main")
        assert names(decision) == ([], ["edge"], [])

    def test_patch_of_a_calendar_version_is_its_third_number(self) -> None:
        snapshot = facts({"2026.11.20.3": OLD}, describe=("2026.11.20.3", 5))
        decision = decided(
            snapshot, "type=describe,pattern=day-{{patch}}", policy=TagPolicy(versions="calver")
        )
        assert names(decision)[1] == ["day-20"]

    def test_tag_of_type_describe_is_fixed(self) -> None:
        decision = decided(facts({"v1.4.2": OLD}, describe=("v1.4.2", 5)), "type=describe")
        assert names(decision)[0] == ["1.4.3-dev.5.g3f2a9c1b7d40"]
        assert decision.tags[0].reason == "5 commits after `v1.4.2` (rule `type=describe` at tags:1:1)"

    @pytest.mark.parametrize(
        ("of", "value", "policy"),
        [
            (facts({"v1.4.2": HEAD}), "x-{{version}}", "version"),
            (facts({"v1.4.2": HEAD}), "{{tag}}-x", "version"),
            (facts({"v1.4.2": HEAD}), "x-{{sha}}", "first-wins"),
            (facts({"v1.4.2": OLD}, describe=("v1.4.2", 5)), "x-{{version}}", "first-wins"),
            (facts(), "x-{{sha}}", "first-wins"),
        ],
    )
    def test_raw_text_with_a_version_or_commit_is_a_fixed_tag(
        self, of: Facts, value: str, policy: str
    ) -> None:
        (tag,) = decided(of, f"type=raw,value={value}").tags
        assert isinstance(tag, FixedTag)
        assert tag.policy == policy

    @pytest.mark.parametrize(
        ("of", "value", "line"),
        [
            (facts({"v1.4.2": HEAD}), "stable", Line(kind="release")),
            (facts({"v1.4.2": HEAD}), "v1", Line(kind="release", major=1)),
            (facts({"v1.4.2": HEAD}), "1.4", Line(kind="release", major=1, minor=4)),
            (facts({"v1.4.2": HEAD}), "2.0", Line(kind="release")),
            (facts({"v1.4.2-rc.1": HEAD}), "next", Line(kind="release", channel="rc")),
            (facts(), "stable", Line(kind="branch", name="main")),
            (facts(), "{{date 'YYYY'}}", Line(kind="branch", name="main")),
        ],
    )
    def test_raw_text_without_version_and_commit_is_a_moving_tag(
        self, of: Facts, value: str, line: Line
    ) -> None:
        assert list(lines(decided(of, f"type=raw,value={value}")).values()) == [line]

    def test_run_without_any_tag_has_a_warning(self) -> None:
        decision = decided(facts(), "type=ref,event=tag")
        assert decision.tags == ()
        assert decision.warnings[-1] == "no rule gives this run a tag"

    def test_pull_request_of_the_repository_has_a_fixed_head_commit_tag_and_a_moving_pr_tag(self) -> None:
        request = PullRequest(number=7, head_sha="c" * 40, fork=False)
        ci = CiContext(system="github", event="pull-request", commit=HEAD, pull_request=request)
        decision = decided(
            facts(ci=ci), "type=ref,event=pr\ntype=sha,commit=head", policy=TagPolicy(pull_requests=True)
        )
        assert names(decision) == (["sha-ccccccc"], ["pr-7"], [])
        assert lines(decision)["pr-7"] == Line(kind="pull-request", number=7)

    def test_tags_that_rules_make_for_a_pull_request_from_a_fork_are_withheld(self) -> None:
        request = PullRequest(number=7, fork=True)
        ci = CiContext(system="github", event="pull-request", commit=HEAD, pull_request=request)
        decision = decided(facts(ci=ci), SEMVER, policy=TagPolicy(pull_requests=True))
        assert decision.tags == ()
        assert names(decision)[2] == ["pr-7", "sha-3f2a9c1"]

    def test_configured_labels_are_expanded_and_override_those_of_the_decision(self) -> None:
        decision = decided(
            facts(), "type=sha", labels={"branch": "{{branch}}", "org.opencontainers.image.revision": "mine"}
        )
        assert decision.labels["branch"] == "main"
        assert decision.labels["org.opencontainers.image.revision"] == "mine"

    def test_invalid_expression_in_a_label_is_an_error_with_the_label(self) -> None:
        with pytest.raises(ConfigError, match=r"labels\.a:1:1: "):
            decided(facts(), "type=sha", labels={"a": "{{#if x}}"})


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


VERSIONS = st.builds("{}.{}.{}".format, *[st.integers(0, 3)] * 3)


class TestProperties:
    @given(own=VERSIONS, others=st.lists(VERSIONS, max_size=6))
    def test_moving_tags_of_rules_are_set_only_by_the_highest_release_of_their_line(
        self, own: str, others: list[str]
    ) -> None:
        tags = {f"v{version}": OLD for version in others} | {f"v{own}": HEAD}
        decision = decided(facts(tags), SEMVER)
        held = [parse(version) for version in {*others, own}]
        for name, line in lines(decision).items():
            inside = [v for v in held if line.major in (None, v.major) and line.minor in (None, v.minor)]
            assert max(inside, key=precedence_key) == parse(own), name

    @given(st.lists(VERSIONS, unique=True, max_size=8), st.sets(st.integers(0, 7)))
    def test_releases_in_any_order_leave_every_tag_on_the_highest_of_its_line(
        self, order: list[str], yanked: set[int]
    ) -> None:
        """The releases are made one after another, each of another commit; some are yanked right afterwards."""
        held: dict[str, str] = {}
        done: list[KnownVersion] = []
        gone: list[str] = []
        for number, version in enumerate(order):
            known = KnownReleases(
                versions=tuple(done), yanked=tuple(gone), known_from=KnownFrom(log="complete")
            )
            for name in lines(decided(facts({f"v{version}": HEAD}), SEMVER, known=known)):
                before = held.get(name)
                assert before is None or before in gone or _key(before) < _key(version), name
                held[name] = version
            done.append(KnownVersion(version=parse(version), source="log", commit=f"{number:040}"))
            if number in yanked:
                gone.append(version)
        if not gone:
            assert held.get("latest") == max(order, key=_key, default=None)

    @given(own=VERSIONS, others=st.lists(VERSIONS, max_size=4))
    def test_decision_by_rules_is_deterministic_and_its_tags_are_valid_and_unique(
        self, own: str, others: list[str]
    ) -> None:
        tags = {f"v{version}": OLD for version in others} | {f"v{own}": HEAD}
        first, second = decided(facts(tags), SEMVER), decided(facts(tags), SEMVER)
        assert first == second
        assert all(is_image_tag(tag.name) for tag in first.tags)
        assert len({tag.name for tag in first.tags}) == len(first.tags)


def test_labels_of_the_default_scheme_may_contain_expressions() -> None:
    of = facts({"v1.4.2": HEAD})
    base = decide(of, TagPolicy(), from_git(of.snapshot), annotations={"kept": "as it is"})
    found = with_labels(
        base, of, TagPolicy(), labels={"tag": "{{tag}}/{{version}}"}, annotations={"day": "{{date 'YYYY'}}"}
    )
    assert found.labels == {**base.labels, "tag": "v1.4.2/1.4.2"}
    assert found.annotations == {"kept": "as it is", "day": "2023"}


@pytest.mark.parametrize(
    "rule",
    [
        "type=raw,value=v{{version}}",
        "type=raw,value=x,suffix=-{{distance}}",
        "type=raw,value=x,enable={{commit_count}}",
    ],
)
def test_rule_with_a_value_that_is_not_known_in_this_clone_gives_no_tag(rule: str) -> None:
    decision = decided(facts(), f"type=sha\n{rule}")
    assert [tag.name for tag in decision.tags] == [f"sha-{HEAD[:7]}"]
    assert [text for text in decision.warnings if "is not known here; the rule gives nothing" in text]


class TestCalendarVersions:
    def test_calver_project_moves_tags_of_its_calendar_versions(self) -> None:
        policy = TagPolicy(versions="calver")
        of = facts({"26.04.1": HEAD, "26.10": OLD}, ci=_tagged("26.04.1"))
        decision = decided(
            of,
            "type=calver\ntype=calver,pattern={{year}}.{{month}}\ntype=calver,pattern={{year}}",
            policy=policy,
            known=from_git(of.snapshot, "", "calver"),
        )
        assert names(decision) == (["26.04.1"], ["26.04"], ["26", "latest"])


class TestDefaultSchemeStaysOut:
    """Tests that tags of the default scheme that no rule makes are not checked."""

    LONG = "v1.5.0-rc." + "x" * 140

    def test_version_too_long_for_an_image_tag_does_not_fail_rules_that_do_not_use_it(self) -> None:
        with pytest.raises(GitError, match="characters, 128 at most"):
            decide(facts({self.LONG: HEAD}), TagPolicy(), KnownReleases())
        assert names(decided(facts({self.LONG: HEAD}), "type=sha")) == (["sha-3f2a9c1"], [], [])

    def test_version_too_long_for_an_image_tag_does_not_fail_rules_without_a_fixed_tag(self) -> None:
        assert names(decided(facts({self.LONG: HEAD}), "type=raw,value=next")) == ([], ["next"], [])

    def test_conflict_of_two_tags_of_the_default_scheme_does_not_fail_rules(self) -> None:
        of, policy = facts({"v1.4.2": HEAD}), TagPolicy(channels=("latest",))
        with pytest.raises(TagConflict, match="two rules make the image tag `latest`"):
            decide(of, policy, KnownReleases())
        rules = "type=semver,pattern={{version}}"
        assert names(decided(of, rules, policy=policy)) == (["1.4.2"], ["latest"], [])

    def test_pull_request_without_a_tag_from_rules_has_nothing_withheld(self) -> None:
        request = PullRequest(number=7, fork=True)
        ci = CiContext(system="github", event="pull-request", commit=HEAD, pull_request=request)
        decision = decided(facts(ci=ci), "type=ref,event=tag", policy=TagPolicy(pull_requests=True))
        assert (decision.tags, decision.withheld) == ((), ())
        assert decision.warnings[-1] == "no rule gives this run a tag"

    def test_tag_latest_of_the_flavor_moves_with_the_branch_on_a_branch_build(self) -> None:
        flavor, _ = flavor_from_config("latest=true")
        decision = decided(facts(), "type=ref,event=branch", flavor=flavor)
        assert names(decision)[1] == ["main", "latest"]
        assert lines(decision)["latest"] == Line(kind="branch", name="main")
