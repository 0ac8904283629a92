"""Decides what a run may do: release a git tag, build a branch, a request or a single commit, or nothing. Pure.

The input is what the CI system says. `facts.reconcile` narrows the result by what git says of the checked-out commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from ci.context import CiContext, Gone
from release.trust import Trust, judge

May = Literal["release", "branch", "request", "commit", "nothing"]

_GONE: Mapping[Gone, str] = {
    "request-closed": "the pull request is closed",
    "ref-deleted": "the event is about a branch or git tag that was deleted",
    "release-deleted": "the event is about a release that was deleted",
    "release-draft": "the event is about the draft of a release",
    "workflow-failed": "the workflow run that this one follows did not succeed",
    "queue-left": "the event is about a commit that left the merge queue",
}


class RunScope(msgspec.Struct, frozen=True, kw_only=True):
    """What one run may do, with the reason in words.

    `may`: `release`, with `git_tag`; `branch`, with `branch`, or that of the checkout; `request`, with `number`;
    `commit`: only a tag that names the commit; `nothing`. `ref_name`: a branch or a git tag, which only git can tell.
    `at_head`: whether a version tag at HEAD is released although the run's ref is not a git tag.
    """

    may: May
    reason: str
    trust: Trust
    git_tag: str | None = None
    branch: str | None = None
    ref_name: str | None = None
    number: int | None = None
    at_head: bool = False

    @property
    def releases(self) -> bool:
        """Whether the run may release a version."""
        return self.may == "release" or self.at_head

    def narrowed(self, reason: str) -> RunScope:
        """A scope for this run that allows nothing, because of `reason`."""
        return RunScope(may="nothing", reason=reason, trust=self.trust)


def scope_of(ci: CiContext) -> RunScope:
    """Return the scope of a run, from the first of six facts that the CI system states.

    The facts, in this order: a commit from another repository or of unknown origin, a deleted or closed subject of the
    event, a merge queue, a pull request, a git tag, a branch. Without these facts the checkout decides; where no CI
    system was detected, a version tag at HEAD is released too.
    """
    trust = judge(ci)
    nothing = RunScope(may="nothing", reason=trust.reason, trust=trust)
    if not trust.trusted:
        return nothing
    if ci.gone is not None:
        return nothing.narrowed(_GONE[ci.gone])
    if ci.merge_queue:
        return RunScope(may="commit", reason="a merge queue builds a temporary commit", trust=trust)
    if ci.pull_request is not None or ci.event in ("pull-request", "pull-request-target"):
        return _of_request(ci, nothing)
    return _of_ref(ci, trust)


def _of_request(ci: CiContext, nothing: RunScope) -> RunScope:
    request = ci.pull_request
    if request is None:
        return nothing.narrowed("the event is a pull request's, and its number is not stated")
    if request.fork:
        return nothing.narrowed("a pull request from a fork is never pushed")
    if request.fork is None:
        return nothing.narrowed(
            "it is not known whether the pull request comes from a fork, and those are never pushed"
        )
    return RunScope(
        may="request", reason=f"pull request {request.number}", trust=nothing.trust, number=request.number
    )


def _of_ref(ci: CiContext, trust: Trust) -> RunScope:
    if ci.git_tag is not None:
        return RunScope(
            may="release", reason=f"the ref is git tag `{ci.git_tag}`", trust=trust, git_tag=ci.git_tag
        )
    if ci.ref_name is not None:
        reason = f"the event names `{ci.ref_name}`; a git tag at HEAD is released if no branch has its name"
        return RunScope(may="branch", reason=reason, trust=trust, ref_name=ci.ref_name)
    if ci.branch is not None:
        return RunScope(
            may="branch", reason=f"the ref is branch `{ci.branch}`", trust=trust, branch=ci.branch
        )
    if ci.system == "none":
        reason = "no CI system was detected: the checkout decides"
        return RunScope(may="branch", reason=reason, trust=trust, at_head=True)
    reason = f"{ci.system} names no ref: the checkout decides"
    return RunScope(may="branch", reason=reason, trust=trust)
