"""Reads the context of a GitHub Actions run from its variables and event, like docker/metadata-action v6.2.0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from release.tagging.model import TagPolicy
from release.tagging.rules.context import RuleContext
from release.tagging.rules.run import ALWAYS_DEFAULT, Checkout, short_length, wants_head, with_release

_DEFAULT = TagPolicy()

Event = Mapping[str, Any]


def github_run(
    env: Mapping[str, str],
    event: Event,
    *,
    now: int,
    checkout: Checkout | None = None,
    policy: TagPolicy = _DEFAULT,
) -> RuleContext:
    """The context of a run, from environment variables and event. `policy`: which git tags are versions.

    `checkout`: replaces ref, commit and commit date, if given (the action's `context: git`).
    Raises `ConfigError` for a `DOCKER_METADATA_SHORT_SHA_LENGTH` that is not a number.
    """
    event_name = env.get("GITHUB_EVENT_NAME", "")
    head = _text(event, "pull_request", "head", "sha")
    ref, sha = _ref_and_commit(env, event, event_name, head)
    committed: int | None = _commit_date(event, sha)
    if checkout is not None:
        ref, sha, committed = checkout.ref, checkout.sha, checkout.committed_at * 1000
    default = _text(event, "repository", "default_branch")
    usual = any(word in event_name for word in ALWAYS_DEFAULT)
    run = RuleContext(
        now=now,
        event_name=event_name,
        ref=ref,
        sha=sha,
        base_ref=_base_ref(event, ref),
        default_branch=default,
        is_default_branch=usual or (bool(default) and ref.removeprefix("refs/heads/") == default),
        commit_date=committed,
        short_length=short_length(env),
        request=_request(ref, event),
        head=head,
    )
    return with_release(run, policy)


def _ref_and_commit(env: Mapping[str, str], event: Event, event_name: str, head: str) -> tuple[str, str]:
    """Ref and commit of the run. A `pull_request_target` runs on the base branch, but gets the pull request's ref."""
    ref, sha = env.get("GITHUB_REF", ""), env.get("GITHUB_SHA", "")
    if "pull_request_target" in event_name:
        ref = f"refs/pull/{_text(event, 'number')}/merge"
    if wants_head(env) and "pull_request" in event_name:
        sha = head or sha
    return ref, sha


def _text(event: Any, *path: str) -> str:
    """The text or number at `path` of an event; empty if the event has none there."""
    for name in path:
        event = event.get(name) if isinstance(event, Mapping) else None
    return str(event) if isinstance(event, str | int) and not isinstance(event, bool) else ""


def _base_ref(event: Event, ref: str) -> str:
    if ref.startswith("refs/tags/"):
        return _text(event, "base_ref").removeprefix("refs/heads/")
    return _text(event, "pull_request", "base", "ref") if ref.startswith("refs/pull/") else ""


def _request(ref: str, event: Event) -> int | None:
    number = ref.removeprefix("refs/pull/").partition("/")[0] if ref.startswith("refs/pull/") else ""
    number = number or _text(event, "pull_request", "number")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 16 else None


def _commit_date(event: Event, sha: str) -> int | None:
    """The commit's date from the event, in milliseconds since the epoch; None if the event has none."""
    commits = event.get("commits")
    pushed = [commit for commit in commits if _text(commit, "id") == sha] if isinstance(commits, list) else []
    head = event.get("head_commit")
    candidates = [*pushed[:1], *([head] if _text(head, "id") == sha else [])]
    for commit in candidates:
        try:
            moment = datetime.fromisoformat(_text(commit, "timestamp"))
        except ValueError:
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    return None
