"""Jenkins: multibranch pipelines, classic jobs, and the request builders of plugins for GitLab, GitHub and others.

Source: the help texts of branch-api, git, gitlab-plugin, ghprb, gerrit-trigger and the request builders of Bitbucket.
BUILD_TAG is not a git tag.
"""

from __future__ import annotations

import re

from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.refs import Ref, below, public_url, read_ref, read_typed, repository_name, short

# What GIT_BRANCH is without a branch; a job whose specifier is a commit may give the commit.
_DETACHED = r"(?:origin/)?(?:HEAD|detached)|[0-9a-f]{40}|[0-9a-f]{64}"
# Names that branch sources give requests: `PR-12`, `MR-12`, and `PR-12-merge` where a job builds head and merge.
_REQUEST_NAME = r"(?:PR|MR)-([0-9]{1,18})(?:-(?:head|merge))?"
_GERRIT_MERGED = ("change-merged", "ref-updated")


def read(evidence: Evidence) -> Findings:
    """Read the variables."""
    tag = evidence.variable("TAG_NAME")
    if tag is None and (pushed := evidence.variable("gitlabActionType")) and pushed.value == "TAG_PUSH":
        tag = short(evidence.variable("gitlabBranch", "gitlabSourceBranch"), "refs/tags/")
    ref = _checked_out(evidence)
    named = evidence.variable("BRANCH_NAME")
    # Without CHANGE_ID where a job hands BRANCH_NAME, and no more, to another job.
    request_name = re.fullmatch(_REQUEST_NAME, named.value) if named else None
    fork = evidence.variable("CHANGE_FORK")
    return Findings(
        event_name=evidence.variable("gitlabActionType", "BUILD_CAUSE"),
        trigger=_trigger(evidence),
        gone=_gone(evidence),
        commit=evidence.variable("GIT_COMMIT"),
        git_tag=tag or ref.git_tag,
        branch=named or ref.branch,
        ref_name=None if named else ref.ref_name,
        number=evidence.variable("CHANGE_ID", "gitlabMergeRequestIid", "ghprbPullId")
        or _number(evidence)
        or (Said(request_name[1], named.source) if named and request_name else None)
        or ref.number,
        head_sha=evidence.variable("ghprbActualCommit", "gitlabMergeRequestLastCommit", "GITHUB_PR_HEAD_SHA"),
        source_branch=evidence.variable("CHANGE_BRANCH", "gitlabSourceBranch", "ghprbSourceBranch"),
        target_branch=evidence.variable("CHANGE_TARGET", "gitlabTargetBranch", "ghprbTargetBranch"),
        request=evidence.variable("CHANGE_URL", "CHANGE_TARGET", "ghprbActualCommit"),
        fork=Said("true", fork.source) if fork else _gitlab_fork(evidence) or _github_fork(evidence),
        primary=evidence.variable("BRANCH_IS_PRIMARY"),
        repository_url=evidence.variable("GIT_URL", "GIT_URL_1"),
        run_id=evidence.variable("BUILD_NUMBER", "BUILD_ID"),
        job=evidence.variable("JOB_NAME"),
        run_url=evidence.variable("BUILD_URL"),
        actor=evidence.variable("BUILD_USER_ID", "BUILD_USER", "CHANGE_AUTHOR", "gitlabUserUsername"),
    )


def _checked_out(evidence: Evidence) -> Ref:
    """Return the ref that a classic job checked out.

    GIT_BRANCH is `origin/main` for a branch. For a git tag it is what the job's branch specifier says:
    `refs/tags/v1.4.2`, `tags/v1.4.2` or `v1.4.2`. Source: git-plugin, `DefaultBuildChooser`.
    """
    local = evidence.variable("GIT_LOCAL_BRANCH")
    if local is not None and not re.fullmatch(_DETACHED, local.value):
        return read_ref(local)
    said = evidence.variable("GIT_BRANCH")
    if said is None or re.fullmatch(_DETACHED, said.value):
        return Ref()
    if tag := below(said, "tags/"):
        return Ref(git_tag=tag)
    branch = short(said, "refs/remotes/origin/", "origin/")
    if branch != said:
        return read_ref(branch)
    remote, _, rest = said.value.removeprefix("refs/remotes/").partition("/")
    fetched = read_ref(Said(rest, said.source)) if remote and rest else Ref()
    # `upstream/pr/12/head`: a request that was fetched from a remote of another name.
    return fetched if fetched.number else read_typed(said)


def _number(evidence: Evidence) -> Said | None:
    """Return the request's number from plugins whose jobs check out the request while GIT_BRANCH names its target.

    They are Gerrit Trigger, except for changes that are merged, the request builders of Bitbucket, the GitHub
    Integration plugin, and Prow.
    """
    change, event = evidence.variable("GERRIT_CHANGE_NUMBER"), evidence.variable("GERRIT_EVENT_TYPE")
    if change is not None and (event is None or event.value not in _GERRIT_MERGED):
        return change
    return evidence.variable("BITBUCKET_PULL_REQUEST_ID", "pullRequestId", "GITHUB_PR_NUMBER", "PULL_NUMBER")


def _trigger(evidence: Evidence) -> str | None:
    pushed = evidence.variable("gitlabActionType")
    if pushed is not None and pushed.value in ("MERGE", "NOTE"):
        return "pull-request"
    cause = evidence.variable("BUILD_CAUSE")
    return "schedule" if cause is not None and "TIMERTRIGGER" in cause.value else None


def _gone(evidence: Evidence) -> Said | None:
    """Return `request-closed` or `ref-deleted` from the variables of the GitLab and GitHub Integration plugins."""
    state = evidence.variable("gitlabMergeRequestState", "GITHUB_PR_STATE")
    after = evidence.variable("gitlabAfter")
    if state is not None and state.value.lower() in ("closed", "merged"):
        return Said("request-closed", state.source)
    if after is not None and not after.value.strip("0 "):
        return Said("ref-deleted", after.source)
    return None


def _gitlab_fork(evidence: Evidence) -> Said | None:
    source = evidence.variable("gitlabSourceRepoHttpUrl")
    target = evidence.variable("gitlabTargetRepoHttpUrl")
    if source is None or target is None:
        return None
    return Said("false" if source.value == target.value else "true", source.source)


def _github_fork(evidence: Evidence) -> Said | None:
    """Compare the head's URL with the repository `acme/app`; the GitHub Pull Request Builder sets both."""
    head, base = evidence.variable("ghprbAuthorRepoGitUrl"), evidence.variable("ghprbGhRepository")
    name = repository_name(public_url(head.value) or "") if head else None
    if head is None or base is None or name is None:
        return None
    return Said("false" if name.lower() == base.value.strip().lower() else "true", head.source)
