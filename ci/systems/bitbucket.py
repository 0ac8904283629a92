"""Bitbucket Pipelines. Source: support.atlassian.com, "Variables and secrets"."""

from __future__ import annotations

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import is_path, read_branch


def read(evidence: Evidence) -> Findings:
    """Read the variables. BITBUCKET_BRANCH is the source branch of a request; branch names lack `refs/heads/`."""
    ref = read_branch(evidence.variable("BITBUCKET_BRANCH"))
    branch = ref.branch
    name, number = evidence.variable("BITBUCKET_REPO_FULL_NAME"), evidence.variable("BITBUCKET_BUILD_NUMBER")
    page = None
    if name and number and is_path(f"{name.value}/{number.value}"):
        page = f"https://bitbucket.org/{name.value}/pipelines/results/{number.value}"
    return Findings(
        commit=evidence.variable("BITBUCKET_COMMIT"),
        git_tag=evidence.variable("BITBUCKET_TAG"),
        branch=branch,
        ref_name=ref.ref_name,
        number=evidence.variable("BITBUCKET_PR_ID") or ref.number,
        request=evidence.variable("BITBUCKET_PR_DESTINATION_BRANCH"),
        source_branch=branch,
        target_branch=evidence.variable("BITBUCKET_PR_DESTINATION_BRANCH"),
        repository_url=evidence.variable("BITBUCKET_GIT_HTTP_ORIGIN"),
        repository=name,
        run_id=number,
        attempt=evidence.variable("BITBUCKET_STEP_RUN_NUMBER"),
        job=evidence.variable("BITBUCKET_STEP_UUID"),
        run_url=Said(page, number.source) if page and number else None,
        actor=evidence.variable("BITBUCKET_STEP_TRIGGERER_UUID"),
    )
