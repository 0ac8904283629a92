"""Gathers the context of `shipmark metadata`: CI variables, the event file, and git if there is a repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ci.remedies import remedy
from ci.systems import event_path
from release.app.releases.known import from_git
from release.app.session import Session
from release.errors import ConfigError, GitError
from release.facts import local_branches
from release.filesystem.files import read_file
from release.git.command import Git
from release.git.model import Snapshot
from release.json_text import parse_json
from release.limits import EVENT_BYTES
from release.tagging.labels import source_url
from release.tagging.metadata import MetadataContext, RepositoryFacts
from release.tagging.model import KnownReleases, TagPolicy
from release.tagging.rules.context import RuleContext
from release.tagging.rules.github import github_run
from release.tagging.rules.run import Checkout, ci_run, with_history
from release.tagging.warnings import without_version_tag
from release.versions.git_tags import versions_in
from release.versions.semver import precedence_key
from release.versions.tag_listing import has_version_tag, names_of, tags_at

_GITHUB = frozenset({"github", "gitea", "forgejo"})


def gather_context(session: Session, *, source: str, policy: TagPolicy, count: bool) -> MetadataContext:
    """The context of this run. `source`: `workflow` or `git`; `count`: whether the commits of HEAD are counted.

    Git is required for `git`, and if no CI system tells the commit; otherwise git only adds facts about the commit.
    Raises `GitError` if git is required and fails, `ConfigError` for a bad `SOURCE_DATE_EPOCH`.
    """
    env = session.settings.env
    on_github = _is_github(session)
    # Without GitHub's variables the event file of a job around this command is about another run.
    path = env.get("GITHUB_EVENT_PATH") if on_github else event_path(env, system=session.settings.ci)
    event = _event(path)
    needed = source == "git" or not (on_github or session.ci.commit)
    snapshot = _snapshot(session, policy, needed=needed)
    checkout = None if snapshot is None else _checkout(snapshot, policy)
    now = session.clock.now()
    if on_github:
        asked = checkout if source == "git" else None
        run = github_run(env, event, now=now, checkout=_completed(asked, env), policy=policy)
    else:
        run = ci_run(env, session.ci, now=now, checkout=checkout, policy=policy)
    known, unguarded = _known(session, run, snapshot, policy)
    if snapshot is not None:
        run = _with_git(session, run, snapshot, policy, count=count)
    return MetadataContext(
        run=run,
        repository=_repository(session, event, snapshot),
        label_time=_label_time(session),
        known=known,
        unguarded=unguarded,
        git_tags=() if snapshot is None or known is None else names_of(snapshot.tag_listing),
    )


def _is_github(session: Session) -> bool:
    """Whether GitHub's variables describe the run: on GitHub, Gitea or Forgejo, or when `GITHUB_REF` is set by hand."""
    asked = session.settings.ci is not None
    return session.ci.system in _GITHUB or (
        session.ci.system in ("none", "other") and not asked and bool(session.settings.env.get("GITHUB_REF"))
    )


def _event(path: str | None) -> dict[str, Any]:
    """The JSON object in the event file; empty if the file is missing or cannot be read.

    Raises `ConfigError` for a file that is too large, not regular or not JSON.
    """
    if not path:
        return {}
    try:
        raw = read_file(path, limit=EVENT_BYTES)
    except OSError:
        return {}
    hint = "GITHUB_EVENT_PATH names the event file; unset it to do without"
    value = None if raw is None else parse_json(raw, path, hint=hint)
    return value if isinstance(value, dict) else {}


def _label_time(session: Session) -> int | None:
    """Milliseconds since the epoch: `SOURCE_DATE_EPOCH` (seconds), for labels that are reproducible; None without it.

    Tags do not take it. In docker/metadata-action `{{date}}` is the time of the run, and a nightly tag with the date of
    a commit would be the same each night.
    """
    text = session.settings.env.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    # 11 digits last until the year 5138; later years would soon exceed what `datetime` can represent (9999).
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise ConfigError(
            f"`SOURCE_DATE_EPOCH` is `{text}`, which is not a number of seconds since 1970",
            hint="`git log -1 --format=%ct` prints the time of the commit",
        )
    return int(text) * 1000


def _snapshot(session: Session, policy: TagPolicy, *, needed: bool) -> Snapshot | None:
    try:
        return session.git.snapshot(policy)
    except GitError:
        if needed:
            raise
        return None


def _checkout(snapshot: Snapshot, policy: TagPolicy) -> Checkout:
    """The checkout's commit and ref: the branch, or in a detached HEAD the highest version tag at HEAD.

    Without a version tag any other tag at HEAD is taken, then any branch at HEAD, then none.
    """
    if snapshot.branch is not None:
        ref = f"refs/heads/{snapshot.branch}"
    else:
        versions = versions_in(snapshot.tag_listing, policy.prefix, policy.versions).at(snapshot.head)
        best = max(versions, key=lambda tag: precedence_key(tag.version), default=None)
        named = _refs_at(snapshot)
        ref = f"refs/tags/{best.git_tag}" if best else next(iter(named), "")
    return Checkout(ref=ref, sha=snapshot.head, committed_at=snapshot.committed_at)


def _refs_at(snapshot: Snapshot) -> list[str]:
    """The refs that name HEAD, tags before branches."""
    tags = [f"refs/tags/{name}" for name in tags_at(snapshot.tag_listing, snapshot.head)]
    branches = local_branches(snapshot).items()
    return tags + [f"refs/heads/{branch}" for branch, commit in branches if commit == snapshot.head]


def _completed(checkout: Checkout | None, env: Mapping[str, str]) -> Checkout | None:
    """The checkout; if it has no ref and the workflow runs for the same commit, with the workflow's ref."""
    if checkout is None or checkout.ref or env.get("GITHUB_SHA") != checkout.sha:
        return checkout
    return msgspec.structs.replace(checkout, ref=env.get("GITHUB_REF", ""))


def _known(
    session: Session, run: RuleContext, snapshot: Snapshot | None, policy: TagPolicy
) -> tuple[KnownReleases | None, str]:
    """The releases in git's tags, if HEAD is the run's commit; and a reason why tags are not guarded, or `""`."""
    if snapshot is None:
        return None, "there is no git repository here, so other releases are not known"
    if snapshot.head != run.sha:
        return None, f"`{snapshot.head[:12]}` is checked out, and the run is for `{run.sha[:12]}`"
    if snapshot.shallow:
        return (
            None,
            f"this clone is shallow, other releases are not known ({remedy(session.ci.system, 'shallow')})",
        )
    if snapshot.remotes and not has_version_tag(snapshot.tag_listing):
        return None, without_version_tag(snapshot, session.ci.system)
    return from_git(snapshot, policy.prefix, policy.versions), ""


def _with_git(
    session: Session, run: RuleContext, snapshot: Snapshot, policy: TagPolicy, *, count: bool
) -> RuleContext:
    here = snapshot.head == run.sha
    client = Git(session.process, snapshot.root, session.settings.env)
    commits = None
    if count and here and not snapshot.shallow:
        commits = int(client.read("rev-list", "--count", "HEAD"))
    run = with_history(run, snapshot, policy=policy, commit_count=commits)
    if not here:
        return run
    committed = snapshot.committed_at * 1000 if run.commit_date is None else run.commit_date
    default = run.default_branch or session.git.default_branch or ""
    is_default = run.is_default_branch or (bool(default) and run.ref == f"refs/heads/{default}")
    return msgspec.structs.replace(
        run, commit_date=committed, default_branch=default, is_default_branch=is_default
    )


def _repository(session: Session, event: Mapping[str, Any], snapshot: Snapshot | None) -> RepositoryFacts:
    """Name, description, URL and license of the repository: from the event file, the CI system, then git's remote."""
    found = event.get("repository")
    said: Mapping[str, Any] = found if isinstance(found, dict) else {}
    remote = None if snapshot is None else source_url(snapshot.remote_url)
    url = session.ci.repository_url or remote or ""
    license_ = said.get("license")
    return RepositoryFacts(
        name=_text(said.get("name")) or (session.ci.repository or url).rstrip("/").rpartition("/")[2],
        description=_text(said.get("description")),
        url=_text(said.get("html_url")) or url,
        license=_text(license_.get("spdx_id")) if isinstance(license_, dict) else "",
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
