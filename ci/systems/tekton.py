"""Tekton, and any other system on which the user sets `SHIPMARK_*` variables: Tekton itself sets none for a step.

`ci/tekton/shipmark.yaml` sets them from its params. `SHIPMARK_CI=tekton` selects this module; without it SHIPMARK_REF,
SHIPMARK_SHA or SHIPMARK_PR does. A placeholder that was not replaced counts as unset.

SHIPMARK_REF             full ref, or a branch: `refs/tags/v1.4.2`, `refs/heads/main`, `refs/pull/12/head`, `main`
SHIPMARK_SHA             commit id that was checked out
SHIPMARK_EVENT           the trigger's word: `push`, `pull_request`, `schedule`, `manual`
SHIPMARK_PR              number of the pull or merge request
SHIPMARK_PR_HEAD_SHA     the request's own head
SHIPMARK_PR_SOURCE       source branch;   SHIPMARK_PR_TARGET  target branch;   SHIPMARK_PR_FORK  true or false
SHIPMARK_DEFAULT_BRANCH  the repository's default branch
SHIPMARK_REPOSITORY_URL  the repository's page
SHIPMARK_RUN_ID, SHIPMARK_RUN_URL, SHIPMARK_JOB, SHIPMARK_ACTOR
"""

from __future__ import annotations

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import read_ref, short

_TRIGGERS = {"schedule": "schedule", "cron": "schedule", "manual": "manual", "incoming": "other"}


def read(evidence: Evidence) -> Findings:
    """Read the `SHIPMARK_*` variables."""
    ref = read_ref(evidence.variable("SHIPMARK_REF"))
    event = evidence.variable("SHIPMARK_EVENT")
    fork = evidence.variable("SHIPMARK_PR_FORK")
    return Findings(
        event_name=event,
        trigger=_trigger(event.value.lower() if event else ""),
        commit=evidence.variable("SHIPMARK_SHA"),
        git_tag=ref.git_tag,
        branch=ref.branch,
        number=evidence.variable("SHIPMARK_PR") or ref.number,
        request=evidence.variable("SHIPMARK_PR_HEAD_SHA", "SHIPMARK_PR_SOURCE"),
        head_sha=evidence.variable("SHIPMARK_PR_HEAD_SHA"),
        source_branch=short(evidence.variable("SHIPMARK_PR_SOURCE")),
        target_branch=short(evidence.variable("SHIPMARK_PR_TARGET")),
        fork=Said(fork.value.strip().lower(), fork.source) if fork else None,
        default_branch=short(evidence.variable("SHIPMARK_DEFAULT_BRANCH")),
        repository_url=evidence.variable("SHIPMARK_REPOSITORY_URL"),
        run_id=evidence.variable("SHIPMARK_RUN_ID"),
        job=evidence.variable("SHIPMARK_JOB"),
        run_url=evidence.variable("SHIPMARK_RUN_URL"),
        actor=evidence.variable("SHIPMARK_ACTOR"),
    )


def _trigger(event: str) -> str | None:
    """Return the trigger of an event. Requests have many names: `pull_request`, `ok-to-test-comment`."""
    if event in _TRIGGERS:
        return _TRIGGERS[event]
    request = any(word in event for word in ("pull", "merge", "comment", "review"))
    return "pull-request" if request else None
