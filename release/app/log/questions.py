"""Questions to the version log: which releases, what a tag held, where a digest stands, what lies between releases.

An empty answer is an answer; only a name that means no release raises `ConfigError`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from release.app.session import Session
from release.errors import ConfigError, RefusedError
from release.git.command import Git
from release.log import query, questions
from release.log.questions import Change, Filter, Mention, TagHistory, TagThen
from release.log.state import ReleaseState
from release.log.yanked import Yank, yank_of, yanks_of
from release.ref_names import is_commit


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which releases; what is None does not matter. `since`, `until`: a day, or a moment such as 2026-11-20T17:55Z.

    `image`: a target, or its end after a `/`. `state`: how far they came, or `yanked`. `limit`: only the newest.
    """

    image: str | None = None
    tag: str | None = None
    version: str | None = None
    channel: str | None = None
    branch: str | None = None
    since: str | None = None
    until: str | None = None
    state: Literal["planned", "built", "pushed", "released", "yanked"] | None = None
    actor: str | None = None
    limit: int | None = None


class ListedRelease(msgspec.Struct, frozen=True, kw_only=True):
    """One release. `release`: its version, else its channel. `yanked_at`, `yank_reason`: empty unless taken back."""

    release: str
    key: str
    version: str
    commit: str
    channel: str
    state: str
    planned_at: str
    released_at: str
    digest: str
    targets: tuple[str, ...]
    tags: tuple[str, ...]
    yanked_at: str
    yank_reason: str


class ListReport(msgspec.Struct, frozen=True, kw_only=True):
    """The releases, newest first."""

    schema: Literal["shipmark.log-list/1"] = "shipmark.log-list/1"
    releases: tuple[ListedRelease, ...]


class ShowRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: a version, git tag, image tag, digest, commit or release key."""

    name: str


class ShowReport(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of one release as they are stored, oldest first."""

    schema: Literal["shipmark.log-show/1"] = "shipmark.log-show/1"
    entries: tuple[dict[str, Any], ...]


class FindRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`digest`: of an index, a platform's manifest or a tag; `sha256:` and at least 7 of its digits."""

    digest: str


class FindReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every place where the digest stands."""

    schema: Literal["shipmark.log-find/1"] = "shipmark.log-find/1"
    mentions: tuple[Mention, ...]


class AtRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`tag`: `latest`, or `ghcr.io/acme/app:latest`. `time`: a day, which means its end, or a moment."""

    tag: str
    time: str


class AtReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the tag held then, for each target where it held anything."""

    schema: Literal["shipmark.log-at/1"] = "shipmark.log-at/1"
    tags: tuple[TagThen, ...]


class HistoryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`tag`: `latest`, or `ghcr.io/acme/app:latest`."""

    tag: str


class HistoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the tag held over time, for each target that has it."""

    schema: Literal["shipmark.log-history/1"] = "shipmark.log-history/1"
    tags: tuple[TagHistory, ...]


class DiffRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Two releases by any of their names; where a name means several, the newest is taken."""

    before: str
    after: str


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit between two releases."""

    commit: str
    subject: str


class DiffReport(msgspec.Struct, frozen=True, kw_only=True):
    """What differs. `before`, `after`: commits. `commits`: newest first, as git lists them."""

    schema: Literal["shipmark.log-diff/1"] = "shipmark.log-diff/1"
    before: str
    after: str
    same_image: bool
    inputs: tuple[Change, ...]
    platforms_added: tuple[str, ...]
    platforms_removed: tuple[str, ...]
    commits: tuple[Commit, ...]


def list_releases(workspace: Session, request: ListRequest) -> ListReport:
    """The releases that the request lets through."""
    yanks = yanks_of(workspace.log.entries())
    only_yanked = request.state == "yanked"
    chosen = Filter(
        image=request.image,
        tag=request.tag,
        version=request.version,
        channel=request.channel,
        branch=request.branch,
        since=questions.moment(request.since) if request.since else None,
        until=questions.moment(request.until) if request.until else None,
        # To be yanked is no state of the fold: a release stays released, and a later record takes it back.
        state=None if only_yanked else request.state,
        actor=request.actor,
    )
    found = [
        one for one in questions.select(workspace.log_state, chosen) if not only_yanked or yank_of(yanks, one)
    ]
    return ListReport(releases=tuple(_listed(one, yank_of(yanks, one)) for one in found[: request.limit]))


def show(workspace: Session, request: ShowRequest) -> ShowReport:
    """Every entry of the release, and the one that took it back."""
    releases = releases_named(workspace, request.name)
    entries = workspace.log.entries()
    keys = {one.key for one in releases}
    yanks = yanks_of(entries)
    taken_back = {yank.seq for one in releases if (yank := yank_of(yanks, one)) is not None}
    return ShowReport(
        entries=tuple(
            one.fields for one in entries if one.fields.get("release") in keys or one.seq in taken_back
        )
    )


def find(workspace: Session, request: FindRequest) -> FindReport:
    """Where the digest stands. Raises `ConfigError` for what is not a digest."""
    return FindReport(mentions=query.find(workspace.log.store, request.digest, workspace.indexes))


def at(workspace: Session, request: AtRequest) -> AtReport:
    """What the tag held at the time. Raises `ConfigError` for what is not a time."""
    moment = questions.moment(request.time)
    return AtReport(tags=query.at(workspace.log.store, request.tag, moment, workspace.indexes))


def history(workspace: Session, request: HistoryRequest) -> HistoryReport:
    """What the tag held over time."""
    return HistoryReport(tags=query.history(workspace.log.store, request.tag, workspace.indexes))


def diff(workspace: Session, request: DiffRequest) -> DiffReport:
    """What lies between the releases. Raises `ConfigError` where git does not have both commits."""
    old, new = (releases_named(workspace, name)[-1] for name in (request.before, request.after))
    found = questions.difference(old, new)
    return DiffReport(
        **{name: getattr(found, name) for name in found.__struct_fields__},
        commits=_commits(workspace, old.commit, new.commit),
    )


def releases_named(workspace: Session, name: str) -> tuple[ReleaseState, ...]:
    """The releases that a person means by `name`, oldest first. Raises `ConfigError` where there is none."""
    found = questions.resolve(workspace.log_state, name)
    if not found:
        raise ConfigError(f"the log has no release `{name}`", hint="`shipmark log list` shows what it has")
    return found


def _listed(release: ReleaseState, yank: Yank | None) -> ListedRelease:
    return ListedRelease(
        release=release.version or release.channel,
        key=release.key,
        version=release.version,
        commit=release.commit,
        channel=release.channel,
        state=release.state,
        planned_at=release.planned_at,
        released_at=release.released_at,
        digest=release.image.digest if release.image is not None else "",
        targets=tuple(one.target for one in release.pushed),
        tags=questions.tags_of(release),
        yanked_at=yank.at if yank is not None else "",
        yank_reason=yank.reason if yank is not None else "",
    )


def _commits(workspace: Session, before: str, after: str) -> tuple[Commit, ...]:
    for commit in (before, after):
        # Others write the log too: git would take `--output=FILE` for an option and overwrite a file.
        if not is_commit(commit):
            raise RefusedError(
                f"the log says `{commit[:80]}` where a commit id belongs",
                hint="`shipmark log verify` shows the entry; whoever can write the log can write that",
            )
    git = Git(workspace.process, workspace.root, workspace.settings.env)
    done = git.run("log", "-z", "--format=%H%x09%s", f"{before}..{after}", "--")
    if done.code != 0:
        raise ConfigError(
            f"git does not know both commits: {before[:12]} and {after[:12]}",
            hint="fetch the history: `git fetch --unshallow --tags`",
        )
    rows = [row.partition("\t") for row in done.stdout.decode("utf-8", "replace").split("\0") if row]
    return tuple(Commit(commit=commit, subject=subject) for commit, _, subject in rows)
