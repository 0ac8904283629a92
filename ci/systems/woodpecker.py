"""Woodpecker. Source: woodpecker-ci.org/docs, "Built-in environment variables".

Woodpecker sets variables CI_COMMIT_* as GitLab does, but with other meanings: CI_COMMIT_BRANCH is a request's target.
"""

from __future__ import annotations

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import read_ref

_TRIGGERS = {"cron": "schedule", "manual": "manual", "deployment": "manual"}


def read(evidence: Evidence) -> Findings:
    """Read the variables; releases before 1.0 have names with BUILD instead of PIPELINE."""
    event = evidence.variable("CI_PIPELINE_EVENT", "CI_BUILD_EVENT")
    ref = read_ref(evidence.variable("CI_COMMIT_REF"))
    return Findings(
        event_name=event,
        trigger=_trigger(event.value if event else ""),
        gone=Said("request-closed", event.source) if event and event.value == "pull_request_closed" else None,
        prerelease=evidence.variable("CI_PIPELINE_RELEASE_PRE", "CI_COMMIT_PRERELEASE")
        if event and event.value == "release"
        else None,
        commit=evidence.variable("CI_COMMIT_SHA"),
        git_tag=evidence.variable("CI_COMMIT_TAG") or ref.git_tag,
        branch=evidence.variable("CI_COMMIT_BRANCH") or ref.branch,
        number=evidence.variable("CI_COMMIT_PULL_REQUEST") or ref.number,
        source_branch=evidence.variable("CI_COMMIT_SOURCE_BRANCH"),
        target_branch=evidence.variable("CI_COMMIT_TARGET_BRANCH", "CI_COMMIT_BRANCH"),
        default_branch=evidence.variable("CI_REPO_DEFAULT_BRANCH"),
        repository_url=evidence.variable("CI_REPO_URL"),
        repository=evidence.variable("CI_REPO"),
        run_id=evidence.variable("CI_PIPELINE_NUMBER", "CI_BUILD_NUMBER"),
        job=evidence.variable("CI_WORKFLOW_NAME"),
        run_url=evidence.variable("CI_PIPELINE_URL", "CI_BUILD_LINK"),
        actor=evidence.variable("CI_COMMIT_AUTHOR"),
    )


def _trigger(event: str) -> str | None:
    """Return the trigger of an event. Requests are `pull_request`, `pull_request_closed`, `pull_request_metadata`."""
    return "pull-request" if event.startswith("pull_request") else _TRIGGERS.get(event)
