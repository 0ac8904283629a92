"""A branch's build of a commit that has a git tag has the version of the tag, and is not that version's release."""

from __future__ import annotations

import pytest

from tests.support.releases.project import Project


def built_for_branch(project: Project) -> str:
    """Run for branch `main` at HEAD as in a job of GitHub, and return the digest of the image."""
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": project.repo.head,
        "GITHUB_REPOSITORY": "acme/app",
    }
    project.must("run", env=env)
    built = project.log[-1]
    assert [tag["name"] for tag in built["tags"]] == ["main"]
    return str(built["tags"][0]["digest"])


@pytest.fixture
def moved(project: Project) -> Project:
    """Give a project whose v1.4.2 was built for the branch, then put at the next commit and released there."""
    built_for_branch(project)
    project.repo.git("tag", "--delete", "v1.4.2")
    project.release_commit("v1.4.2")
    project.must("run")
    return project


def test_rollback_to_a_version_whose_git_tag_was_moved_after_a_branch_build(moved: Project) -> None:
    digest = moved.tags["1.4.2"]
    moved.release_commit("v1.5.0")
    moved.must("run")
    moved.must("rollback", "--to", "1.4.2", "--reason", "it eats data")
    assert moved.tags["latest"] == digest


def test_questions_about_a_version_mean_its_release(moved: Project) -> None:
    digest, between = moved.tags["1.4.2"], built_for_branch(moved)
    shown = moved.must("log", "show", "1.4.2", "--json").json["releases"]
    assert [one["release"]["digest"] for one in shown] == [digest]
    moved.release_commit("v1.4.3")
    moved.must("run")
    compared = moved.must("log", "diff", "1.4.2", "1.4.3", "--json").json
    assert len(compared["commits"]) == 1
    # By its digest or commit the build of the branch is still found.
    assert moved.must("log", "show", between, "--json").json["releases"]


def test_log_list_tells_a_branch_build_of_a_tagged_commit_from_the_release(moved: Project) -> None:
    names = [line.split("  ")[0] for line in moved.must("log", "list").stdout.splitlines()[1:]]
    assert names == ["1.4.2", "1.4.2 (branch)"]


def test_promotion_of_a_branch_build_sets_no_tag_of_the_version(project: Project) -> None:
    digest = built_for_branch(project)
    to = f"{project.registry.host}/acme/prod"
    project.must("promote", f"{project.image}:main", "--to", to)
    assert project.registry.tags("acme/prod") == {"main": digest}
    project.must(
        "run"
    )  # releases v1.4.2, from the image of the branch where it has the labels of the release
    project.must("promote", f"{project.image}@{project.tags['1.4.2']}", "--to", to)
    assert project.registry.tags("acme/prod")["1.4.2"] == project.tags["1.4.2"]
