"""GitLab CI/CD. Source: docs.gitlab.com, "Predefined CI/CD variables reference"."""

from __future__ import annotations

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import Ref, read_branch

#: CI_PIPELINE_SOURCE -> trigger; what is not listed is decided by tag, request and branch.
_TRIGGERS = {
    "schedule": "schedule",
    **dict.fromkeys(("web", "webide", "chat"), "manual"),
    **dict.fromkeys(("api", "trigger", "pipeline", "parent_pipeline"), "other"),
    **dict.fromkeys(("merge_request_event", "external_pull_request_event"), "pull-request"),
}


def read(evidence: Evidence) -> Findings:
    """Read the variables. CI_REPOSITORY_URL is not read: it contains the job's token."""
    source = evidence.variable("CI_PIPELINE_SOURCE")
    number = evidence.variable("CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID")
    git_tag = evidence.variable("CI_COMMIT_TAG")
    kind = evidence.variable("CI_MERGE_REQUEST_EVENT_TYPE")
    branch = evidence.variable("CI_COMMIT_BRANCH")
    child = _child_of_request(evidence, source) if number is None else None
    ref = Ref(branch=branch)
    if branch is None and git_tag is None and number is None and child is None:
        ref = read_branch(
            evidence.variable("CI_COMMIT_REF_NAME")
        )  # `refs/workloads/…` of a Duo workflow is none
    return Findings(
        event_name=source,
        trigger=_TRIGGERS.get(source.value) if source else None,
        commit=evidence.variable("CI_COMMIT_SHA"),
        git_tag=git_tag,
        branch=ref.branch,
        ref_name=ref.ref_name,
        number=number or ref.number,
        request=evidence.variable(
            "CI_MERGE_REQUEST_ID", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_REF_PATH"
        )
        or child,
        head_sha=_head_sha(evidence, kind),
        base_sha=evidence.variable("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
        source_branch=evidence.variable(
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME"
        ),
        target_branch=evidence.variable(
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME"
        ),
        fork=_fork(evidence),
        merge_queue=kind if kind is not None and kind.value == "merge_train" else None,
        default_branch=evidence.variable("CI_DEFAULT_BRANCH"),
        repository_url=evidence.variable("CI_PROJECT_URL"),
        repository=evidence.variable("CI_PROJECT_PATH"),
        run_id=evidence.variable("CI_PIPELINE_ID"),
        attempt=evidence.variable("CI_JOB_ID"),  # a retried job gets a new id
        job=evidence.variable("CI_JOB_NAME"),
        run_url=evidence.variable("CI_JOB_URL", "CI_PIPELINE_URL"),
        actor=evidence.variable("GITLAB_USER_LOGIN"),
    )


def _child_of_request(evidence: Evidence, source: Said | None) -> Said | None:
    """Return the source of a child pipeline without a branch and a git tag: its parent is the pipeline of a request.

    CI_COMMIT_REF_NAME is the source branch of the request then, and a fork's branch may be called `main` too.
    """
    if source is None or source.value != "parent_pipeline":
        return None
    return None if evidence.variable("CI_COMMIT_BRANCH", "CI_COMMIT_TAG") else source


def _head_sha(evidence: Evidence, kind: Said | None) -> Said | None:
    """Return the request's head: its own variable if a merge result is built, else a detached pipeline's commit."""
    head = evidence.variable(
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA"
    )
    if head is None and kind is not None and kind.value == "detached":
        return evidence.variable("CI_COMMIT_SHA")
    return head


def _fork(evidence: Evidence) -> Said | None:
    """Compare source and target project. CI_PROJECT_ID is the last choice: in a fork's pipeline it names the fork."""
    for head, *bases in (
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID", "CI_PROJECT_ID"),
        ("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"),
    ):
        source, target = evidence.variable(head), evidence.variable(*bases)
        if source is not None and target is not None:
            return Said("false" if source.value == target.value else "true", source.source)
    return None
