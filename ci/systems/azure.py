"""Azure Pipelines. Source: learn.microsoft.com, "Use predefined variables".

BUILD_SOURCEBRANCHNAME is not read: it is the last path segment only.
"""

from __future__ import annotations

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import public_url, read_typed, short

_TRIGGERS = {
    "pullrequest": "pull-request",
    "validateshelveset": "pull-request",  # changes that are not checked in yet, of Team Foundation Version Control
    "schedule": "schedule",
    "manual": "manual",
    "buildcompletion": "other",
    "resourcetrigger": "other",
}


def read(evidence: Evidence) -> Findings:
    """Read the variables. The id of a request is its number in Azure Repos; GitHub's number has its own variable."""
    ref = read_typed(evidence.variable("BUILD_SOURCEBRANCH"))
    reason = evidence.variable("BUILD_REASON")
    fork = evidence.variable("SYSTEM_PULLREQUEST_ISFORK")
    return Findings(
        event_name=reason,
        trigger=_TRIGGERS.get(reason.value.lower()) if reason else None,
        commit=evidence.variable("BUILD_SOURCEVERSION"),
        git_tag=ref.git_tag,
        branch=ref.branch,
        ref_name=ref.ref_name,
        number=evidence.variable("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID")
        or ref.number,
        request=evidence.variable("SYSTEM_PULLREQUEST_SOURCEBRANCH", "SYSTEM_PULLREQUEST_TARGETBRANCH"),
        head_sha=evidence.variable("SYSTEM_PULLREQUEST_SOURCECOMMITID"),
        source_branch=short(evidence.variable("SYSTEM_PULLREQUEST_SOURCEBRANCH")),
        target_branch=short(evidence.variable("SYSTEM_PULLREQUEST_TARGETBRANCH")),
        fork=Said(fork.value.lower(), fork.source) if fork else None,
        repository_url=evidence.variable("BUILD_REPOSITORY_URI"),
        repository=evidence.variable("BUILD_REPOSITORY_NAME"),
        run_id=evidence.variable("BUILD_BUILDID"),
        attempt=evidence.variable("SYSTEM_JOBATTEMPT"),
        job=evidence.variable("SYSTEM_JOBNAME", "AGENT_JOBNAME"),
        run_url=_run_url(evidence),
        actor=evidence.variable("BUILD_REQUESTEDFOR"),
    )


def _run_url(evidence: Evidence) -> Said | None:
    server = evidence.variable("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI")
    project, build = evidence.variable("SYSTEM_TEAMPROJECT"), evidence.variable("BUILD_BUILDID")
    if server is None or project is None or build is None:
        return None
    base = public_url(server.value)
    if base is None or "/" in project.value or ":" in project.value:  # no project's name contains them
        return None
    # Of the characters of project names only blanks have to be escaped in a URL.
    name = project.value.replace(" ", "%20")
    return Said(f"{base.rstrip('/')}/{name}/_build/results?buildId={build.value}", server.source)
