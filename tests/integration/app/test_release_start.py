"""What starts a release, by the real command: a run's ref, `--release`, and `--ci none`."""

from __future__ import annotations

import pytest

from tests.support.releases.project import Project


def github(ref: str, event: str = "push") -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_REF": ref,
    }


def test_branch_run_releases_the_version_tag_at_head_only_with_the_option_release(project: Project) -> None:
    branch = github("refs/heads/main")
    sha = f"sha-{project.repo.head[:12]}"
    project.must("run", env=branch)
    assert set(project.tags) == {sha, "main"}
    shown = project.must("preview", "--release", "v1.4.2", env=branch)
    assert "git tag v1.4.2 at HEAD" in shown.stdout
    project.must("run", "--release", "v1.4.2", env=branch)
    assert set(project.tags) == {sha, "main", "1.4.2", "1.4", "1", "latest"}
    assert [one.get("release_tag") for one in project.log if one["kind"] == "planned"] == [None, "v1.4.2"]
    refused = project("run", "--release", "v1.4.1", env=branch)
    assert (refused.code, "names `" in refused.stderr) == (3, True)
    assert project("run", "--release", "v1.4.2", "--version", "1.4.2", "--reason", "x", env=branch).code == 2


def test_run_for_a_git_tag_that_only_looks_like_a_version_exits_3(project: Project) -> None:
    project.repo.tag("v1.5")
    project.repo.tag("nightly")
    for command in (["run"], ["preview"], ["tags"]):
        done = project(*command, env=github("refs/tags/v1.5"))
        assert (done.code, "`versions: semver-loose` reads it as 1.5.0" in done.stderr) == (3, True), command
    done = project.must("run", env=github("refs/tags/nightly"))
    assert "git tag `nightly` is not a version here" in done.stderr
    assert project.tags == {}


@pytest.mark.parametrize("place", ["before", "after"])
def test_ci_none_hides_the_ci_system_from_the_output_and_the_decision(project: Project, place: str) -> None:
    project.configure(versions="invented")
    env = github("refs/heads/main")
    command = ["--ci", "none", "run"] if place == "before" else ["run", "--ci", "none"]
    done = project(*command, env=env)
    assert (done.code, "::error" in done.stderr + done.stdout) == (2, False)
    assert "::error" in project("run", env=env).stderr
    project.configure()
    assert "1.4.2" in project.must("tags", "--ci", "none", env=env).stdout
