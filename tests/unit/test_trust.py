"""`judge` on environments of every CI system: which runs are trusted, foreign or of unknown origin."""

from __future__ import annotations

from typing import Any

import pytest

from ci.systems import NAMES, detect, event_path
from release.trust import judge

HUB = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/app"}
OWN = {"full_name": "acme/app"}
FORK = {"full_name": "mallory/app"}


def request(head: Any, **more: Any) -> dict[str, Any]:
    return {"pull_request": {"number": 12, "head": {"repo": head}, "base": {"repo": OWN}}, **more}


#: CI system's variables, event file, verdict.
TABLE: list[tuple[str, dict[str, str], Any, str]] = [
    ("laptop", {}, None, "trusted"),
    ("CI system that is not known", {"CI": "1"}, None, "untold"),
    (
        "CI system that is not read",
        {"SEMAPHORE": "true", "SEMAPHORE_GIT_REF": "refs/heads/main"},
        None,
        "untold",
    ),
    ("github push", {**HUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}, None, "trusted"),
    (
        "github push in a fork",
        {**HUB, "GITHUB_EVENT_NAME": "push"},
        {"repository": {**OWN, "fork": True}},
        "trusted",
    ),
    ("github tag", {**HUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/tags/v1.0.0"}, None, "trusted"),
    ("github release", {**HUB, "GITHUB_EVENT_NAME": "release"}, {"release": {}}, "trusted"),
    ("github schedule", {**HUB, "GITHUB_EVENT_NAME": "schedule"}, None, "trusted"),
    ("github dispatch", {**HUB, "GITHUB_EVENT_NAME": "workflow_dispatch"}, None, "trusted"),
    ("github merge queue", {**HUB, "GITHUB_EVENT_NAME": "merge_group"}, None, "trusted"),
    ("github issue", {**HUB, "GITHUB_EVENT_NAME": "issues"}, {"issue": {"number": 1}}, "trusted"),
    ("github request", {**HUB, "GITHUB_EVENT_NAME": "pull_request"}, request(OWN), "trusted"),
    ("github dependabot", {**HUB, "GITHUB_EVENT_NAME": "pull_request"}, request(OWN), "trusted"),
    ("github fork", {**HUB, "GITHUB_EVENT_NAME": "pull_request"}, request(FORK), "foreign"),
    ("github deleted fork", {**HUB, "GITHUB_EVENT_NAME": "pull_request"}, request(None), "foreign"),
    ("github fork, target", {**HUB, "GITHUB_EVENT_NAME": "pull_request_target"}, request(FORK), "foreign"),
    ("github own, target", {**HUB, "GITHUB_EVENT_NAME": "pull_request_target"}, request(OWN), "trusted"),
    ("github review", {**HUB, "GITHUB_EVENT_NAME": "pull_request_review"}, request(FORK), "foreign"),
    ("gitea label", {**HUB, "GITHUB_EVENT_NAME": "pull_request_label"}, request(FORK), "foreign"),
    ("github no event file", {**HUB, "GITHUB_EVENT_NAME": "pull_request"}, None, "untold"),
    ("github odd head", {**HUB, "GITHUB_EVENT_NAME": "pull_request"}, {"pull_request": []}, "untold"),
    ("github head is text", {**HUB, "GITHUB_EVENT_NAME": "pull_request"}, request("acme/app"), "untold"),
    (
        "github base is another's",
        {**HUB, "GITHUB_EVENT_NAME": "pull_request"},
        {"pull_request": {"number": 1, "head": {"repo": FORK}, "base": {"repo": FORK}}},
        "foreign",
    ),
    (
        "github workflow_run",
        {**HUB, "GITHUB_EVENT_NAME": "workflow_run"},
        {"workflow_run": {"head_repository": OWN}, "repository": OWN},
        "trusted",
    ),
    (
        "github workflow_run, fork",
        {**HUB, "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": "refs/heads/main"},
        {"workflow_run": {"head_repository": FORK, "head_branch": "main"}, "repository": OWN},
        "foreign",
    ),
    (
        "github workflow_run, deleted fork",
        {**HUB, "GITHUB_EVENT_NAME": "workflow_run"},
        {"workflow_run": {"head_repository": None}},
        "foreign",
    ),
    ("github workflow_run, no file", {**HUB, "GITHUB_EVENT_NAME": "workflow_run"}, None, "untold"),
    (
        "github comment on a request",
        {**HUB, "GITHUB_EVENT_NAME": "issue_comment"},
        {"issue": {"number": 12, "pull_request": {"url": "x"}}},
        "untold",
    ),
    (
        "github comment on an issue",
        {**HUB, "GITHUB_EVENT_NAME": "issue_comment"},
        {"issue": {"number": 12}},
        "trusted",
    ),
    ("github comment, no file", {**HUB, "GITHUB_EVENT_NAME": "issue_comment"}, None, "untold"),
    (
        "github dispatched for a fork",
        {**HUB, "GITHUB_EVENT_NAME": "repository_dispatch"},
        {"client_payload": {"pull_request": {"head": {"repo": FORK}}}},
        "foreign",
    ),
    ("github dispatched", {**HUB, "GITHUB_EVENT_NAME": "repository_dispatch"}, {}, "trusted"),
    ("github check of a fork", {**HUB, "GITHUB_EVENT_NAME": "check_run"}, {"check_run": {}}, "untold"),
    (
        "github check",
        {**HUB, "GITHUB_EVENT_NAME": "check_suite"},
        {"check_suite": {"head_branch": "main"}},
        "trusted",
    ),
    ("github deployment of a commit", {**HUB, "GITHUB_EVENT_NAME": "deployment_status"}, {}, "untold"),
    (
        "own variables above a fork's event",
        {**HUB, "GITHUB_EVENT_NAME": "workflow_run", "SHIPMARK_REF": "main"},
        {"workflow_run": {"head_repository": FORK}},
        "foreign",
    ),
    (
        "own variables above a push",
        {**HUB, "GITHUB_EVENT_NAME": "push", "SHIPMARK_REF": "main"},
        None,
        "trusted",
    ),
    ("gitlab branch", {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main"}, None, "trusted"),
    (
        "gitlab request",
        {
            "GITLAB_CI": "true",
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_PROJECT_ID": "1",
        },
        None,
        "trusted",
    ),
    (
        "gitlab fork",
        {
            "GITLAB_CI": "true",
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2",
            "CI_PROJECT_ID": "1",
        },
        None,
        "foreign",
    ),
    (
        "gitlab untold",
        {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_REF_NAME": "main"},
        None,
        "untold",
    ),
    (
        "gitlab external",
        {
            "GITLAB_CI": "true",
            "CI_EXTERNAL_PULL_REQUEST_IID": "12",
            "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "mallory/app",
            "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "acme/app",
        },
        None,
        "foreign",
    ),
    ("jenkins branch", {"JENKINS_URL": "x", "BRANCH_NAME": "main"}, None, "trusted"),
    ("jenkins fork", {"JENKINS_URL": "x", "CHANGE_ID": "12", "CHANGE_FORK": "mallory"}, None, "foreign"),
    ("jenkins request", {"JENKINS_URL": "x", "CHANGE_ID": "12", "BRANCH_NAME": "PR-12"}, None, "untold"),
    (
        "jenkins ghprb",
        {
            "JENKINS_URL": "x",
            "ghprbPullId": "12",
            "ghprbAuthorRepoGitUrl": "https://github.com/mallory/app.git",
            "ghprbGhRepository": "acme/app",
        },
        None,
        "foreign",
    ),
    (
        "jenkins gitlab without number",
        {"JENKINS_URL": "x", "gitlabActionType": "MERGE", "GIT_BRANCH": "origin/main"},
        None,
        "untold",
    ),
    ("azure branch", {"TF_BUILD": "True", "BUILD_SOURCEBRANCH": "refs/heads/main"}, None, "trusted"),
    (
        "azure branch that says no fork",
        {
            "TF_BUILD": "True",
            "BUILD_SOURCEBRANCH": "refs/heads/main",
            "SYSTEM_PULLREQUEST_ISFORK": "False",
        },
        None,
        "trusted",
    ),
    (
        "azure request",
        {
            "TF_BUILD": "True",
            "SYSTEM_PULLREQUEST_PULLREQUESTID": "12",
            "SYSTEM_PULLREQUEST_ISFORK": "False",
        },
        None,
        "trusted",
    ),
    (
        "azure fork",
        {
            "TF_BUILD": "True",
            "SYSTEM_PULLREQUEST_PULLREQUESTID": "12",
            "SYSTEM_PULLREQUEST_ISFORK": "True",
        },
        None,
        "foreign",
    ),
    (
        "azure untold",
        {"TF_BUILD": "True", "BUILD_REASON": "PullRequest", "BUILD_SOURCEBRANCH": "refs/heads/main"},
        None,
        "untold",
    ),
    ("circleci branch", {"CIRCLECI": "true", "CIRCLE_BRANCH": "main"}, None, "trusted"),
    (
        "circleci fork",
        {
            "CIRCLECI": "true",
            "CIRCLE_BRANCH": "main",
            "CIRCLE_PR_NUMBER": "12",
            "CIRCLE_PR_REPONAME": "app",
        },
        None,
        "foreign",
    ),
    ("circleci fork's branch", {"CIRCLECI": "true", "CIRCLE_BRANCH": "pull/12"}, None, "foreign"),
    (
        "circleci request",
        {
            "CIRCLECI": "true",
            "CIRCLE_BRANCH": "x",
            "CIRCLE_PULL_REQUEST": "https://github.com/acme/app/pull/12",
        },
        None,
        "untold",
    ),
    (
        "buildkite branch",
        {"BUILDKITE": "true", "BUILDKITE_BRANCH": "main", "BUILDKITE_PULL_REQUEST": "false"},
        None,
        "trusted",
    ),
    (
        "buildkite request",
        {
            "BUILDKITE": "true",
            "BUILDKITE_PULL_REQUEST": "12",
            "BUILDKITE_REPO": "git@github.com:acme/app.git",
            "BUILDKITE_PULL_REQUEST_REPO": "https://github.com/Acme/app",
        },
        None,
        "trusted",
    ),
    (
        "buildkite fork",
        {
            "BUILDKITE": "true",
            "BUILDKITE_PULL_REQUEST": "12",
            "BUILDKITE_REPO": "git@github.com:acme/app.git",
            "BUILDKITE_PULL_REQUEST_REPO": "git://github.com/mallory/app.git",
        },
        None,
        "foreign",
    ),
    (
        "buildkite fork's branch without a number",
        {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BRANCH": "mallory:main"},
        None,
        "foreign",
    ),
    (
        "buildkite other host",
        {
            "BUILDKITE": "true",
            "BUILDKITE_PULL_REQUEST": "12",
            "BUILDKITE_REPO": "git@github.com:acme/app.git",
            "BUILDKITE_PULL_REQUEST_REPO": "https://elsewhere.example/acme/app",
        },
        None,
        "untold",
    ),
    (
        "bitbucket branch",
        {"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_BRANCH": "main"},
        None,
        "trusted",
    ),
    ("bitbucket request", {"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_PR_ID": "12"}, None, "untold"),
    (
        "drone branch",
        {"DRONE": "true", "DRONE_BUILD_EVENT": "push", "DRONE_BRANCH": "main"},
        None,
        "trusted",
    ),
    (
        "drone request",
        {"DRONE": "true", "DRONE_BUILD_EVENT": "pull_request", "DRONE_BRANCH": "main"},
        None,
        "untold",
    ),
    (
        "drone fork by name",
        {"DRONE": "true", "DRONE_PULL_REQUEST": "12", "DRONE_REPO": "acme/app", "DRONE_FORK": "mallory/app"},
        None,
        "foreign",
    ),
    (
        "drone fork by word",
        {"DRONE": "true", "DRONE_PULL_REQUEST": "12", "DRONE_FORK": "true"},
        None,
        "foreign",
    ),
    (
        "drone own",
        {"DRONE": "true", "DRONE_PULL_REQUEST": "12", "DRONE_REPO": "acme/app", "DRONE_FORK": "acme/app"},
        None,
        "trusted",
    ),
    (
        "woodpecker branch",
        {"CI": "woodpecker", "CI_PIPELINE_EVENT": "push", "CI_COMMIT_BRANCH": "main"},
        None,
        "trusted",
    ),
    (
        "woodpecker request",
        {"CI": "woodpecker", "CI_PIPELINE_EVENT": "pull_request_closed", "CI_COMMIT_BRANCH": "main"},
        None,
        "untold",
    ),
    ("tekton branch", {"SHIPMARK_CI": "tekton", "SHIPMARK_REF": "main"}, None, "trusted"),
    (
        "tekton request",
        {"SHIPMARK_CI": "tekton", "SHIPMARK_PR": "12", "SHIPMARK_PR_FORK": "false"},
        None,
        "trusted",
    ),
    (
        "tekton fork",
        {"SHIPMARK_CI": "tekton", "SHIPMARK_PR": "12", "SHIPMARK_PR_FORK": "True"},
        None,
        "foreign",
    ),
    ("tekton untold", {"SHIPMARK_CI": "tekton", "SHIPMARK_PR": "12"}, None, "untold"),
    ("tekton odd number", {"SHIPMARK_PR": "12;id", "SHIPMARK_REF": "main"}, None, "untold"),
    ("tekton odd fork", {"SHIPMARK_REF": "main", "SHIPMARK_PR_FORK": "yes"}, None, "untold"),
    (
        "tekton without number",
        {"SHIPMARK_EVENT": "pull_request", "SHIPMARK_REF": "refs/tags/v1.0.0"},
        None,
        "untold",
    ),
    ("tekton fork without number", {"SHIPMARK_PR_FORK": "true", "SHIPMARK_REF": "main"}, None, "foreign"),
    (
        "pipelines as code comment",
        {"SHIPMARK_EVENT": "ok-to-test-comment", "SHIPMARK_REF": "main"},
        None,
        "untold",
    ),
]


@pytest.mark.parametrize(
    ("env", "event", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_ci_environment_is_judged_trusted_foreign_or_untold_as_in_the_table(
    env: dict[str, str], event: Any, verdict: str
) -> None:
    ci = detect(env, event)
    trust = judge(ci)
    assert (trust.verdict, trust.trusted) == (verdict, verdict == "trusted")
    if verdict != "trusted":
        # The reason names what the verdict rests on, and nothing of it is a branch that would be moved.
        source = next(one.variable for one in ci.concluded if one.field == "head_origin")
        assert f"`{source}`" in trust.reason


def test_every_ci_system_but_gitea_and_forgejo_has_an_example_of_an_untrusted_run() -> None:
    seen = {detect(env, event).system for _, env, event, verdict in TABLE if verdict != "trusted"}
    assert set(NAMES) - seen == {"none", "gitea", "forgejo"}  # the last two are read as GitHub is


@pytest.mark.parametrize(
    ("env", "event"),
    [(env, event) for _, env, event, verdict in TABLE if verdict != "trusted" and "EVENT" not in str(env)],
)
def test_untrusted_ci_environment_gives_no_branch_without_its_event_file(
    env: dict[str, str], event: Any
) -> None:
    assert detect(env, event).branch is None


def test_reason_of_the_trust_verdict_names_the_pull_request_or_the_event() -> None:
    env = {**HUB, "GITHUB_EVENT_NAME": "pull_request"}
    assert judge(detect(env, request(FORK))).reason == (
        "pull request 12 comes from another repository, according to `event.pull_request.head.repo.full_name`"
    )
    assert judge(detect({**HUB, "GITHUB_EVENT_NAME": "issue_comment"}, None)).reason == (
        "github does not say which repository the commit behind `issue_comment` comes from (see `GITHUB_EVENT_NAME`)"
    )


def test_run_is_trusted_if_the_operator_sets_pr_fork_to_false_or_the_ci_system_to_none() -> None:
    env = {**HUB, "GITHUB_EVENT_NAME": "pull_request", "SHIPMARK_REF": "main"}
    assert judge(detect(env, None)).verdict == "untold"
    assert judge(detect({**env, "SHIPMARK_PR_FORK": "false"}, None)).verdict == "trusted"
    assert judge(detect(env, None, system="none")).verdict == "trusted"


def test_event_file_of_github_is_read_although_shipmark_ref_is_set() -> None:
    env = {**HUB, "GITHUB_EVENT_PATH": "/tmp/event.json", "SHIPMARK_REF": "main"}
    assert event_path(env) == "/tmp/event.json"


def test_trust_is_judged_for_a_deeply_nested_event() -> None:
    event: Any = {"head_repository": FORK}
    for _ in range(5000):
        event = {"x": event}
    assert judge(detect({**HUB, "GITHUB_EVENT_NAME": "watch"}, event)).verdict == "trusted"
