"""What a CI system says of this run, as values."""

from __future__ import annotations

from typing import Literal

import msgspec

#: Where the commit that a run is about comes from: this repository, another one, or a place that is not named.
HeadOrigin = Literal["own", "foreign", "unknown"]


class PullRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A pull or merge request. `head_sha`: the request's own head, not the merge commit that is checked out."""

    number: int
    head_sha: str | None = None
    source_branch: str | None = None
    target_branch: str | None = None
    fork: bool | None = None


class CiRun(msgspec.Struct, frozen=True, kw_only=True):
    """Which run this is. URLs hold no credentials."""

    id: str | None = None
    attempt: str | None = None
    job: str | None = None
    url: str | None = None
    actor: str | None = None


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """One thing concluded and where from: `branch` = `main` from `GITHUB_REF`."""

    field: str
    value: str
    variable: str


class CiContext(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one CI run; None means that the system does not say.

    `system`: `github`, `gitea`, `forgejo`, `gitlab`, `jenkins`, `tekton`, `circleci`, `azure`, `buildkite`,
    `bitbucket`, `drone`, `woodpecker`, `none`. `event`: `push`, `tag`, `pull-request`, `pull-request-target`,
    `merge-queue`, `schedule`, `manual`, `other`. A tag build and a request have `branch` None; a merge queue's
    `branch` is the queue's own throw-away one, so ask `merge_queue` first. `event_name` is the system's own word.
    `head_origin`: set for requests, and for events about a commit that may be another repository's (`workflow_run`,
    a comment on a request); None where nothing names another repository: pushes, tags, schedules, manual runs.
    """

    system: str = "none"
    event: str = "other"
    event_name: str | None = None
    commit: str | None = None
    branch: str | None = None
    git_tag: str | None = None
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
