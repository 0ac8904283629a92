"""Reads what event files of GitHub, Gitea and Forgejo say of a run beyond its ref.

Covered are the head of the workflow behind `workflow_run`, closed requests, deleted refs, and releases.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ci.systems.evidence import Evidence, Said

#: Actions of a release event after which the release is not published. Source: docs.github.com, "Webhook events".
_WITHDRAWN = frozenset({"deleted", "unpublished"})

#: Conclusions of a workflow run that are not failures. Every other word counts as one, also one that GitHub adds later.
#: A run that was only requested, or goes on, has no conclusion.
_NOT_FAILED = frozenset({"success", "neutral", "skipped"})


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The head of the run that caused a `workflow_run` event, in the words of `Findings`.

    `ref_name`: for a push the event has the name of a branch or a git tag, and no field says which of them.
    """

    commit: Said | None = None
    ref_name: Said | None = None
    git_tag: Said | None = None
    request: Said | None = None
    number: Said | None = None
    request_head: Said | None = None
    target_branch: Said | None = None
    merge_queue: Said | None = None

    @property
    def trigger(self) -> str:
        """The trigger for `Findings`."""
        if self.request is None:
            return "other"
        return (
            "pull-request-target" if self.request.value.startswith("pull_request_target") else "pull-request"
        )


def head_of_workflow(evidence: Evidence) -> Head:
    """Return the commit and the ref of the run that `workflow_run` is about."""
    commit = evidence.field("workflow_run", "head_sha") or evidence.variable("GITHUB_SHA")
    name = evidence.field("workflow_run", "head_branch")
    caused = evidence.field("workflow_run", "event")
    word = caused.value if caused else ""
    if word.startswith("pull_request"):
        request = _only_request(evidence)
        return Head(
            commit=commit,
            request=caused,
            number=_member(request, "number"),
            request_head=_member(request, "head", "sha"),
            target_branch=_member(request, "base", "ref"),
        )
    if word == "merge_group":
        return Head(commit=commit, ref_name=name, merge_queue=caused)
    if word == "release":
        return Head(commit=commit, git_tag=name)
    return Head(commit=commit, ref_name=name)


def _only_request(evidence: Evidence) -> Mapping[str, object] | None:
    """Return the request of the run; None if the event lists none, as for forks, or several with one head."""
    listed = evidence.node("workflow_run", "pull_requests")
    one = listed[0] if isinstance(listed, list) and len(listed) == 1 else None
    return one if isinstance(one, Mapping) else None


def _member(request: Mapping[str, object] | None, *path: str) -> Said | None:
    if request is None:
        return None
    found = Evidence({}, request).field(*path)
    return Said(found.value, ".".join(("event.workflow_run.pull_requests[0]", *path))) if found else None


def gone_of(evidence: Evidence, event_name: str) -> Said | None:
    """Return a value of `ci.context.Gone` if the event ends something: a request, a branch, a tag, a release, a run."""
    action = evidence.field("action")
    word = action.value if action else ""
    if event_name.startswith("pull_request"):
        # A label or a review may come after the request was closed.
        state = evidence.field("pull_request", "state")
        said = action if word == "closed" else state
        return Said("request-closed", said.source) if said and said.value == "closed" else None
    if event_name == "delete":
        return Said("ref-deleted", "GITHUB_EVENT_NAME")
    if event_name == "push" and evidence.node("deleted") is True:
        return Said("ref-deleted", "event.deleted")
    if event_name == "workflow_run":
        ended = evidence.field("workflow_run", "conclusion")
        return Said("workflow-failed", ended.source) if ended and ended.value not in _NOT_FAILED else None
    if event_name == "merge_group" and word == "destroyed":
        return Said("queue-left", "event.action")
    if event_name != "release":
        return None
    if word in _WITHDRAWN:
        return Said("release-deleted", "event.action")
    return Said("release-draft", "event.release.draft") if _box(evidence, "draft") == "true" else None


def prerelease_box(evidence: Evidence, event_name: str, git_tag: Said | None) -> Said | None:
    """Return the pre-release box of a release event, if the event is about the git tag of this run."""
    if event_name != "release" or git_tag is None:
        return None
    named = evidence.field("release", "tag_name")
    if named is not None and named.value != git_tag.value:
        return None
    value = _box(evidence, "prerelease")
    return Said(value, "event.release.prerelease") if value else None


def _box(evidence: Evidence, name: str) -> str | None:
    said = evidence.field("release", name)
    return said.value if said is not None and said.value in ("true", "false") else None
