"""GitHub Actions, and Gitea and Forgejo, which set the same variables.

Source: docs.github.com, "Variables reference" and "Events that trigger workflows"; docs.gitea.com, "Comparison".
"""

from __future__ import annotations

import msgspec

from ci.systems.event_repositories import head_of_event, head_of_request
from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.github_events import Head, gone_of, head_of_workflow, prerelease_box
from ci.systems.refs import Ref, read_ref, short

#: Event -> trigger, for events without a push, tag or request. Their ref is the default branch or one that a user
#: chose.
_TRIGGERS = {
    "schedule": "schedule",
    "workflow_dispatch": "manual",
    "repository_dispatch": "manual",
    **dict.fromkeys(
        ("workflow_run", "issue_comment", "issues", "delete", "deployment", "deployment_status", "check_run"),
        "other",
    ),
}


def read(evidence: Evidence) -> Findings:
    """Read the variables and the event file. `workflow_run` is about another run, whose head it names."""
    found = _read(evidence)
    if found.event_name is None or found.event_name.value != "workflow_run":
        return found
    return _with_head(found, head_of_workflow(evidence))


def _with_head(found: Findings, head: Head) -> Findings:
    """Return `found` with commit and ref of the head. The ref of the event itself is always the default branch."""
    origin = found.head_origin
    stated = {"own": "false", "foreign": "true"}.get(origin.value) if origin else None
    fork = Said(stated, origin.source) if head.request and origin and stated else None
    return msgspec.structs.replace(
        found,
        trigger=head.trigger,
        commit=head.commit,
        git_tag=head.git_tag,
        branch=None,
        ref_name=head.ref_name,
        number=head.number,
        request=head.request,
        head_sha=head.request_head,
        source_branch=None,
        target_branch=head.target_branch,
        fork=fork,
        merge_queue=head.merge_queue,
    )


def _read(evidence: Evidence) -> Findings:
    name = evidence.variable("GITHUB_EVENT_NAME")
    word = name.value if name else ""
    ref = _ref(evidence, word)
    trigger = _trigger(word)
    # The ref of a request's run may be the base branch, so it gives no branch here; the number may be unknown then.
    request = trigger in ("pull-request", "pull-request-target") or ref.number is not None
    git_tag = None if request else ref.git_tag
    return Findings(
        event_name=name,
        trigger=trigger,
        commit=evidence.variable("GITHUB_SHA"),
        git_tag=git_tag,
        base_ref=short(evidence.field("base_ref")),
        gone=gone_of(evidence, word),
        prerelease=prerelease_box(evidence, word, git_tag),
        branch=None if request else ref.branch,
        number=(evidence.field("pull_request", "number") or evidence.field("number") or ref.number)
        if request
        else None,
        head_sha=evidence.field("pull_request", "head", "sha"),
        source_branch=evidence.variable("GITHUB_HEAD_REF") or evidence.field("pull_request", "head", "ref"),
        target_branch=evidence.variable("GITHUB_BASE_REF") or evidence.field("pull_request", "base", "ref"),
        request=name if request else None,
        fork=head_of_request(evidence) if request else None,
        head_origin=None
        if request
        else head_of_event(evidence, word, on_a_ref=(ref.branch or ref.git_tag) is not None),
        merge_queue=name if word == "merge_group" else None,
        default_branch=evidence.field("repository", "default_branch")
        or (ref.branch if word == "schedule" else None),
        repository_url=_under_server(evidence),
        repository=evidence.variable("GITHUB_REPOSITORY"),
        run_id=evidence.variable("GITHUB_RUN_ID"),
        attempt=evidence.variable("GITHUB_RUN_ATTEMPT"),
        job=evidence.variable("GITHUB_JOB"),
        run_url=_run_url(evidence),
        # GITHUB_TRIGGERING_ACTOR is the user who started a re-run; GITHUB_ACTOR stays the user who started the first
        # run.
        actor=evidence.variable("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"),
        warnings=_warnings(evidence, word, ref) if request else (),
    )


def _trigger(event_name: str) -> str | None:
    """Return the trigger of an event. Gitea has further events of requests, such as `pull_request_sync`."""
    if event_name.startswith("pull_request_target"):
        return "pull-request-target"
    return "pull-request" if event_name.startswith("pull_request") else _TRIGGERS.get(event_name)


def _ref(evidence: Evidence, event_name: str) -> Ref:
    """Parse GITHUB_REF; without a full ref use GITHUB_REF_TYPE and the short name, or the tag of a release event."""
    full = evidence.variable("GITHUB_REF")
    if full is not None and full.value.startswith("refs/"):
        return read_ref(full)
    name = full or evidence.variable("GITHUB_REF_NAME")
    kind = evidence.variable("GITHUB_REF_TYPE")
    if name is not None and kind is not None and kind.value == "tag":
        return Ref(git_tag=name)
    if name is not None and kind is not None and kind.value == "branch" and not name.value.endswith("/merge"):
        return Ref(branch=name)
    return Ref(git_tag=evidence.field("release", "tag_name")) if event_name == "release" else Ref()


def _warnings(evidence: Evidence, event_name: str, ref: Ref) -> tuple[str, ...]:
    """Warn if the run of a request is on the base branch, whose commit is not the request's."""
    if ref.branch is None:
        return ()
    branch = short(ref.branch)
    if event_name == "pull_request_target":
        return (f"`pull_request_target` checks out `{branch.value if branch else ''}`, not the pull request",)
    if gone_of(evidence, event_name) is None:
        return ()
    return ("the pull request is closed; release what was merged on the push to its branch",)


def _under_server(evidence: Evidence, *below: str) -> Said | None:
    server = evidence.variable("GITHUB_SERVER_URL")
    repository = evidence.variable("GITHUB_REPOSITORY")
    if server is None or repository is None:
        return None
    return Said("/".join((server.value.rstrip("/"), repository.value, *below)), "GITHUB_SERVER_URL")


def _run_url(evidence: Evidence) -> Said | None:
    """Return the URL of the run's page: by the run's number on Gitea and Forgejo, by its id on GitHub."""
    counted = evidence.variable("GITEA_ACTIONS", "FORGEJO_ACTIONS") is not None
    run = evidence.variable("GITHUB_RUN_NUMBER" if counted else "GITHUB_RUN_ID")
    return _under_server(evidence, "actions", "runs", run.value) if run else None
