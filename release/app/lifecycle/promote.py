"""`promote`: copies an existing image to another repository by digest, tags it there, and records that."""

from __future__ import annotations

import msgspec

from release.app.lifecycle.promote_origin import Origin, origin_of, yanked_version
from release.app.lifecycle.promote_places import destinations, history
from release.app.lifecycle.results import Changed, ChangeResult, PlaceReport, PromoteReport, WithheldAt
from release.app.log.anchor import warn_of_lost_entries
from release.app.releases.execute import execute, survey
from release.app.releases.release_sources import at_destinations, known_at
from release.app.releases.request import require_said
from release.app.releases.results import error_report, exit_code, step_reports
from release.app.session import Session
from release.errors import RefusedError, TagConflict
from release.events import Note
from release.plan.outcome import Report
from release.plan.promote import Destination, Promotion, plan_promotion
from release.tagging import guard
from release.tagging.model import Candidate, HeldTags, KnownReleases, Withheld


class PromoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the promotion of the image `source` to the repositories and tags in `to`, each `REPO[:TAG,...]`.

    `referrers`: also copy signatures, attestations and SBOMs. `allow_backward`: also move tags from a higher version
    back to this image, with a `reason`. A version that was taken back needs a `reason`, too, and only its fixed tag is
    copied. `preview`: show what would happen, and change nothing.
    """

    source: str
    to: tuple[str, ...]
    referrers: bool = True
    allow_backward: bool = False
    reason: str | None = None
    preview: bool = False


def promote(session: Session, request: PromoteRequest) -> ChangeResult:
    """Promote the image. Raises errors that prevent a plan; errors of the plan's steps are the result's `error`."""
    if request.allow_backward:
        require_said(request.reason, "`--allow-backward`")
    session.require_trusted("promote")
    warn_of_lost_entries(session)
    origin = origin_of(session, request.source)
    asked = destinations(session, origin, request.to)
    if (yanked := yanked_version(session, origin)) is not None:
        asked = tuple(_fixed_only(one, yanked, request.reason) for one in asked)
    places = tuple(_guarded(session, origin, one, allow_backward=request.allow_backward) for one in asked)
    plan = plan_promotion(_promotion(request, origin, places))
    for place in places:
        for tag in place.withheld:
            text = f"- {place.target}:{tag.name} withheld: {tag.reason}"
            session.sink.emit(Note(level="info", text=text))
    carry_out = survey if request.preview else execute
    details = carry_out(session, plan, at_destinations(session, origin.project))
    changed = _changed(session, origin, places, request.reason)
    return ChangeResult(report=_report(origin, places, details), details=details, changed=changed)


def _fixed_only(place: Destination, yanked: str, reason: str | None) -> Destination:
    """The destination without the tags that would move to a version that was taken back.

    Raises `RefusedError` without a reason, and if no fixed tag is left.
    """
    fixed = ", ".join(f"`{tag.name}`" for tag in place.fixed)
    if not (reason or "").strip():
        raise RefusedError(
            f"{yanked} was taken back",
            hint=f'`--reason "..."` copies {fixed or "its fixed tag"} all the same, and moves no other tag',
        )
    moved = (*(tag.name for tag in place.moving), *place.names)
    if not fixed:
        raise RefusedError(
            f"{yanked} was taken back, and {', '.join(f'`{name}`' for name in moved)} would move to it",
            hint=f"only a fixed tag is copied: write `--to {place.target}:{yanked}`",
        )
    withheld = tuple(Withheld(name=name, reason=f"{yanked} was taken back") for name in moved)
    held = HeldTags(held=tuple(one for one in place.held.held if one.tag not in moved))
    return msgspec.structs.replace(place, moving=(), names=(), withheld=withheld, held=held)


def _promotion(request: PromoteRequest, origin: Origin, places: tuple[Destination, ...]) -> Promotion:
    return Promotion(
        project=origin.project,
        source=origin.name,
        digest=origin.digest,
        destinations=places,
        commit=origin.commit,
        candidate=origin.candidate,
        version=origin.version,
        release=origin.release,
        reason=request.reason,
        allow_backward=request.allow_backward,
        referrers=request.referrers,
    )


def _report(origin: Origin, places: tuple[Destination, ...], details: Report) -> PromoteReport:
    return PromoteReport(
        source=origin.name,
        digest=origin.digest,
        version=origin.version,
        to=tuple(PlaceReport(target=one.target, tags=one.tags) for one in places),
        withheld=tuple(
            WithheldAt(target=one.target, name=tag.name, reason=tag.reason)
            for one in places
            for tag in one.withheld
        ),
        steps=step_reports(details),
        plan=details.plan.hash,
        exit_code=exit_code(details),
        error=error_report(details),
    )


def _changed(
    session: Session, origin: Origin, places: tuple[Destination, ...], reason: str | None
) -> Changed:
    known = session.log_state.release(origin.release) if origin.release is not None else None
    fixed = [tag.name for place in places for tag in place.fixed]
    return Changed(
        title=f"shipmark promote {origin.version or origin.tag or origin.digest[:19]}",
        digest=origin.digest,
        version=origin.version or "",
        channel=known.channel if known is not None else "",
        primary_tag=fixed[0] if fixed else "",
        notes=(f"from {origin.name}", *((f"reason: {reason}",) if reason else ())),
    )


def _guarded(session: Session, origin: Origin, place: Destination, *, allow_backward: bool) -> Destination:
    """The destination without the moving tags that must stay on a newer release.

    Raises `TagConflict` if the guard refuses to move a tag.
    """
    repository = session.registries.open(place.target)
    releases = known_at(session, origin.project, repository) if place.moving else KnownReleases()
    candidate = origin.candidate or Candidate(commit=origin.commit or "")
    kept, withheld = [], list(place.withheld)
    for tag in place.moving:
        (held,) = place.held.at(tag.name)
        verdict = guard.judge(tag.line, candidate, releases, held, allow_backward=allow_backward)
        match verdict:
            case guard.Refuse():
                raise TagConflict(
                    f"`{place.target}:{tag.name}`: {verdict.reason}",
                    hint="name the tags with `--to REPO:TAG`",
                )
            case guard.Withhold() if verdict.rightly:
                withheld.append(Withheld(name=tag.name, reason=verdict.reason))
            case _:
                kept.append(
                    tag
                )  # also a tag about which something is unknown: the step judges and reports it again
    names = {one.name for one in withheld}
    held_tags = tuple(one for one in place.held.held if one.tag not in names)
    rest = msgspec.structs.replace(
        place, moving=tuple(kept), withheld=tuple(withheld), held=HeldTags(held=held_tags)
    )
    recorded, follows = history(session.log_state, rest.target, rest.tags, origin.digest)
    return msgspec.structs.replace(rest, recorded=recorded, follows=follows)
