"""Drone and Harness CI. Source: docs.drone.io, "Environment reference". On a request DRONE_BRANCH is the target."""

from __future__ import annotations

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import read_branch, read_ref

_TRIGGERS = {
    "cron": "schedule",
    **dict.fromkeys(("custom", "promote", "rollback"), "manual"),
    "pull_request": "pull-request",
}


def read(evidence: Evidence) -> Findings:
    """Read the variables. Harness may omit DRONE_TAG; then the git tag is only in DRONE_COMMIT_REF."""
    event = evidence.variable("DRONE_BUILD_EVENT")
    ref = read_ref(evidence.variable("DRONE_COMMIT_REF"))
    named = read_branch(evidence.variable("DRONE_BRANCH", "DRONE_COMMIT_BRANCH"))
    return Findings(
        event_name=event,
        trigger=_TRIGGERS.get(event.value) if event else None,
        gone=_gone(evidence),
        commit=evidence.variable("DRONE_COMMIT_SHA", "DRONE_COMMIT"),
        git_tag=evidence.variable("DRONE_TAG") or ref.git_tag,
        branch=named.branch or ref.branch,
        ref_name=named.ref_name,
        number=evidence.variable("DRONE_PULL_REQUEST") or ref.number or named.number,
        fork=_fork(evidence),
        source_branch=evidence.variable("DRONE_SOURCE_BRANCH"),
        target_branch=evidence.variable("DRONE_TARGET_BRANCH", "DRONE_BRANCH"),
        default_branch=evidence.variable("DRONE_REPO_BRANCH"),
        repository_url=evidence.variable("DRONE_REPO_LINK"),
        repository=evidence.variable("DRONE_REPO"),
        run_id=evidence.variable("DRONE_BUILD_NUMBER"),
        job=evidence.variable("DRONE_STAGE_NAME"),
        run_url=evidence.variable("DRONE_BUILD_LINK"),
        actor=evidence.variable("DRONE_BUILD_TRIGGER", "DRONE_COMMIT_AUTHOR"),
    )


def _gone(evidence: Evidence) -> Said | None:
    """Return `request-closed` or `ref-deleted`; Harness builds for these actions if its triggers select them."""
    action = evidence.variable("DRONE_BUILD_ACTION")
    word = action.value.lower() if action else ""
    gone = {"close": "request-closed", "closed": "request-closed", "merge": "request-closed"}.get(word)
    gone = gone or ("ref-deleted" if word in ("delete", "deleted") else None)
    return Said(gone, action.source) if action and gone else None


def _fork(evidence: Evidence) -> Said | None:
    """Read DRONE_FORK: `true`, `false`, or the name of the head's repository."""
    said, own = evidence.variable("DRONE_FORK"), evidence.variable("DRONE_REPO")
    if said is None or said.value.strip().lower() in ("true", "false"):
        return Said(said.value.strip().lower(), said.source) if said else None
    if own is None:
        return Said("unknown", said.source)
    same = said.value.strip().lower() == own.value.strip().lower()
    return Said("false" if same else "true", said.source)
