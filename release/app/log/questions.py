"""Questions to the version log: lists, shows and compares releases, finds digests, and lists the digests of tags.

A question without a match returns an empty report. `ConfigError` is raised for the name of an unknown release, and for
text that is not a time or not a digest.
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
    """Filters for releases; a member that is None filters nothing.

    `since`, `until`: a day, or a moment such as 2026-11-20T17:55Z. `image`: a target, or its end after a `/`.
    `state`: how far the release came, or `yanked`. `limit`: only this many, the newest.
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
    """One release.

    `release`: the release's version, else its channel. `yanked_at`, `yank_reason`: empty unless the release was yanked.
    """

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
    """The log entries of the releases that a name means, as they are stored, oldest first."""

    schema: Literal["shipmark.log-show/1"] = "shipmark.log-show/1"
    entries: tuple[dict[str, Any], ...]


class FindRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`digest`: of an index or manifest, also one that a tag holds; `sha256:` and at least the first 7 hex digits."""

    digest: str


class FindReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every mention of the digest in the log."""

    schema: Literal["shipmark.log-find/1"] = "shipmark.log-find/1"
    mentions: tuple[Mention, ...]


class AtRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`tag`: `latest`, or `ghcr.io/acme/app:latest`. `time`: a moment, or a day, which means the end of that day."""

    tag: str
    time: str


class AtReport(msgspec.Struct, frozen=True, kw_only=True):
    """The digest that the tag held at the given time, for each target where it held an image."""

    schema: Literal["shipmark.log-at/1"] = "shipmark.log-at/1"
    tags: tuple[TagThen, ...]


class HistoryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`tag`: `latest`, or `ghcr.io/acme/app:latest`."""

    tag: str


class HistoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """The digests that the tag held over time, for each target that ever had the tag."""

    schema: Literal["shipmark.log-history/1"] = "shipmark.log-history/1"
    tags: tuple[TagHistory, ...]


class DiffRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The names of two releases; of several releases that a name means, the newest counts."""

    before: str
    after: str


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit between two releases."""

    commit: str
    subject: str


class DiffReport(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of two releases. `before`, `after`: the commits of the releases.

    `commits`: the commits between them, newest first.
    """

    schema: Literal["shipmark.log-diff/1"] = "shipmark.log-diff/1"
    before: str
    after: str
    same_image: bool
    inputs: tuple[Change, ...]
    platforms_added: tuple[str, ...]
    platforms_removed: tuple[str, ...]
    commits: tuple[Commit, ...]


def list_releases(workspace: Session, request: ListRequest) -> ListReport:
    """The releases that match the request."""
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
        # `yanked` is not a state of `LogState`, where a yanked release stays `released`; it is filtered below.
        state=None if only_yanked else request.state,
        actor=request.actor,
    )
    found = [
        one for one in questions.select(workspace.log_state, chosen) if not only_yanked or yank_of(yanks, one)
    ]
    return ListReport(releases=tuple(_listed(one, yank_of(yanks, one)) for one in found[: request.limit]))


def show(workspace: Session, request: ShowRequest) -> ShowReport:
    """Every log entry of the releases that the name means, and the entries that yanked them. Raises `ConfigError`."""
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
    """The mentions of a digest in the log. Raises `ConfigError` for text that does not begin a digest."""
    return FindReport(mentions=query.find(workspace.log.store, request.digest, workspace.indexes))


def at(workspace: Session, request: AtRequest) -> AtReport:
    """The digest that the tag held at the time, by target. Raises `ConfigError` for text that is not a time."""
    moment = questions.moment(request.time)
    return AtReport(tags=query.at(workspace.log.store, request.tag, moment, workspace.indexes))


def history(workspace: Session, request: HistoryRequest) -> HistoryReport:
    """The digests that the tag held over time, by target."""
    return HistoryReport(tags=query.history(workspace.log.store, request.tag, workspace.indexes))


def diff(workspace: Session, request: DiffRequest) -> DiffReport:
    """The difference of two releases. Raises `ConfigError` for an unknown name, or if git lacks one of the commits.

    Raises `RefusedError` if the log has something else than a commit id for one of the releases.
    """
    old, new = (releases_named(workspace, name)[-1] for name in (request.before, request.after))
    found = questions.difference(old, new)
    return DiffReport(
        **{name: getattr(found, name) for name in found.__struct_fields__},
        commits=_commits(workspace, old.commit, new.commit),
    )


def releases_named(workspace: Session, name: str) -> tuple[ReleaseState, ...]:
    """The releases that `name` means, oldest first. Raises `ConfigError` if `name` means no release.

    `name`: a version, git tag, image tag, digest, commit or release key.
    """
    found = questions.resolve(workspace.log_state, name)
    if not found:
        raise ConfigError(
            f"the log has no release `{name}`", hint="`shipmark log list` lists the recorded releases"
        )
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
        # Others can write to the log. Git would read a "commit" such as `--output=FILE` as an option and overwrite a
        # file.
        if not is_commit(commit):
            raise RefusedError(
                f"the log says `{commit[:80]}` where a commit id belongs",
                hint="`shipmark log show` shows the entries of the release; somebody with access changed the log",
            )
    git = Git(workspace.process, workspace.root, workspace.settings.env)
    done = git.run("log", "-z", "--format=%H%x09%s", f"{before}..{after}", "--")
    if done.code != 0:
        raise ConfigError(
            f"this clone lacks commit {before[:12]} or {after[:12]}",
            hint="fetch the history: `git fetch --unshallow --tags`",
        )
    rows = [row.partition("\t") for row in done.stdout.decode("utf-8", "replace").split("\0") if row]
    return tuple(Commit(commit=commit, subject=subject) for commit, _, subject in rows)
