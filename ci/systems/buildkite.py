"""Buildkite. Source: buildkite.com/docs, "Environment variables"."""

from __future__ import annotations

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import host_of, public_url, read_branch, read_ref, read_typed, repository_name

_TRIGGERS = {"schedule": "schedule", "ui": "manual", "api": "other", "trigger_job": "other"}


def read(evidence: Evidence) -> Findings:
    """Read the variables. On a tag BUILDKITE_BRANCH holds the tag's name; a commit may be the word `HEAD`."""
    source = evidence.variable("BUILDKITE_SOURCE")
    named, foreign = _branch(evidence)
    ref = read_branch(named)
    branch = ref.branch
    if branch is not None and source is not None and source.value in ("ui", "api", "trigger_job"):
        ref = read_typed(
            branch
        )  # a person or a script names what to build; a webhook says whether it is a tag
    return Findings(
        event_name=source,
        trigger=_TRIGGERS.get(source.value) if source else None,
        commit=evidence.variable("BUILDKITE_COMMIT"),
        git_tag=evidence.variable("BUILDKITE_TAG"),
        branch=branch,
        ref_name=ref.ref_name,
        number=_number(evidence, ref.number),
        source_branch=branch,
        target_branch=evidence.variable("BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
        fork=foreign or _fork(evidence),
        merge_queue=evidence.variable("BUILDKITE_MERGE_QUEUE_BASE_BRANCH"),
        default_branch=evidence.variable("BUILDKITE_PIPELINE_DEFAULT_BRANCH"),
        repository_url=evidence.variable("BUILDKITE_REPO"),
        run_id=evidence.variable("BUILDKITE_BUILD_ID"),
        attempt=evidence.variable("BUILDKITE_RETRY_COUNT"),
        job=evidence.variable("BUILDKITE_STEP_KEY", "BUILDKITE_LABEL", "BUILDKITE_JOB_ID"),
        run_url=evidence.variable("BUILDKITE_BUILD_URL"),
        actor=evidence.variable("BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_AUTHOR"),
    )


def _number(evidence: Evidence, of_branch: Said | None) -> Said | None:
    """Return the request's number. A build that a person or the API starts may have only the ref of a request."""
    said = evidence.variable("BUILDKITE_PULL_REQUEST")  # `false` outside of requests
    if said is not None and said.value.strip().lower() != "false":
        return said
    fetched = evidence.variable("BUILDKITE_REFSPEC")
    source = fetched.value.strip().removeprefix("+").partition(":")[0] if fetched else ""
    of_refspec = read_ref(Said(source, fetched.source)).number if fetched and source else None
    return of_branch or of_refspec or said


def _branch(evidence: Evidence) -> tuple[Said | None, Said | None]:
    """Return the branch, and `true` if it is in a fork, as `owner:branch` shows: no git branch contains a colon."""
    said = evidence.variable("BUILDKITE_BRANCH")
    if said is None or ":" not in said.value:
        return said, None
    name = said.value.partition(":")[2]
    return (Said(name, said.source) if name else None), Said("true", said.source)


def _fork(evidence: Evidence) -> Said | None:
    """Return `true` if the request's repository has another name than the pipeline's, `false` if it is that repository.

    None if only the hosts differ, or if a repository is not known.
    """
    head, base = evidence.variable("BUILDKITE_PULL_REQUEST_REPO"), evidence.variable("BUILDKITE_REPO")
    if head is None or base is None:
        return None
    urls = [public_url(said.value) or "" for said in (head, base)]
    names = [(repository_name(url) or "").lower() for url in urls]
    if "" in names:
        return None
    if names[0] != names[1]:
        return Said("true", head.source)
    return Said("false", head.source) if host_of(urls[0]) == host_of(urls[1]) else None
