"""Reconciling the facts of git, the CI system and the clock."""

from __future__ import annotations

import msgspec
import pytest

from ci.context import CiContext, PullRequest
from ci.systems import detect
from release.errors import AmbiguousVersion
from release.facts import commit_of_tag, reconcile
from release.git.model import Snapshot
from release.versions.tag_listing import with_tags_of_remote

HEAD = "a" * 40
OTHER = "b" * 40
TAG_OBJECT = "c" * 40
LISTING = (
    f"{HEAD} refs/heads/main\n{OTHER} refs/heads/topic/x\n"
    f"{OTHER} refs/tags/v1.0.0\n{TAG_OBJECT} refs/tags/v1.1.0\n{HEAD} refs/tags/v1.1.0^{{}}\n"
).encode()
SNAPSHOT = Snapshot(
    root="/src",
    common_dir="/src/.git",
    head=HEAD,
    branch="main",
    committed_at=1_700_000_000,
    tag_listing=LISTING,
)
DETACHED = msgspec.structs.replace(SNAPSHOT, branch=None)
NOW = 1_700_000_000_000


def test_branch_of_a_run_without_ci_comes_from_git() -> None:
    facts = reconcile(SNAPSHOT, CiContext(), NOW)
    assert (facts.commit, facts.branch, facts.git_tag, facts.is_default_branch) == (HEAD, "main", None, True)
    assert facts.now == NOW


def test_a_detached_head_without_ci_has_no_branch() -> None:
    facts = reconcile(DETACHED, CiContext(), NOW)
    assert (facts.branch, facts.is_default_branch, facts.warnings) == (None, False, ())


def test_the_ci_system_names_the_branch_of_a_detached_checkout() -> None:
    facts = reconcile(DETACHED, CiContext(system="gitlab", commit=HEAD, branch="topic/x"), NOW)
    assert (facts.branch, facts.is_default_branch) == ("topic/x", False)


def test_an_abbreviated_commit_of_the_ci_system_is_recognised() -> None:
    assert reconcile(DETACHED, CiContext(commit=HEAD[:12], branch="main"), NOW).branch == "main"


def test_git_overrides_a_ci_system_that_names_another_commit() -> None:
    facts = reconcile(SNAPSHOT, CiContext(system="jenkins", commit=OTHER, branch="topic"), NOW)
    assert (facts.commit, facts.branch) == (HEAD, None)
    assert facts.warnings == (
        (
            "jenkins says commit `bbbbbbbbbbbb`, but HEAD is `aaaaaaaaaaaa`: "
            "HEAD is taken, and the branch `topic` is left out"
        ),
    )


class TestTag:
    def test_a_run_for_a_git_tag_has_no_branch(self) -> None:
        facts = reconcile(SNAPSHOT, CiContext(commit=HEAD, branch="main", git_tag="v1.1.0"), NOW)
        assert (facts.git_tag, facts.branch, facts.is_default_branch) == ("v1.1.0", None, False)

    def test_the_git_tag_of_a_run_is_refused_if_it_names_another_commit_than_head(self) -> None:
        with pytest.raises(
            AmbiguousVersion, match="names `bbbbbbbbbbbb` and HEAD is `aaaaaaaaaaaa`"
        ) as caught:
            reconcile(SNAPSHOT, CiContext(git_tag="v1.0.0"), NOW)
        assert caught.value.hint is not None
        assert "git fetch --force origin tag v1.0.0" in caught.value.hint

    def test_a_git_tag_that_was_not_fetched_is_accepted_with_a_warning_if_ci_names_head_as_its_commit(
        self,
    ) -> None:
        facts = reconcile(DETACHED, CiContext(system="buildkite", commit=HEAD, git_tag="v1.2.0"), NOW)
        assert facts.git_tag == "v1.2.0"
        assert "not in this clone" in facts.warnings[0]

    @pytest.mark.parametrize("commit", [None, OTHER])
    def test_a_git_tag_that_was_not_fetched_is_refused_if_ci_names_no_commit_or_another_one(
        self, commit: str | None
    ) -> None:
        with pytest.raises(AmbiguousVersion, match="is not in this clone"):
            reconcile(DETACHED, CiContext(commit=commit, git_tag="v1.2.0"), NOW)

    @pytest.mark.parametrize(
        ("name", "commit"),
        [("v1.0.0", OTHER), ("v1.1.0", HEAD), ("1.0.0", None), ("v1.1", None), ("1.1.0", None)],
    )
    def test_commit_of_a_git_tag_is_found_only_by_the_whole_name(self, name: str, commit: str | None) -> None:
        assert commit_of_tag(SNAPSHOT, name) == commit


class TestPullRequest:
    @pytest.mark.parametrize(
        ("head", "parents", "ci_commit", "request_head"),
        [
            (HEAD, (), HEAD, OTHER),  # the merge commit that the CI system made
            (HEAD, (), OTHER, HEAD),  # the request's head, checked out on purpose
            (HEAD, (OTHER,), OTHER, None),  # a merge commit made by the checkout
        ],
    )
    def test_head_and_merge_checkouts_of_a_pull_request_give_no_branch_and_no_warning(
        self, head: str, parents: tuple[str, ...], ci_commit: str, request_head: str | None
    ) -> None:
        snapshot = msgspec.structs.replace(DETACHED, head=head, parents=parents)
        ci = CiContext(commit=ci_commit, pull_request=PullRequest(number=7, head_sha=request_head))
        facts = reconcile(snapshot, ci, NOW)
        assert (facts.branch, facts.warnings) == (None, ())

    def test_a_run_in_a_merge_queue_has_no_branch(self) -> None:
        ci = CiContext(commit=HEAD, branch="gh-readonly-queue/main/pr-7", merge_queue=True)
        assert reconcile(SNAPSHOT, ci, NOW).branch is None


class TestDefaultBranch:
    @pytest.mark.parametrize(
        ("ci", "expected"),
        [
            (CiContext(branch="main"), True),
            (CiContext(branch="topic"), False),
            (CiContext(branch="topic", default_branch="topic"), True),
            (CiContext(branch="main", default_branch="topic"), False),
            (CiContext(branch="topic", is_default_branch=True), True),
            (CiContext(branch="main", is_default_branch=False), False),
        ],
    )
    def test_the_default_branch_of_the_ci_system_overrides_the_usual_names(
        self, ci: CiContext, expected: bool
    ) -> None:
        assert reconcile(SNAPSHOT, ci, NOW).is_default_branch is expected


def test_the_git_tag_of_a_run_is_refused_if_it_was_moved_on_the_remote() -> None:
    ci = CiContext(commit=HEAD, git_tag="v1.1.0")
    assert reconcile(SNAPSHOT, ci, NOW).git_tag == "v1.1.0"
    listing = with_tags_of_remote(SNAPSHOT.tag_listing, {"v1.1.0": OTHER}).listing
    with pytest.raises(AmbiguousVersion, match="names `bbbbbbbbbbbb`"):
        reconcile(msgspec.structs.replace(SNAPSHOT, tag_listing=listing), ci, NOW)


def test_known_branches_are_those_of_the_clone_and_of_the_remote() -> None:
    facts = reconcile(SNAPSHOT, CiContext(), NOW, remote_branches=["main", "topic-x"])
    assert facts.branches == ("main", "topic-x", "topic/x")


@pytest.mark.parametrize(
    ("branch", "named", "is_default"),
    [
        ("main", "main", True),
        ("master", "main", False),
        ("trunk", "trunk", True),
        ("main", "trunk", False),
        ("main", None, True),
        ("master", None, False),  # the clone has a branch `main`
        ("topic/x", None, False),
    ],
)
def test_clone_names_the_default_branch_where_the_ci_system_does_not(
    branch: str, named: str | None, is_default: bool
) -> None:
    ci = CiContext(system="jenkins", branch=branch)
    assert reconcile(DETACHED, ci, NOW, default_branch=named).is_default_branch is is_default


def test_master_is_the_default_branch_where_no_branch_is_called_main() -> None:
    alone = msgspec.structs.replace(DETACHED, tag_listing=f"{HEAD} refs/heads/master\n".encode())
    assert reconcile(alone, CiContext(system="jenkins", branch="master"), NOW).is_default_branch


def test_ci_systems_default_branch_overrides_that_of_the_clone() -> None:
    ci = CiContext(system="gitlab", branch="trunk", default_branch="trunk")
    assert reconcile(DETACHED, ci, NOW, default_branch="main").is_default_branch


@pytest.mark.parametrize(
    ("name", "branch", "git_tag"),
    [
        ("v1.1.0", None, "v1.1.0"),  # a git tag at HEAD
        ("topic/x", "topic/x", None),
        ("feature/new", "feature/new", None),  # a clone in CI may lack the branch
        ("v1.0.0", None, None),  # a git tag at another commit
        ("v9.9", None, None),  # looks like a version: the clone may lack the git tag
    ],
)
def test_ref_name_of_a_ci_event_is_a_git_tag_or_a_branch_according_to_the_clone(
    name: str, branch: str | None, git_tag: str | None
) -> None:
    facts = reconcile(DETACHED, CiContext(system="github", commit=HEAD, ref_name=name), NOW)
    assert (facts.branch, facts.git_tag) == (branch, git_tag)
    assert bool(facts.warnings) is (branch is None and git_tag is None)


@pytest.mark.parametrize(
    ("name", "branch", "git_tag"),
    [("v1.1.0", None, "v1.1.0"), ("v1.0.0", "v1.0.0", None), ("release-1.2", "release-1.2", None)],
)
def test_branch_that_may_be_a_git_tag_is_one_if_the_clone_has_it_at_head(
    name: str, branch: str | None, git_tag: str | None
) -> None:
    typed = CiContext(system="tekton", commit=HEAD, branch=name, ref_name=name, default_branch="main")
    facts = reconcile(DETACHED, typed, NOW)
    assert (facts.branch, facts.git_tag, facts.scope.may) == (
        branch,
        git_tag,
        "branch" if branch else "release",
    )
    assert facts.warnings == ()


def test_branch_that_only_the_remote_has_is_a_branch_though_it_looks_like_a_version() -> None:
    ci = CiContext(system="github", commit=HEAD, ref_name="release-1.2")
    facts = reconcile(DETACHED, ci, NOW, remote_branches=["release-1.2"])
    assert (facts.branch, facts.warnings) == ("release-1.2", ())


@pytest.mark.parametrize(
    ("remote", "branch"), [("upstream", "main"), ("origin", "upstream/main"), (None, "upstream/main")]
)
def test_branch_of_jenkins_loses_the_name_of_the_remote(remote: str | None, branch: str) -> None:
    clone = msgspec.structs.replace(DETACHED, remote=remote)
    ci = detect({"JENKINS_URL": "x", "GIT_BRANCH": "upstream/main", "GIT_COMMIT": HEAD}, None)
    assert reconcile(clone, ci, NOW).branch == branch


def test_ref_name_of_both_a_branch_and_a_git_tag_is_taken_as_the_branch() -> None:
    both = msgspec.structs.replace(DETACHED, tag_listing=f"{HEAD} refs/heads/v1.1.0\n".encode() + LISTING)
    facts = reconcile(both, CiContext(system="github", commit=HEAD, ref_name="v1.1.0"), NOW)
    assert (facts.branch, facts.git_tag) == ("v1.1.0", None)
