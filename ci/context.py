"""The facts that a CI system states about a run, as values."""

from __future__ import annotations

from typing import Literal

import msgspec

#: The repository of the commit that a run is about: this repository, another one (a fork), or not known.
HeadOrigin = Literal["own", "foreign", "unknown"]

#: Why a run has nothing of its own to build: what its event is about was closed, deleted, or is not published yet.
Gone = Literal[
    "request-closed", "ref-deleted", "release-deleted", "release-draft", "queue-left", "workflow-failed"
]


class PullRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A pull or merge request. `head_sha`: the request's own head, not the merge commit that is checked out.

    `base_sha`: the commit at which the request left its target branch, where the CI system names it.
    """

    number: int
    head_sha: str | None = None
    base_sha: str | None = None
    source_branch: str | None = None
    target_branch: str | None = None
    fork: bool | None = None


class CiRun(msgspec.Struct, frozen=True, kw_only=True):
    """Identifies a CI run. The URL contains no credentials."""

    id: str | None = None
    attempt: str | None = None
    job: str | None = None
    url: str | None = None
    actor: str | None = None


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """A detected fact and its source, such as `field` `branch`, `value` `main`, `variable` `GITHUB_REF`."""

    field: str
    value: str
    variable: str


class CiContext(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one CI run; None: the CI system does not state the fact.

    `system`: `github`, `gitea`, `forgejo`, `gitlab`, `jenkins`, `tekton`, `circleci`, `azure`, `buildkite`,
    `bitbucket`, `drone`, `woodpecker`, `other`, `none`. `name`: of the CI system where `system` is `other`, if it is
    known. `event`: `push`, `tag`, `pull-request`, `pull-request-target`,
    `merge-queue`, `schedule`, `manual`, `other`. `event_name`: the CI system's own name of the event. `branch`: None
    for tag builds and requests; in a merge queue the queue's temporary branch, so check `merge_queue` first.
    `head_origin`: set for requests, and for events about a commit that may be another repository's (`workflow_run`,
    a comment on a request); None where nothing names another repository: pushes, tags, schedules, manual runs.
    `base_ref`: the branch that a pushed git tag was made from, if the event states it. `ref_name`: the name of a branch
    or a git tag where the event does not say which (`workflow_run`); equal to `branch` where it counts as a branch
    unless the clone shows a git tag. `gone`: what the event is about no longer exists, is not published, or failed.
    `prerelease`: the pre-release box of a release event.
    """

    system: str = "none"
    name: str | None = None
    event: str = "other"
    event_name: str | None = None
    commit: str | None = None
    branch: str | None = None
    git_tag: str | None = None
    ref_name: str | None = None
    base_ref: str | None = None
    gone: Gone | None = None
    prerelease: bool | None = None
    head_origin: HeadOrigin | None = None
    pull_request: PullRequest | None = None
    merge_queue: bool = False
    default_branch: str | None = None
    is_default_branch: bool | None = None
    repository_url: str | None = None
    repository: str | None = None  # "acme/app"
    run: CiRun = CiRun()
    concluded: tuple[Conclusion, ...] = ()
    warnings: tuple[str, ...] = ()
