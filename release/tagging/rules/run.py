"""Makes the context that tag rules are evaluated in, from the CI system and git. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from ci.context import CiContext, PullRequest
from release.errors import ConfigError
from release.facts import Facts
from release.git.model import Snapshot
from release.tagging.model import TagPolicy
from release.tagging.rules.context import Described, RuleContext
from release.tagging.rules.javascript.numbers import javascript_number
from release.versions.model import Version
from release.versions.semver import off_tag_version, parse_tag_name

_DEFAULT = TagPolicy()
# Hex digits of a short commit id, the default of docker/metadata-action. Another number would rename the tags of its
# users: the action reverted a change to 12 (docker/metadata-action#479).
_SHORT = 7
_EVENT_NAMES = {
    "push": "push",
    "tag": "push",
    "pull-request": "pull_request",
    "pull-request-target": "pull_request_target",
    "merge-queue": "merge_group",
    "schedule": "schedule",
    "manual": "workflow_dispatch",
}


#: Parts of event names: docker/metadata-action treats runs of these events as runs on the default branch.
ALWAYS_DEFAULT = ("create", "discussion", "issues", "schedule")
_WITH_ACTIONS = frozenset({"github", "gitea", "forgejo"})


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """The commit checked out. `ref`: full, empty in a detached HEAD; `committed_at`: seconds since the epoch."""

    ref: str
    sha: str
    committed_at: int


def ci_run(
    env: Mapping[str, str],
    ci: CiContext,
    *,
    now: int,
    checkout: Checkout | None = None,
    policy: TagPolicy = _DEFAULT,
) -> RuleContext:
    """The context of a run on any CI system, in GitHub's terms; `checkout` gives missing values."""
    request = ci.pull_request
    ref = _ref(ci.git_tag, request, ci.branch)
    sha = (wants_head(env) and request is not None and request.head_sha) or ci.commit or ""
    committed: int | None = None
    if checkout is not None:
        ref, sha = ref or checkout.ref, sha or checkout.sha
        committed = checkout.committed_at * 1000 if sha == checkout.sha else None
    default = ci.default_branch or ""
    is_default = ci.is_default_branch
    if is_default is None:
        is_default = bool(default) and ref == f"refs/heads/{default}"
    run = RuleContext(
        now=now,
        event_name=_EVENT_NAMES.get(ci.event, ci.event_name or ""),
        ref=ref,
        sha=sha,
        base_ref=(request.target_branch or "") if request is not None else "",
        default_branch=default,
        is_default_branch=is_default,
        commit_date=committed,
        short_length=short_length(env),
        request=None if request is None else request.number,
        head=(request.head_sha or "") if request is not None else "",
    )
    return with_release(run, policy)


def facts_run(
    facts: Facts, *, git_tag: str | None = None, release: Version | None = None, prefix: str = ""
) -> RuleContext:
    """The context of a run from `facts`.

    `git_tag` and `release`: of HEAD's release; they replace the branch. `prefix`: of version tags.
    """
    ci = facts.ci
    request = ci.pull_request
    ref = _ref(git_tag, request, facts.branch)
    return RuleContext(
        now=facts.now,
        event_name=_EVENT_NAMES.get(ci.event, ci.event_name or ""),
        ref=ref,
        sha=facts.commit,
        base_ref=((request.target_branch if request is not None else ci.base_ref) or ""),
        default_branch=ci.default_branch
        or (facts.branch if facts.is_default_branch and facts.branch else ""),
        is_default_branch=facts.is_default_branch and git_tag is None,
        commit_date=facts.snapshot.committed_at * 1000,
        request=None if request is None else request.number,
        head=(request.head_sha or "") if request is not None else "",
        channel=_channel(ref, release),
        release=release,
        prefix=prefix,
    )


def as_action(run: RuleContext, facts: Facts) -> RuleContext:
    """`run` as docker/metadata-action sees it: a merge queue's branch is a branch.

    The action treats runs of some events (`ALWAYS_DEFAULT`) as runs on the default branch, whatever their ref is.
    """
    ci = facts.ci
    ref = run.ref if run.ref or ci.branch is None else f"refs/heads/{ci.branch}"
    name = ci.event_name or ""
    usual = ci.system in _WITH_ACTIONS and any(word in name for word in ALWAYS_DEFAULT)
    # For an event about a deletion, the facts name no branch although the run's ref is the default branch.
    on_default = ci.default_branch is not None and ref == f"refs/heads/{ci.default_branch}"
    is_default = usual or on_default or run.is_default_branch
    return msgspec.structs.replace(
        run, ref=ref, channel=_channel(ref, run.release), is_default_branch=is_default
    )


def with_action_variables(run: RuleContext, env: Mapping[str, str]) -> RuleContext:
    """`run` with the commit id that `DOCKER_METADATA_SHORT_SHA_LENGTH` and `DOCKER_METADATA_PR_HEAD_SHA` ask for.

    Applied last: the commit of a request's head is not the one that git's history was read for.
    """
    is_head = wants_head(env) and run.request is not None and run.head
    return msgspec.structs.replace(run, short_length=short_length(env), sha=run.head if is_head else run.sha)


def with_release(run: RuleContext, policy: TagPolicy) -> RuleContext:
    """`run` with the version that its git tag names by `policy`, and with its channel."""
    release = version_of(run.git_tag, policy)
    return msgspec.structs.replace(
        run, release=release, prefix=policy.prefix, channel=_channel(run.ref, release)
    )


def with_history(
    run: RuleContext, snapshot: Snapshot, *, policy: TagPolicy, commit_count: int | None = None
) -> RuleContext:
    """`run` with version, distance and count of its commit from git's history.

    A snapshot of another commit is ignored; a snapshot of a shallow clone gives no distance.
    """
    if run.sha != snapshot.head:
        return run
    described: Described | None = None
    if run.release is not None:
        described = Described(version=run.release, base=run.git_tag)
    elif snapshot.describe is not None:
        base = snapshot.describe
        described = Described(
            version=off_tag_version(version_of(base.git_tag, policy), base.distance, run.sha),
            distance=base.distance,
            base=base.git_tag,
        )
    elif snapshot.commit_count is not None:
        count = snapshot.commit_count
        described = Described(version=off_tag_version(None, count, run.sha), distance=count)
    return msgspec.structs.replace(
        run,
        described=described,
        commit_count=commit_count if commit_count is not None else snapshot.commit_count,
    )


def wants_head(env: Mapping[str, str]) -> bool:
    """Whether the value `sha` of a pull request is its head commit, not the merge commit that is built."""
    return "true" in env.get("DOCKER_METADATA_PR_HEAD_SHA", "").lower()


def short_length(env: Mapping[str, str]) -> int:
    """The number of hex digits of a short commit id: `DOCKER_METADATA_SHORT_SHA_LENGTH`, or 7. Raises `ConfigError`."""
    text = env.get("DOCKER_METADATA_SHORT_SHA_LENGTH", "")
    if not text:
        return _SHORT
    number = javascript_number(text)
    if math.isnan(number):
        raise ConfigError(
            f"`DOCKER_METADATA_SHORT_SHA_LENGTH` is `{text}`, which is not a number",
            hint="set it to `7` or `12`",
        )
    return int(min(max(number, 0.0), 64.0))  # a SHA-256 commit id has 64 digits


def _ref(git_tag: str | None, request: PullRequest | None, branch: str | None) -> str:
    """The full ref that is built: the git tag, else the pull request, else the branch."""
    if git_tag is not None:
        return f"refs/tags/{git_tag}"
    if request is not None:
        return f"refs/pull/{request.number}/merge"
    return "" if branch is None else f"refs/heads/{branch}"


def version_of(git_tag: str, policy: TagPolicy) -> Version | None:
    """The version that a git tag names by `policy`, or None."""
    if not git_tag or policy.versions == "none":
        return None
    return parse_tag_name(git_tag, policy.prefix, policy.versions)


def _channel(ref: str, release: Version | None) -> str:
    if release is not None:
        return "release" if release.is_stable else "prerelease"
    if ref.startswith("refs/pull/"):
        return "pull-request"
    return "branch" if ref.startswith("refs/heads/") else "snapshot"
