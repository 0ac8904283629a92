"""Tekton, and any other system on which the user sets `SHIPMARK_*` variables: Tekton itself sets none for a step.

`ci/tekton/shipmark.yaml` sets them from its params. `SHIPMARK_CI=tekton` selects this module; without it SHIPMARK_REF,
SHIPMARK_SHA or SHIPMARK_PR does. A placeholder that was not replaced counts as unset; in SHIPMARK_REF it means that
nothing is known of the run, unless SHIPMARK_PR_FORK is `false`.

SHIPMARK_REF             full ref, or a branch: `refs/tags/v1.4.2`, `refs/heads/main`, `refs/pull/12/head`, `main`;
                         `v1.4.2` is a git tag if the clone has one of that name at HEAD, and no such branch
SHIPMARK_SHA             commit id that was checked out
SHIPMARK_EVENT           the trigger's word: `push`, `pull_request`, `schedule`, `manual`; or the Git server's own name
                         of the event: `Merge Request Hook`, `pullrequest:created`
SHIPMARK_PR              number of the pull or merge request
SHIPMARK_PR_HEAD_SHA     the request's own head
SHIPMARK_PR_SOURCE       source branch;   SHIPMARK_PR_TARGET  target branch;   SHIPMARK_PR_FORK  true or false
SHIPMARK_DEFAULT_BRANCH  the repository's default branch
SHIPMARK_REPOSITORY_URL  the repository's page
SHIPMARK_RUN_ID, SHIPMARK_RUN_URL, SHIPMARK_JOB, SHIPMARK_ACTOR
"""

from __future__ import annotations

import re

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import Ref, read_typed, short

_WORD = r"[a-z]+"
_TRIGGERS = {"schedule": "schedule", "cron": "schedule", "manual": "manual", "incoming": "other"}
#: Words of the events of requests, and of comments on them, in the names that Git servers and Pipelines-as-Code use:
#: `pull_request`, `Merge Request Hook`, `pullrequest:created`, `pr:opened`, `Note Hook`, `patchset-created`.
_REQUEST_WORDS = frozenset(
    (
        "pr",
        "mr",
        "pull",
        "merge",
        "pullrequest",
        "mergerequest",
        "comment",
        "note",
        "review",
        "retest",
        "patchset",
    )
)
#: Words of events after which a request is over: `pullrequest:fulfilled`, `pr:declined`, `pull_request_closed`.
_CLOSED_WORDS = frozenset("closed close merged fulfilled rejected declined abandoned".split())  # noqa: SIM905
#: Words of events about a branch or git tag that was deleted.
_DELETED_WORDS = frozenset({"delete", "deleted"})
#: Words of pushes, tags and published releases in the names that Git servers use: `Tag Push Hook`, `repo:push`.
_PUSH_WORDS = frozenset("push tag release create repo refs".split())  # noqa: SIM905
#: Names of events about any commit, also a fork's, whose ref may be the branch of a fork: of GitHub, GitLab, Bitbucket.
_ANY_COMMIT = frozenset(
    (
        "workflow_run",
        "workflow_job",
        "check_run",
        "check_suite",
        "status",
        "deployment",
        "deployment_status",
        "fork",
        "pipeline hook",
        "job hook",
        "deployment hook",
        "repo:fork",
        "repo:commit_status_created",
        "repo:commit_status_updated",
    )
)
#: Words that name a merge queue if the event also has the word `merge`: `merge_group`, `merge train`.
_QUEUE_WORDS = frozenset({"group", "queue", "train"})


def read(evidence: Evidence) -> Findings:
    """Read the `SHIPMARK_*` variables."""
    ref = read_typed(stated_ref(evidence))
    event = evidence.variable("SHIPMARK_EVENT")
    fork = evidence.variable("SHIPMARK_PR_FORK")
    words = frozenset(re.findall(_WORD, event.value.lower())) if event else frozenset()
    queue = event if {"merge"} <= words and words & _QUEUE_WORDS else None
    return Findings(
        event_name=event,
        trigger=None if queue else _trigger(event, words),
        gone=_gone(event, words),
        merge_queue=queue,
        commit=evidence.variable("SHIPMARK_SHA"),
        git_tag=ref.git_tag,
        branch=ref.branch,
        ref_name=ref.ref_name,
        number=evidence.variable("SHIPMARK_PR") or ref.number,
        request=evidence.variable("SHIPMARK_PR_HEAD_SHA", "SHIPMARK_PR_SOURCE"),
        head_sha=evidence.variable("SHIPMARK_PR_HEAD_SHA"),
        source_branch=short(evidence.variable("SHIPMARK_PR_SOURCE")),
        target_branch=short(evidence.variable("SHIPMARK_PR_TARGET")),
        fork=Said(fork.value.strip().lower(), fork.source) if fork else None,
        head_origin=None if fork else _unknown_origin(evidence, event, ref),
        default_branch=short(evidence.variable("SHIPMARK_DEFAULT_BRANCH")),
        repository_url=evidence.variable("SHIPMARK_REPOSITORY_URL"),
        run_id=evidence.variable("SHIPMARK_RUN_ID"),
        job=evidence.variable("SHIPMARK_JOB"),
        run_url=evidence.variable("SHIPMARK_RUN_URL"),
        actor=evidence.variable("SHIPMARK_ACTOR"),
        warnings=_unreplaced(evidence),
    )


def stated_ref(evidence: Evidence) -> Said | None:
    """Return SHIPMARK_REF; None if it is not set, or if something did not replace a placeholder in it."""
    return None if evidence.unreplaced_ref("SHIPMARK_REF") else evidence.variable("SHIPMARK_REF")


def _unknown_origin(evidence: Evidence, event: Said | None, ref: Ref) -> Said | None:
    """Return `unknown` if the ref is a placeholder, or may be the branch of a fork: nothing then tells a fork's run."""
    if text := evidence.unreplaced_ref("SHIPMARK_REF"):
        return Said("unknown", text.source)
    # A git tag is always one of the repository itself.
    if event is None or ref.git_tag is not None or event.value.strip().lower() not in _ANY_COMMIT:
        return None
    return Said("unknown", event.source)


def _unreplaced(evidence: Evidence) -> tuple[str, ...]:
    """Return a warning for a ref that is still a placeholder."""
    ref = evidence.unreplaced_ref("SHIPMARK_REF")
    if ref is None:
        return ()
    why = "so it is not known what the run is for: pass the ref from the trigger"
    return (f"`SHIPMARK_REF` is `{ref.value}`, which nothing replaced, {why}",)


def is_event_word(text: str) -> bool:
    """Return whether `text` is an event that `read` understands: of a push, a request, a queue or a deletion."""
    lower = text.strip().lower()
    words = frozenset(re.findall(_WORD, lower))
    return bool(
        lower in _TRIGGERS
        or words & (_REQUEST_WORDS | _DELETED_WORDS | _PUSH_WORDS)
        or any(part in lower for part in ("pullrequest", "mergerequest", "comment"))
    )


def _trigger(event: Said | None, words: frozenset[str]) -> str | None:
    """Return the trigger of an event. Requests have many names, so each is split into words."""
    text = event.value.strip().lower() if event else ""
    if text in _TRIGGERS:
        return _TRIGGERS[text]
    joined = any(part in text for part in ("pullrequest", "mergerequest", "comment"))
    return "pull-request" if joined or words & _REQUEST_WORDS else None


def _gone(event: Said | None, words: frozenset[str]) -> Said | None:
    if event is None:
        return None
    if words & _REQUEST_WORDS and words & (_CLOSED_WORDS | _DELETED_WORDS):
        return Said("request-closed", event.source)
    return Said("ref-deleted", event.source) if words & _DELETED_WORDS else None
