"""Decisions by the default tag scheme, in each situation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.context import CiContext, PullRequest
from release.app.releases.known import from_git, from_log_versions, unite
from release.app.releases.known_everywhere import from_registry_tags
from release.errors import AmbiguousVersion, ConfigError, GitError, ShallowClone, TagConflict
from release.facts import Facts, reconcile
from release.git.model import Describe, Snapshot
from release.tagging.decide import decide, require_version
from release.tagging.model import Decision, FixedTag, Held, HeldTags, KnownFrom, KnownReleases, TagPolicy
from release.tagging.names import is_image_tag
from release.versions.semver import parse, parse_either
from tests.support.releases.statuses import yanked

HEAD = "3f2a9c1b7d40e5f6a7b8c9d0e1f2a3b4c5d6e7f8"
OLD = "b" * 40
SHA = "sha-3f2a9c1b7d40"


def facts(
    tags: Mapping[str, str] | None = None,
    *,
    branch: str | None = "main",
    ci: CiContext | None = None,
    describe: tuple[str, int] | None = None,
    **fields: Any,
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
        **fields,
    )
    return reconcile(snapshot, ci or CiContext(), 1_700_000_000_000)


def decided(of: Facts, policy: TagPolicy | None = None, **options: Any) -> Decision:
    policy = policy or TagPolicy()
    return decide(of, policy, from_git(of.snapshot, policy.prefix, policy.versions), **options)


def names(decision: Decision) -> tuple[list[str], list[str], list[str]]:
    """Return the names of the fixed, of the moving and of the withheld tags, each in their order."""
    fixed = [tag.name for tag in decision.tags if isinstance(tag, FixedTag)]
    moving = [tag.name for tag in decision.tags if not isinstance(tag, FixedTag)]
    return fixed, moving, [tag.name for tag in decision.withheld]


RELEASED = {"v1.4.1": OLD, "v1.3.8": OLD, "v1.5.0-rc.1": OLD}
REQUEST = CiContext(
    system="github", commit=HEAD, pull_request=PullRequest(number=12, head_sha=OLD, fork=False)
)

TABLE: list[tuple[str, Facts, TagPolicy, str, str | None, list[str], list[str], list[str]]] = [
    ("a release", facts(RELEASED | {"v1.4.2": HEAD}), TagPolicy(), "release", "1.4.2",
     ["1.4.2", SHA], ["1.4", "1", "latest"], []),
    ("a release without v", facts({"1.4.2": HEAD}), TagPolicy(), "release", "1.4.2",
     ["1.4.2", SHA], ["1.4", "1", "latest"], []),
    ("a release on a detached head", facts({"v1.4.2": HEAD}, branch=None), TagPolicy(), "release", "1.4.2",
     ["1.4.2", SHA], ["1.4", "1", "latest"], []),
    ("a release below 1", facts({"v0.4.2": HEAD}), TagPolicy(), "release", "0.4.2",
     ["0.4.2", SHA], ["0.4", "latest"], []),
    ("a backport", facts({"v2.0.0": OLD, "v1.4.2": OLD, "v1.3.9": HEAD}), TagPolicy(), "release", "1.3.9",
     ["1.3.9", SHA], ["1.3"], ["1", "latest"]),
    ("a prerelease", facts({"v1.5.0-rc.2": HEAD}), TagPolicy(), "prerelease", "1.5.0-rc.2",
     ["1.5.0-rc.2", SHA], [], []),
    ("a prerelease with a channel", facts({"v1.5.0-rc.2": HEAD}), TagPolicy(channels=("rc", "beta")), "prerelease",
     "1.5.0-rc.2", ["1.5.0-rc.2", SHA], ["rc"], []),
    ("a release with a channel", facts({"v1.5.0": HEAD}), TagPolicy(channels=("rc",)), "release", "1.5.0",
     ["1.5.0", SHA], ["1.5", "1", "latest", "rc"], []),
    ("a release with build metadata", facts({"v1.4.2+b.5": HEAD}), TagPolicy(), "release", "1.4.2+b.5",
     ["1.4.2_b.5", SHA], ["1.4", "1", "latest"], []),
    ("a release of a component", facts({"api/v1.4.2": HEAD, "v9.0.0": OLD}), TagPolicy(prefix="api/"), "release",
     "1.4.2", ["1.4.2", SHA], ["1.4", "1", "latest"], []),
    ("another component's release", facts({"web/v1.4.2": HEAD}, commit_count=3), TagPolicy(prefix="api/"), "branch",
     "0.0.0-dev.3.g3f2a9c1b7d40", [SHA], ["main"], []),
    ("rc and final on one commit", facts({"v1.4.2": HEAD, "v1.4.2-rc.1": HEAD}), TagPolicy(), "release", "1.4.2",
     ["1.4.2", SHA], ["1.4", "1", "latest"], []),
    ("the tag that started the run wins",
     facts({"v1.4.2": HEAD, "v1.4.2-rc.1": HEAD}, ci=CiContext(commit=HEAD, git_tag="v1.4.2-rc.1")), TagPolicy(),
     "prerelease", "1.4.2-rc.1", ["1.4.2-rc.1", SHA], [], []),
    ("the CI system builds a branch whose tip is a release",
     facts({"v1.4.2": HEAD}, branch=None, ci=CiContext(commit=HEAD, branch="main")), TagPolicy(), "branch", "1.4.2",
     [SHA], ["main"], []),
    ("the same version twice", facts({"v1.4.2": HEAD, "1.4.2": HEAD}), TagPolicy(), "release", "1.4.2",
     ["1.4.2", SHA], ["1.4", "1", "latest"], []),
    ("latest is left alone", facts({"v1.4.2": HEAD}), TagPolicy(latest="never"), "release", "1.4.2",
     ["1.4.2", SHA], ["1.4", "1"], []),
    ("the default branch", facts(RELEASED, describe=("v1.4.1", 5)), TagPolicy(), "branch",
     "1.4.2-dev.5.g3f2a9c1b7d40", [SHA], ["main"], []),
    ("after a prerelease", facts(RELEASED, describe=("v1.5.0-rc.1", 2)), TagPolicy(), "branch",
     "1.5.0-rc.1.dev.2.g3f2a9c1b7d40", [SHA], ["main"], []),
    ("latest on the default branch", facts(describe=None, commit_count=4), TagPolicy(latest="default-branch"), "branch",
     "0.0.0-dev.4.g3f2a9c1b7d40", [SHA], ["main", "latest"], []),
    ("another branch", facts(branch="feature/x", commit_count=4), TagPolicy(latest="default-branch"), "branch",
     "0.0.0-dev.4.g3f2a9c1b7d40", [SHA], ["feature-x"], []),
    ("a branch that reads like a release", facts(branch="1.4", commit_count=4), TagPolicy(), "branch",
     "0.0.0-dev.4.g3f2a9c1b7d40", [SHA], ["branch-1.4"], []),
    ("a detached head", facts(branch=None, commit_count=4), TagPolicy(), "snapshot",
     "0.0.0-dev.4.g3f2a9c1b7d40", [SHA], [], []),
    ("a merge queue", facts(commit_count=4, ci=CiContext(commit=HEAD, branch="q", merge_queue=True)), TagPolicy(),
     "snapshot", "0.0.0-dev.4.g3f2a9c1b7d40", [SHA], [], []),
    ("a pull request", facts(commit_count=4, ci=REQUEST), TagPolicy(), "pull-request",
     "0.0.0-dev.4.g3f2a9c1b7d40", [], [], ["pr-12-3f2a9c1b7d40", "pr-12"]),
    ("a pull request that is pushed", facts(commit_count=4, ci=REQUEST), TagPolicy(pull_requests=True), "pull-request",
     "0.0.0-dev.4.g3f2a9c1b7d40", ["pr-12-3f2a9c1b7d40"], ["pr-12"], []),
    ("a pull request at a release", facts({"v1.4.2": HEAD}, ci=REQUEST), TagPolicy(pull_requests=True), "pull-request",
     "1.4.2", ["pr-12-3f2a9c1b7d40"], ["pr-12"], []),
    ("a shallow clone at a tag", facts({"v1.4.2": HEAD}, shallow=True), TagPolicy(), "release", "1.4.2",
     ["1.4.2", SHA], [], ["1.4", "1", "latest"]),
    ("a shallow clone of a branch", facts(RELEASED, shallow=True), TagPolicy(), "branch", None, [SHA], ["main"], []),
    ("a calendar release", facts({"v2024.10.03": HEAD, "2024.09.30": OLD}), TagPolicy(versions="calver"), "release",
     "2024.10.03", ["2024.10.03", SHA], ["2024.10", "2024", "latest"], []),
    ("a calendar release of two numbers", facts({"24.04": HEAD, "24.10": OLD}), TagPolicy(versions="calver"), "release",
     "24.04", ["24.04", SHA], [], ["24", "latest"]),
    ("after a calendar release", facts({"24.04": OLD}, describe=("24.04", 3)), TagPolicy(versions="calver"), "branch",
     "24.04.1-dev.3.g3f2a9c1b7d40", [SHA], ["main"], []),
    ("a project without versions", facts({"v1.4.2": HEAD}), TagPolicy(versions="none"), "branch", None,
     [SHA], ["main"], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("of", "policy", "channel", "version", "fixed", "moving", "withheld"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_default_scheme_decides_version_channel_and_tags_as_in_the_table(
    of: Facts,
    policy: TagPolicy,
    channel: str,
    version: str | None,
    fixed: list[str],
    moving: list[str],
    withheld: list[str],
) -> None:
    decision = decided(of, policy)
    assert (decision.channel, decision.version) == (channel, version)
    assert names(decision) == (fixed, moving, withheld)
    assert all(tag.reason for tag in (*decision.tags, *decision.withheld))


def test_every_tag_of_a_decision_has_its_reason() -> None:
    decision = decided(facts({"v1.4.1": OLD, "v1.5.0": OLD, "v1.4.2": HEAD}))
    assert [(tag.name, tag.reason) for tag in decision.tags] == [
        ("1.4.2", "git tag v1.4.2 at HEAD"),
        (SHA, "the commit at HEAD"),
        ("1.4", "1.4.2 is the highest stable 1.4 release of 2 known"),
    ]
    assert [(tag.name, tag.reason) for tag in decision.withheld] == [
        ("1", "1.5.0 is higher"),
        ("latest", "1.5.0 is higher"),
    ]


class TestReleasesWithoutATag:
    def test_version_given_on_the_command_line_is_released(self) -> None:
        decision = decided(facts(RELEASED, describe=("v1.4.1", 5)), version=parse("1.4.2"))
        assert names(decision) == (["1.4.2", SHA], ["1.4", "1", "latest"], [])
        assert (decision.git_tag, decision.tags[0].reason) == (None, "given with `--version`")

    def test_version_given_on_the_command_line_is_parsed_by_the_version_scheme_of_the_project(self) -> None:
        calendar = TagPolicy(versions="calver")
        decision = decided(facts({"2024.09.1": OLD}), calendar, version=parse_either("2024.10.3"))
        assert names(decision)[1] == ["2024.10", "2024", "latest"]
        assert decided(facts(), calendar, version=parse_either("24.04")).version == "24.04"

    @pytest.mark.parametrize(("text", "scheme"), [("24.04", "semver"), ("1.4.2", "calver")])
    def test_version_given_on_the_command_line_in_another_version_scheme_is_refused(
        self, text: str, scheme: Any
    ) -> None:
        with pytest.raises(ConfigError, match=f"does not fit `versions: {scheme}`"):
            decided(facts(), TagPolicy(versions=scheme), version=parse_either(text))

    def test_rebuild_has_its_own_fixed_tag_and_moves_the_moving_tags(self) -> None:
        decision = decided(facts({"v1.4.2": HEAD}), rebuild=2)
        assert names(decision) == (["1.4.2_r2"], ["1.4", "1", "latest"], [])
        assert decision.candidate is not None
        assert decision.candidate.rebuild == 2

    def test_rebuild_of_a_branch_build_adds_its_number_to_the_commit_tag(self) -> None:
        assert names(decided(facts(commit_count=1), rebuild=1)) == ([f"{SHA}_r1"], ["main"], [])


class TestRequests:
    @pytest.mark.parametrize(
        ("fork", "reason"), [(True, "from a fork is never"), (None, "not known whether")]
    )
    def test_tags_of_a_pull_request_from_a_fork_or_of_unknown_origin_are_withheld(
        self, fork: bool | None, reason: str
    ) -> None:
        ci = CiContext(commit=HEAD, pull_request=PullRequest(number=12, fork=fork))
        decision = decided(facts(commit_count=4, ci=ci), TagPolicy(pull_requests=True))
        assert decision.tags == ()
        assert reason in decision.withheld[0].reason

    def test_reason_of_a_pull_request_tag_names_the_head_commit(self) -> None:
        decision = decided(facts(commit_count=4, ci=REQUEST), TagPolicy(pull_requests=True))
        assert decision.tags[0].reason == "build of request 12, head `bbbbbbbbbbbb`"


class TestRefusals:
    def test_two_version_tags_of_equal_precedence_at_head_are_ambiguous(self) -> None:
        with pytest.raises(AmbiguousVersion, match=r"`v1\.4\.2\+a` and `v1\.4\.2\+b` are both at HEAD"):
            decided(facts({"v1.4.2+a": HEAD, "v1.4.2+b": HEAD}))

    def test_git_tag_of_the_run_decides_between_tags_of_equal_precedence(self) -> None:
        ci = CiContext(commit=HEAD, git_tag="v1.4.2+b")
        decision = decided(facts({"v1.4.2+a": HEAD, "v1.4.2+b": HEAD}, ci=ci))
        assert decision.version == "1.4.2+b"

    def test_version_released_from_another_commit_is_a_conflict_that_names_both_commits(self) -> None:
        of = facts({"v1.4.2": HEAD})
        known = unite(from_git(of.snapshot), from_log_versions([("1.4.2", OLD)]))
        with pytest.raises(TagConflict, match=f"from commit `{OLD}` .log., and HEAD is `{HEAD}`"):
            decide(of, TagPolicy(), known)

    def test_one_version_on_two_commits_is_refused(self) -> None:
        with pytest.raises(TagConflict):
            decided(facts({"v1.4.2": HEAD, "1.4.2": OLD}))

    def test_a_version_too_long_for_an_image_tag_is_refused(self) -> None:
        with pytest.raises(GitError, match="128 at most"):
            decided(facts({f"v1.4.2-{'x' * 130}": HEAD}))

    def test_required_version_in_a_shallow_clone_is_an_error_with_a_remedy(self) -> None:
        of = facts(shallow=True, ci=CiContext(system="github", commit=HEAD, branch="main"))
        with pytest.raises(ShallowClone) as caught:
            require_version(decided(of), of)
        assert caught.value.hint is not None
        assert "fetch-depth: 0" in caught.value.hint


class TestTargets:
    def test_branch_tag_that_points_to_a_newer_commit_on_a_target_is_withheld(self) -> None:
        held = HeldTags(
            held=(Held(target="r", tag="main", state="held", revision=OLD, relation="descendant"),),
            branch_tip=HEAD,
        )
        assert names(decided(facts(commit_count=1), held=held)) == ([SHA], [], ["main"])

    def test_moving_tag_is_decided_if_it_may_move_on_at_least_one_target(self) -> None:
        held = HeldTags(
            held=(
                Held(target="a", tag="latest", state="held", version="2.0.0"),
                Held(target="b", tag="latest", state="free"),
            )
        )
        assert "latest" in names(decided(facts({"v1.4.2": HEAD}), held=held))[1]

    def test_tag_is_withheld_as_a_fault_if_one_target_is_unreadable_and_another_has_a_higher_version(
        self,
    ) -> None:
        held = HeldTags(
            held=(
                Held(target="a", tag="latest", state="held", version="2.0.0"),
                Held(target="b", tag="latest", state="unknown", cause="503"),
            )
        )
        withheld = decided(facts({"v1.4.2": HEAD}), held=held).withheld
        assert [(one.name, one.rightly) for one in withheld] == [("latest", False)]

    def test_moving_tags_that_a_higher_release_in_the_registry_would_have_are_withheld(self) -> None:
        of = facts({"v1.4.2": HEAD})
        known = unite(from_git(of.snapshot), from_registry_tags(["1.5.0", "latest", "main", "1.4.1_r2"]))
        decision = decide(of, TagPolicy(), known)
        assert names(decision) == (["1.4.2", SHA], ["1.4"], ["1", "latest"])
        assert decision.known_from == KnownFrom(git="complete", registry="complete")

    def test_image_references_of_a_decision_are_each_tag_in_each_repository(self) -> None:
        decision = decided(facts(commit_count=1), repositories=("ghcr.io/acme/app", "oci:dist/image"))
        assert decision.references == (
            f"ghcr.io/acme/app:{SHA}",
            "ghcr.io/acme/app:main",
            f"oci:dist/image:{SHA}",
            "oci:dist/image:main",
        )


class TestLabels:
    def test_labels_of_a_release_do_not_depend_on_the_branch_or_the_form_of_the_remote_url(self) -> None:
        one = decided(facts({"v1.4.2": HEAD}, remote_url="git@github.com:acme/app.git"))
        other = decided(facts({"v1.4.2": HEAD}, branch=None, remote_url="https://github.com/acme/app"))
        assert one.labels == other.labels == {
            "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
            "org.opencontainers.image.revision": HEAD,
            "org.opencontainers.image.source": "https://github.com/acme/app",
            "org.opencontainers.image.version": "1.4.2",
        }  # fmt: skip

    def test_file_remote_gives_no_source_label(self) -> None:
        labels = decided(facts(commit_count=1, remote_url="file:///srv/app.git")).labels
        assert "org.opencontainers.image.source" not in labels

    def test_configured_labels_override_those_of_the_decision(self) -> None:
        given_labels = {"org.opencontainers.image.version": "mine", "a": "b"}
        labels = decided(facts({"v1.4.2": HEAD}), labels=given_labels).labels
        assert (labels["org.opencontainers.image.version"], labels["a"]) == ("mine", "b")


class TestWarnings:
    def test_git_tags_that_are_not_versions_give_one_warning(self) -> None:
        of = facts({"v1.4.2": HEAD, "vNOT-A-VERSION": OLD, "x": OLD, "y": OLD, "z": OLD})
        assert decided(of).warnings == (
            "4 git tags are not versions and are ignored: `vNOT-A-VERSION`, `x`, `y`, …",
        )

    def test_git_tags_of_other_components_give_no_warning(self) -> None:
        of = facts({"v1.4.2": HEAD, "lib-1.0.0": OLD, "app-web-2.0.0": OLD, "app-x": OLD})
        assert decided(of, TagPolicy(other_prefixes=("lib-", "app-web-"))).warnings == (
            "1 git tag is not a version and is ignored: `app-x`",
        )

    @pytest.mark.parametrize(
        ("tagged", "ci", "told"),
        [
            ("b" * 40, CiContext(), True),
            (HEAD, CiContext(), False),  # a laptop at a release: no branch's tag would move anyway
            (HEAD, CiContext(system="github", commit=HEAD), True),
            (HEAD, CiContext(system="github", commit=HEAD, branch="main"), False),
            (HEAD, CiContext(system="github", commit=HEAD, git_tag="v1.4.2"), False),
            (HEAD, CiContext(commit=HEAD, merge_queue=True), False),
            (HEAD, REQUEST, False),
        ],
    )
    def test_detached_head_gives_a_warning_only_if_nothing_names_a_branch_or_a_git_tag(
        self, tagged: str, ci: CiContext, told: bool
    ) -> None:
        warnings = decided(facts({"v1.4.2": tagged}, branch=None, ci=ci)).warnings
        assert any("detached" in line for line in warnings) is told
        assert len(warnings) <= 1

    def test_build_metadata_gives_a_warning_with_the_image_tag(self) -> None:
        warnings = decided(facts({"v1.4.2+b.5": HEAD})).warnings
        assert warnings == ("a registry takes no `+`: 1.4.2+b.5 is the image tag `1.4.2_b.5`",)

    def test_dirty_work_tree_gives_a_warning(self) -> None:
        warnings = decided(facts({"v1.4.2": HEAD}, dirty=("a", "b"), dirty_count=2)).warnings
        assert warnings == (
            (
                "2 tracked files differ from the commit (`a`, `b`): "
                "`run` refuses, this is what it would do with a clean tree"
            ),
        )

    def test_shallow_clone_gives_a_warning_with_the_remedy_of_the_ci_system(self) -> None:
        of = facts(shallow=True, ci=CiContext(system="gitlab", commit=HEAD, branch="main"))
        assert 'GIT_DEPTH: "0"' in decided(of).warnings[0]


tag_names = st.sampled_from(
    [
        "v1.0.0",
        "1.0.0",
        "v1.4.2",
        "v2.0.0-rc.1",
        "v0.1.0",
        "v1",
        "odd",
        "v1.4.2+b",
        "api/v3.0.0",
        "v1.0.0-x-y.7",
    ]
)
branches = (
    st.none() | st.text(min_size=1, max_size=70) | st.sampled_from(["main", "latest", "1.4", "sha-1", "pr-7"])
)


class TestAlways:
    @given(
        st.dictionaries(tag_names, st.sampled_from([HEAD, OLD]), max_size=6),
        branches,
        st.sampled_from(
            [TagPolicy(), TagPolicy(prefix="api/"), TagPolicy(channels=("rc",), latest="default-branch")]
        ),
        st.integers(0, 2),
    )
    def test_default_decision_is_deterministic_and_its_tags_are_valid_and_unique(
        self, tags: dict[str, str], branch: str | None, policy: TagPolicy, rebuild: int
    ) -> None:
        of = facts(tags, branch=branch, commit_count=7)
        outcomes = [self.outcome(of, policy, rebuild) for _ in range(2)]
        assert outcomes[0] == outcomes[1]
        if isinstance(outcomes[0], Decision):
            emitted = [tag.name for tag in outcomes[0].tags]
            assert all(is_image_tag(name) for name in emitted)
            assert len(set(emitted)) == len(emitted)
            assert msgspec.json.decode(msgspec.json.encode(outcomes[0]), type=Decision) == outcomes[0]

    @staticmethod
    def outcome(of: Facts, policy: TagPolicy, rebuild: int) -> Decision | str:
        try:
            return decided(of, policy, rebuild=rebuild)
        except (AmbiguousVersion, TagConflict) as error:
            return error.message

    def test_order_of_release_sources_does_not_change_the_decision(self) -> None:
        of = facts({"v1.4.2": HEAD})
        sources: list[KnownReleases] = [
            from_git(of.snapshot),
            from_log_versions([("1.5.0", OLD)], statuses=yanked(["1.5.0"])),
        ]
        one, other = decide(of, TagPolicy(), unite(*sources)), decide(of, TagPolicy(), unite(*sources[::-1]))
        assert one == other
