"""The templates of `ci/gitlab/`, included as docs/gitlab.md says and run by gitlab-ci-local for every event."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pages import blocks
from tests.support.programs.gitlab_pipeline import GitLab, Pipeline
from tests.support.programs.wheel import Installed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

HOSTILE = "$(touch${IFS}bait)`touch${IFS}bait`"
FILES = {"Dockerfile": "FROM scratch\nCOPY hello /hello\n", ".gitignore": ".shipmark/\n"}
PUSH = {"CI_PIPELINE_SOURCE": "push"}


def branch(name: str, **more: str) -> dict[str, str]:
    return {**PUSH, "CI_COMMIT_BRANCH": name, "CI_COMMIT_REF_NAME": name, **more}


def tag(name: str) -> dict[str, str]:
    return {**PUSH, "CI_COMMIT_TAG": name, "CI_COMMIT_REF_NAME": name}


def request(source: str = "x", **more: str) -> dict[str, str]:
    return {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_COMMIT_REF_NAME": source,
        "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_MERGE_REQUEST_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": source,
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_REF_PATH": "refs/merge-requests/12/head",
        **more,
    }


FORK = {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}
RELEASED = {"1.4.2", "1.4", "1", "latest", "sha"}
PREVIEW, RELEASE = {"shipmark-preview": "PASS"}, {"shipmark-release": "PASS"}
REFUSED = {"shipmark-release": "FAIL"}
#: Event -> variables of the pipeline, the jobs that it has, and the tags that it leaves.
EVENTS: dict[str, tuple[dict[str, str], dict[str, str], set[str]]] = {
    "push": (branch("main"), RELEASE, {"main", "sha"}),
    "push-branch": (branch("feature"), PREVIEW, set()),
    "tag": (tag("v1.4.2"), RELEASE, RELEASED),
    "request": (request(), PREVIEW, set()),
    "fork": (request(HOSTILE, **FORK), PREVIEW, set()),
    "merge-train": (request(CI_MERGE_REQUEST_EVENT_TYPE="merge_train"), PREVIEW, set()),
    "schedule": (branch("main", CI_PIPELINE_SOURCE="schedule"), RELEASE, {"main", "sha"}),
    "manual": (branch("main", CI_PIPELINE_SOURCE="web"), RELEASE, {"main", "sha"}),
    "manual-branch": (branch("feature", CI_PIPELINE_SOURCE="web"), {}, set()),
    "hostile-branch": (branch(HOSTILE), PREVIEW, set()),
    "hostile-tag": (tag(HOSTILE), RELEASE, set()),
    "hostile-version": (tag(f"v1.4.3-{HOSTILE}"), REFUSED, set()),
}


class Project:
    """The project `acme/app`, with the `.gitlab-ci.yml` of the page."""

    def __init__(
        self, repo: GitRepo, folder: Path, installed: Installed, registry: RegistryServer, *, inputs: str = ""
    ) -> None:
        self.repo, self.folder, self.registry = repo, folder, registry
        self.gitlab = GitLab(repo, folder, installed, f"{registry.host}/acme/app")
        (include,) = (one for one in blocks("docs/gitlab.md", "yaml") if one.startswith("include:"))
        files = {".gitlab-ci.yml": include + inputs, "release/__init__.py": "raise SystemExit('taken')\n"}
        self.release("v1.4.2", files)

    def release(self, name: str, files: dict[str, str] | None = None) -> None:
        self.repo.commit(name, {**FILES, **(files or {}), "hello": f"{name}\n"})
        self.repo.tag(name)

    def on(self, variables: dict[str, str]) -> Pipeline:
        done = self.gitlab.run(variables)
        assert not list(self.folder.rglob("bait")), done.said
        return done

    def tags(self) -> set[str]:
        found = set(self.registry.tags("acme/app")) - {"shipmark-status"}
        return {"sha" if name.startswith("sha-") else name for name in found}


@pytest.mark.parametrize("event", EVENTS)
def test_template_previews_or_releases_each_event(
    event: str, git_repo: GitRepo, tmp_path: Path, installed: Installed, registry_server: RegistryServer
) -> None:
    variables, jobs, tags = EVENTS[event]
    inputs = "      default-branch: true\n"
    project = Project(git_repo, tmp_path, installed, registry_server, inputs=inputs)
    if "CI_COMMIT_TAG" in variables and event != "tag":
        git_repo.tag(variables["CI_COMMIT_TAG"])
    done = project.on(variables)
    assert (done.code, done.jobs) == (int(jobs == REFUSED), jobs), done.said
    assert project.tags() == tags, done.said
    if event == "tag":
        assert (done.dotenv["SHIPMARK_VERSION"], done.dotenv["SHIPMARK_PUSHED"]) == ("1.4.2", "true")


def test_tags_only_template_runs_no_job_for_the_default_branch(
    git_repo: GitRepo, tmp_path: Path, installed: Installed, registry_server: RegistryServer
) -> None:
    project = Project(git_repo, tmp_path, installed, registry_server)
    for variables in (branch("main"), branch("main", CI_PIPELINE_SOURCE="schedule")):
        done = project.on(variables)
        assert (done.jobs, project.tags()) == ({}, set()), done.said


def test_pipeline_by_hand_takes_a_version_back_restores_and_promotes_it(
    git_repo: GitRepo, tmp_path: Path, installed: Installed, registry_server: RegistryServer
) -> None:
    inputs = "      production: $CI_REGISTRY_IMAGE/production\n"
    project = Project(git_repo, tmp_path, installed, registry_server, inputs=inputs)
    assert project.on(tag("v1.4.2")).code == 0
    project.release("v1.4.3")
    assert project.on(tag("v1.4.3")).code == 0
    held = registry_server.tags("acme/app")

    def by_hand(command: str, version: str) -> None:
        change = {"SHIPMARK_CHANGE": command, "SHIPMARK_CHANGE_VERSION": version}
        variables = branch("main", CI_PIPELINE_SOURCE="web", SHIPMARK_REASON=f"bad {HOSTILE}", **change)
        done = project.on(variables)
        assert (done.code, done.jobs) == (0, {"shipmark-change": "PASS"}), done.said

    by_hand("rollback", "1.4.2")
    assert registry_server.tags("acme/app")["latest"] == held["1.4.2"]
    by_hand("restore", "1.4.3")
    assert registry_server.tags("acme/app")["latest"] == held["1.4.3"]
    by_hand("promote", "1.4.3")
    assert registry_server.tags("acme/app/production")["latest"] == held["1.4.3"]


def test_failed_release_fails_the_pipeline(
    git_repo: GitRepo, tmp_path: Path, installed: Installed, registry_server: RegistryServer
) -> None:
    project = Project(git_repo, tmp_path, installed, registry_server)
    project.release("v1.5.0", {"Dockerfile": "FROM scratch\nCOPY nothing /\n"})
    done = project.on(tag("v1.5.0"))
    assert (done.code, done.jobs) == (1, REFUSED), done.said
    assert "error: " in done.said
    assert project.tags() == set()
