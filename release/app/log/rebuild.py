"""Rebuilds a lost version log from the tags, labels, statements and statuses in registries, and from git."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from release.app.attempt_records import record_context
from release.app.log.read_registry import read_images
from release.app.log.scope import scope_of
from release.app.log.vouching import origin_of, vouched_by
from release.app.session import Session
from release.config.component import Component
from release.effects.version_status import told_in
from release.errors import ConfigError, RefusedError
from release.hints import NAME_IMAGE
from release.log.answers.scope import Scope
from release.log.rebuilt.facts import Rebuilt, facts_of, joined, status_facts
from release.log.rebuilt.identify import Found, LeftOut, Origin, identify
from release.versions.status import STATUS_TAG, KnownStatus, merged

#: What no registry and no git repository can tell of a lost log.
UNTOLD = (
    "when the releases were made, by whom, and in which CI run",
    "attempts that failed or were cancelled",
    "what a moving tag held before, and why one was withheld",
    "images whose last tag was deleted",
    "when a version was taken back or restored, and what was decided before that",
    "what runs where (`log deployed`), promotions to other repositories, and remarks",
)


class RebuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`preview`: show what would be recorded, and record nothing.

    `as_commit`: take images whose labels name no commit as those of their versions' git tags. `reason`: why.
    """

    preview: bool = False
    as_commit: bool = False
    reason: str | None = None


class RebuiltRelease(msgspec.Struct, frozen=True, kw_only=True):
    """A release that was found. `tags`: every tag of it, as `ghcr.io/acme/app:1.4.2`."""

    project: str
    component: str
    release: str
    commit: str
    digest: str
    tags: tuple[str, ...]
    evidence: str


class RebuiltStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a version, and the tag that says so."""

    component: str
    version: str
    status: str
    reason: str
    source: str


class RebuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the log holds now. `entries`: how many were appended.

    `left_out`: tags that are not recorded. `without_image`: git tags of versions that no registry has an image of.
    `untold`: what could not be found out.
    """

    schema: Literal["shipmark.log-rebuild/1"] = "shipmark.log-rebuild/1"
    log: str
    entries: int
    releases: tuple[RebuiltRelease, ...]
    statuses: tuple[RebuiltStatus, ...]
    left_out: tuple[LeftOut, ...]
    without_image: tuple[str, ...]
    untold: tuple[str, ...] = UNTOLD


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    """What the registries and git show of one component. `statuses`: each with the tag that says so."""

    origin: Origin
    releases: tuple[Rebuilt, ...]
    statuses: tuple[tuple[KnownStatus, str], ...]
    left_out: tuple[LeftOut, ...]
    targets: tuple[str, ...]
    without_image: tuple[str, ...]


def rebuild(session: Session, request: RebuildRequest) -> RebuildReport:
    """Record every release that the registries and git show, in one append.

    Raises `RefusedError` if the log has entries of these projects, and in a run that is not trusted; `RegistryError` if
    a registry does not answer.
    """
    session.require_trusted("log rebuild")
    vouched = vouched_by(as_commit=request.as_commit, reason=request.reason)
    _require_some_target(session)
    _require_lost(session, scope_of(session))
    reads = [_read(session, one, vouched) for one in session.components]
    facts = _facts(session, reads)
    if facts and not request.preview:
        session.log.append(facts)
    return RebuildReport(
        log=session.log.store.name,
        entries=0 if request.preview else len(facts),
        releases=tuple(_reported(one, read.origin) for read in reads for one in read.releases),
        statuses=tuple(_status(*one, read.origin) for read in reads for one in read.statuses),
        left_out=_left_out(reads),
        without_image=tuple(one for read in reads for one in read.without_image),
    )


def _left_out(reads: list[_Read]) -> tuple[LeftOut, ...]:
    """Every tag that no component's release has, once: several components may share a repository."""
    taken = {
        (one.image.target, tag)
        for read in reads
        for release in read.releases
        for one in release.found
        for tag in (*one.fixed, *one.moving)
    }
    left = {(one.target, one.tag): one for read in reads for one in read.left_out}
    return tuple(one for key, one in left.items() if key not in taken)


def _require_some_target(session: Session) -> None:
    if not any(one.targets for one in session.components):
        raise ConfigError(
            "there is no image whose registry could be read",
            hint=NAME_IMAGE,
        )


def _require_lost(session: Session, scope: Scope) -> None:
    """Raise `RefusedError` if the log has entries: entries that are made up later must not stand beside those."""
    own = [one for one in session.log.entries() if scope.covers(str(one.fields.get("project", "")))]
    if own:
        whose = ", ".join(sorted({str(one.fields.get("project", "")) for one in own})[:3])
        raise RefusedError(
            f"version log `{session.log.store.name}` has {len(own)} entries of {whose}: it is not lost",
            hint="`shipmark log adopt` records version tags that a log lacks",
        )


def _read(session: Session, component: Component, vouched: str) -> _Read:
    origin = origin_of(session, component, vouched)
    found: list[Found] = []
    left: list[LeftOut] = []
    statuses: list[tuple[KnownStatus, str]] = []
    names = []
    for target in component.targets:
        repository = session.registries.open(target.image)
        names.append(repository.name)
        tags = repository.tags()
        images, unreadable = read_images(repository, tags, required=target.required, cancel=session.cancel)
        left += unreadable
        for image in images:
            named, others = identify(image, origin)
            found += named
            left += others
        statuses += [(one, f"{repository.name}:{STATUS_TAG}") for one in told_in(repository, tags)]
    releases, other = joined(found)
    return _Read(
        origin=origin,
        releases=releases,
        statuses=_valid(statuses),
        left_out=(*left, *other),
        targets=tuple(names),
        without_image=_without_image(origin, releases),
    )


def _valid(statuses: list[tuple[KnownStatus, str]]) -> tuple[tuple[KnownStatus, str], ...]:
    """The valid status of each version, with the first tag that says it."""
    valid = merged(one for one, _ in statuses)
    return tuple((one, next(where for other, where in statuses if other.says(one))) for one in valid.values())


def _without_image(origin: Origin, releases: Iterable[Rebuilt]) -> tuple[str, ...]:
    there = {one.first.version for one in releases}
    return tuple(one.git_tag for one in origin.git_tags.tags if str(one.version) not in there)


def _facts(session: Session, reads: list[_Read]) -> list[dict[str, Any]]:
    """The facts of the new log: for each component a remark that it is rebuilt, the releases, and the statuses."""
    context = record_context(session, "")
    facts: list[dict[str, Any]] = []
    for read in reads:
        if not read.releases and not read.statuses:
            continue
        facts.append(_remark(read, context))
        for one in read.releases:
            facts += facts_of(one, read.origin, context)
        facts += status_facts(read.statuses, read.origin, context)
    return facts


def _remark(read: _Read, context: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in context.items() if name != "attempt"}
    return {
        **rest,
        "kind": "note",
        "project": read.origin.project,
        "component": read.origin.component,
        "text": f"this log was rebuilt by `log rebuild` from {', '.join(read.targets)} and git;"
        f" not known: {'; '.join(UNTOLD)}",
    }


def _reported(release: Rebuilt, origin: Origin) -> RebuiltRelease:
    first = release.first
    return RebuiltRelease(
        project=origin.project,
        component=origin.component,
        release=first.fixed[0],
        commit=first.commit,
        digest=first.image.image.digest,
        tags=tuple(f"{one.image.target}:{tag}" for one in release.found for tag in (*one.fixed, *one.moving)),
        evidence=first.evidence,
    )


def _status(said: KnownStatus, source: str, origin: Origin) -> RebuiltStatus:
    return RebuiltStatus(
        component=origin.component,
        version=said.version,
        status=said.status,
        reason=said.reason,
        source=source,
    )
