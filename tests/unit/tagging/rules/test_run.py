"""The context of tag rules from CI variables, event files and facts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.context import CiContext, PullRequest
from release.facts import Facts
from release.git.model import Describe, Snapshot
from release.run_scope import scope_of
from release.tagging.model import TagPolicy
from release.tagging.rules.context import RuleContext, global_names
from release.tagging.rules.github import github_run
from release.tagging.rules.run import Checkout, ci_run, facts_run, with_history
from release.versions.semver import parse

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"


def env(ref: str = "refs/heads/main", name: str = "push", **more: str) -> dict[str, str]:
    return {"GITHUB_REF": ref, "GITHUB_SHA": SHA, "GITHUB_EVENT_NAME": name, **more}


def snapshot(**fields: Any) -> Snapshot:
    given = {
        "root": "/src",
        "common_dir": "/src/.git",
        "head": SHA,
        "branch": "main",
        "committed_at": 1_700_000_000,
    }
    return Snapshot(**{**given, **fields})


class TestGitHub:
    @pytest.mark.parametrize(
        ("event", "expected"),
        [
            ({"commits": [{"id": "x", "timestamp": "2020-01-01T00:00:00Z"}]}, None),
            ({"commits": [{"id": SHA, "timestamp": "2020-01-01T00:00:00Z"}]}, 1_577_836_800_000),
            ({"head_commit": {"id": SHA, "timestamp": "2020-01-01T01:00:00+01:00"}}, 1_577_836_800_000),
            ({"head_commit": {"id": SHA, "timestamp": "2020-01-01T00:00:00"}}, 1_577_836_800_000),
            ({"head_commit": {"id": SHA, "timestamp": "yesterday"}}, None),
            ({"commits": "none", "head_commit": None}, None),
        ],
    )
    def test_commit_date_for_tag_rules_is_read_from_the_event_file(
        self, event: dict[str, Any], expected: int | None
    ) -> None:
        assert github_run(env(), event, now=0).commit_date == expected

    @pytest.mark.parametrize(
        ("ref", "event", "expected"),
        [
            ("refs/tags/v1", {"base_ref": "refs/heads/release"}, "release"),
            ("refs/tags/v1", {"base_ref": None}, ""),
            ("refs/pull/7/merge", {"pull_request": {"base": {"ref": "main"}}}, "main"),
            ("refs/heads/main", {"base_ref": "refs/heads/x"}, ""),
        ],
    )
    def test_base_branch_for_tag_rules_is_read_from_the_event_file(
        self, ref: str, event: dict[str, Any], expected: str
    ) -> None:
        assert github_run(env(ref), event, now=0).base_ref == expected

    def test_ref_commit_and_date_of_the_checkout_override_those_of_github_variables(self) -> None:
        checkout = Checkout(ref="refs/heads/other", sha="b" * 40, committed_at=5)
        run = github_run(env(), {"repository": {"default_branch": "main"}}, now=0, checkout=checkout)
        assert (run.ref, run.sha, run.commit_date, run.is_default_branch) == (
            "refs/heads/other",
            "b" * 40,
            5000,
            False,
        )

    def test_rule_context_of_a_github_pull_request_has_number_head_and_merge_commit(self) -> None:
        event = {"pull_request": {"number": 7, "head": {"sha": "f" * 40}}}
        run = github_run(env("refs/pull/7/merge", "pull_request"), event, now=0)
        assert (run.request, run.head, run.sha, run.channel) == (7, "f" * 40, SHA, "pull-request")


class TestOtherSystems:
    def test_rule_context_of_a_run_with_git_tag_and_branch_has_the_ref_of_the_git_tag(self) -> None:
        run = ci_run({}, CiContext(event="tag", commit=SHA, git_tag="v1.2.3", branch="main"), now=0)
        assert (run.ref, run.event_name, str(run.release)) == ("refs/tags/v1.2.3", "push", "1.2.3")

    def test_rule_context_of_a_pull_request_has_its_merge_ref_and_target_branch(self) -> None:
        request = PullRequest(number=7, head_sha="f" * 40, target_branch="main")
        run = ci_run({}, CiContext(event="pull-request", commit=SHA, pull_request=request), now=0)
        assert (run.ref, run.event_name, run.base_ref) == ("refs/pull/7/merge", "pull_request", "main")

    def test_variable_docker_metadata_pr_head_sha_selects_the_head_commit_of_a_pull_request(self) -> None:
        request = PullRequest(number=7, head_sha="f" * 40)
        ci = CiContext(event="pull-request", commit=SHA, pull_request=request)
        assert ci_run({"DOCKER_METADATA_PR_HEAD_SHA": "true"}, ci, now=0).sha == "f" * 40

    def test_default_branch_of_the_rule_context_is_that_of_the_ci_system(self) -> None:
        ci = CiContext(event="push", commit=SHA, branch="trunk", default_branch="trunk")
        run = ci_run({}, ci, now=0)
        assert (run.is_default_branch, run.default_branch) == (True, "trunk")

    def test_ref_commit_and_date_that_ci_does_not_give_come_from_the_checkout(self) -> None:
        checkout = Checkout(ref="refs/heads/main", sha=SHA, committed_at=5)
        run = ci_run({}, CiContext(), now=0, checkout=checkout)
        assert (run.ref, run.sha, run.commit_date) == ("refs/heads/main", SHA, 5000)

    def test_commit_date_of_a_checkout_of_another_commit_is_not_used(self) -> None:
        checkout = Checkout(ref="refs/heads/main", sha="b" * 40, committed_at=5)
        assert ci_run({}, CiContext(commit=SHA, branch="x"), now=0, checkout=checkout).commit_date is None


class TestHistory:
    def test_version_of_a_tagged_commit_is_that_of_its_git_tag(self) -> None:
        run = github_run(env("refs/tags/v1.2.3"), {}, now=0)
        described = with_history(run, snapshot(), policy=TagPolicy()).described
        assert described is not None
        assert (str(described.version), described.distance, described.base) == ("1.2.3", 0, "v1.2.3")

    def test_version_of_a_commit_after_a_release_has_the_distance_from_that_release(self) -> None:
        of = snapshot(describe=Describe(git_tag="v1.2.3", commit="b" * 40, distance=4))
        names = global_names(
            with_history(github_run(env(), {}, now=0), of, policy=TagPolicy(), commit_count=9)
        )
        assert (names["version"], names["distance"], names["commit_count"]) == (
            f"1.2.4-dev.4.g{SHA[:12]}",
            4,
            9,
        )

    def test_distance_without_a_release_is_the_number_of_all_commits(self) -> None:
        run = with_history(github_run(env(), {}, now=0), snapshot(commit_count=3), policy=TagPolicy())
        assert (str(run.version), run.commit_count) == (f"0.0.0-dev.3.g{SHA[:12]}", 3)

    def test_shallow_clone_gives_no_described_version(self) -> None:
        run = with_history(github_run(env(), {}, now=0), snapshot(shallow=True), policy=TagPolicy())
        assert (run.described, run.commit_count) == (None, None)

    def test_history_of_another_commit_does_not_change_the_rule_context(self) -> None:
        run = github_run(env(), {}, now=0)
        assert with_history(run, snapshot(head="b" * 40, commit_count=3), policy=TagPolicy()) == run


def test_rule_context_is_made_of_facts_about_commit_branch_and_release() -> None:
    ci = CiContext(event="schedule", commit=SHA, branch="main")
    facts = Facts(
        snapshot=snapshot(),
        ci=ci,
        scope=scope_of(ci),
        commit=SHA,
        branch="main",
        git_tag=None,
        is_default_branch=True,
        now=7,
    )
    run = facts_run(facts)
    assert (run.ref, run.event_name, run.is_default_branch, run.default_branch) == (
        "refs/heads/main",
        "schedule",
        True,
        "main",
    )
    released = facts_run(facts, git_tag="v1.2.3", release=parse("1.2.3"))
    assert (released.ref, released.channel, released.is_default_branch) == (
        "refs/tags/v1.2.3",
        "release",
        False,
    )


ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
FIELDS = st.sampled_from(["repository", "number", "pull_request", "commits", "head_commit", "base_ref"])


class TestProperties:
    @given(
        event=st.dictionaries(FIELDS, ANYTHING),
        ref=st.sampled_from(
            ["refs/pull/x/merge", "refs/pull/7/merge", "refs/tags/v1.2.3", "refs/tags/", "main", ""]
        ),
        name=st.sampled_from(["push", "pull_request", "pull_request_target", "schedule", ""]),
    )
    def test_any_event_file_gives_a_rule_context(self, event: dict[str, Any], ref: str, name: str) -> None:
        run = github_run(env(ref, name, DOCKER_METADATA_PR_HEAD_SHA="true"), event, now=0)
        assert isinstance(run, RuleContext)
        assert run == github_run(env(ref, name, DOCKER_METADATA_PR_HEAD_SHA="true"), event, now=0)
