"""Questions to the version log: lists and shows releases, finds digests, and lists the digests of tags.

A question without a match returns an empty report. `ConfigError` is raised for the name of an unknown release, and for
text that is not a time or not a digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from release.app.log.named_releases import plain_name, releases_named
from release.app.log.reports import (
    AtReport,
    AtRequest,
    DeploymentsReport,
    DeploymentsRequest,
    FindReport,
    FindRequest,
    HistoryReport,
    HistoryRequest,
    ListedRelease,
    ListReport,
    ListRequest,
    RunningImage,
    ShownRelease,
    ShowReport,
    ShowRequest,
)
from release.app.log.scope import scope_of
from release.app.log.tag_holders import holders, holds_of
from release.app.session import Session
from release.log import Entry, questions
from release.log.answers.deployments import Deployment, running
from release.log.catalog.view import LogView
from release.log.questions import Filter
from release.log.records.entry_members import tags_set
from release.log.records.members import text_of
from release.log.state import ReleaseState
from release.log.timestamps import moment
from release.log.yanked import Yank, Yanks, yank_named, yank_of


def list_releases(workspace: Session, request: ListRequest) -> ListReport:
    """The releases that match the request."""
    view = workspace.log_state
    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    if view.is_long and request.limit is not None and scope.components is None and not _filters(request):
        found, total = view.newest(scope, request.limit)
        yanks = view.yanks(view.covered(scope))
        return ListReport(
            releases=tuple(_listed(view, one, yank_of(yanks, one)) for one in found), total=total
        )
    state = view.whole
    yanks = view.yanks(view.projects)
    only_yanked = request.state == "yanked"
    chosen = Filter(
        images=_images(request),
        tag=request.tag,
        version=request.version,
        channel=request.channel,
        branch=request.branch,
        since=moment(request.since, begins=True) if request.since is not None else None,
        until=moment(request.until) if request.until is not None else None,
        # `yanked` is not a state of `LogState`, where a yanked release stays `released`; it is filtered below.
        state=None if only_yanked else request.state,
        actor=request.actor,
        scope=scope,
    )
    found = [
        one
        for one in questions.select(state, chosen)
        # `released` means those that still count: a yanked release is listed as `yanked`.
        if (yank_of(yanks, one) is not None) == only_yanked or request.state is None
    ]
    return ListReport(
        releases=tuple(_listed(view, one, yank_of(yanks, one)) for one in found[: request.limit]),
        total=len(found),
    )


def _images(request: ListRequest) -> tuple[str, ...]:
    return (*request.images, *(() if request.image is None else (request.image,)))


def _filters(request: ListRequest) -> bool:
    """Whether the request asks for some releases only, other than those of a project and the newest."""
    names = ("tag", "version", "channel", "branch", "since", "until", "state", "actor")
    return bool(_images(request)) or any(getattr(request, name) is not None for name in names)


def show(workspace: Session, request: ShowRequest) -> ShowReport:
    """Every log entry about the release: of its attempts, and its yank, promotions and deployments.

    A tag, such as `latest`, means the release that holds it now. Raises `ConfigError`.
    """
    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    view = workspace.log_state
    name = plain_name(request.name)
    tags = holds_of(view, name, scope)
    releases = holders(view, tags, scope) or releases_named(workspace, name, scope)
    yanks = view.yanks({one.project for one in releases})
    keys = {one.key for one in releases}
    named = {(one.project, name) for one in releases if one.version for name in (one.version, one.name)}
    images = {(one.project, one.image.digest) for one in releases if one.image is not None}
    told = view.deployments(scope)
    entries = {entry.seq: entry for release in releases for entry in view.about(release)}
    about = [entries[seq] for seq in sorted(entries)]
    return ShowReport(
        entries=tuple(one.fields for one in about if _is_about(one.fields, keys, named, images)),
        releases=tuple(
            ShownRelease(
                release=_listed(view, one, yank_of(yanks, one)),
                destinations=_destinations(about, one),
                running=tuple(run for run in running(told) if _runs(run, one)),
            )
            for one in releases
        ),
        tags=tags,
    )


def _is_about(
    fields: dict[str, Any], keys: set[str], named: set[tuple[str, str]], images: set[tuple[str, str]]
) -> bool:
    """Whether an entry is about releases with these keys, (project, version) pairs and (project, digest) pairs."""
    if text_of(fields, "release") in keys:
        return True
    project = str(fields.get("project", ""))
    match fields.get("kind"):
        case "yanked" | "restored":
            versions = fields.get("versions")
            return isinstance(versions, list) and any((project, str(one)) in named for one in versions)
        case "status":
            return (project, str(fields.get("version", ""))) in named
        case "promoted":
            return (project, str(fields.get("digest", ""))) in images
        case "deployed":
            image = fields.get("image")
            return isinstance(image, dict) and (project, str(image.get("digest", ""))) in images
        case _:
            return False


def _destinations(entries: Sequence[Entry], release: ReleaseState) -> tuple[str, ...]:
    digest = release.image.digest if release.image is not None else None
    found: dict[str, None] = {}
    for entry in entries:
        if entry.kind == "promoted" and digest is not None and entry.fields.get("digest") == digest:
            found |= {f"{target}:{tag}": None for target, tag, _ in tags_set(entry.fields)}
    return tuple(found)


def _runs(run: Deployment, release: ReleaseState) -> bool:
    return run.project == release.project and release.image is not None and run.digest == release.image.digest


def find(workspace: Session, request: FindRequest) -> FindReport:
    """The mentions of a digest in the log. Raises `ConfigError` for text that does not begin a digest."""
    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    found = workspace.log_state.mentions(plain_name(request.digest))
    return FindReport(mentions=tuple(one for one in found if scope.covers(one.project)))


def at(workspace: Session, request: AtRequest) -> AtReport:
    """The digest that the tag held at the time, by target. Raises `ConfigError` for text that is not a time."""
    time = moment(request.time)
    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    found = workspace.log_state.at(request.tag, time)
    return AtReport(tags=tuple(one for one in found if scope.covers_tag(one.target, [one.hold])))


def history(workspace: Session, request: HistoryRequest) -> HistoryReport:
    """The digests that the tag held over time, by target."""
    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    found = workspace.log_state.holds(request.tag, request.limit)
    return HistoryReport(
        tags=tuple(one for one in found.tags if scope.covers_tag(one.target, one.holds)),
        whole=found.is_whole,
    )


def deployed(workspace: Session, request: DeploymentsRequest) -> DeploymentsReport:
    """What runs in the environments, or ran there at a time. Raises `ConfigError` for text that is not a time."""
    time = moment(request.time) if request.time is not None else None
    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    view = workspace.log_state
    found = view.deployments(scope, request.environment)
    if not request.history:
        found = running(found, time)
    elif time is not None:
        found = tuple(one for one in found if one.since <= time)
    yanks = view.yanks({one.project for one in found})
    return DeploymentsReport(deployments=tuple(_running(one, yanks) for one in found))


def _running(one: Deployment, yanks: Yanks) -> RunningImage:
    yank = yank_named(yanks, one.project, one.version)
    return RunningImage(
        deployment=one, yanked_at=yank.at if yank else "", yank_reason=yank.reason if yank else ""
    )


def _listed(view: LogView, release: ReleaseState, yank: Yank | None) -> ListedRelease:
    hold = view.status_of(release.project, release.version)
    return ListedRelease(
        release=release.name or release.channel,
        key=release.key,
        version=release.version,
        commit=release.commit,
        channel=release.channel,
        state="yanked" if yank is not None else release.state,
        planned_at=release.planned_at,
        released_at=release.released_at,
        digest=release.image.digest if release.image is not None else "",
        targets=tuple(one.target for one in release.pushed),
        tags=questions.tags_of(release),
        yanked_at=yank.at if yank is not None else "",
        yank_reason=yank.reason if yank is not None else "",
        project=release.project,
        component=release.component,
        rebuild=release.rebuild,
        status=hold.status if hold is not None else "",
    )
