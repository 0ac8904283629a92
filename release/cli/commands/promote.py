"""`shipmark promote`: an existing image gets another place."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from release.app.releases.promote import Origin, destinations, history, origin_of
from release.app.releases.release_sources import at_destinations, known_at
from release.app.session import Session
from release.cli.commands.change_report import change_document, settle, show
from release.cli.options import Command, global_options, result_option
from release.cli.output.ci_outputs import Changed, publish_change, require_publishable
from release.cli.session import open_session
from release.errors import ConfigError, TagConflict
from release.events import Note
from release.plan.promote import Destination, Promotion, plan_promotion
from release.tagging import guard
from release.tagging.model import Candidate, HeldTags, KnownReleases, Withheld

_SCHEMA = "shipmark.promote/1"


@click.command(cls=Command)
@global_options
@click.argument("source")
@click.option(
    "--to",
    "places",
    multiple=True,
    required=True,
    metavar="REPO[:TAG,...]",
    help="Where it goes; several tags with commas, several places with several `--to`.",
)
@click.option("--referrers", is_flag=True, help="Also what refers to it: signatures, attestations, SBOMs.")
@click.option("--allow-backward", is_flag=True, help="Also move tags back to this image; needs `--reason`.")
@click.option("--reason", metavar="TEXT", help="Why; recorded.")
@click.option("--component", metavar="NAME", help="Only this component of the config.")
@click.option("--preview", is_flag=True, help="Show what would happen, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help=f"One JSON document, schema `{_SCHEMA}`.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    places: tuple[str, ...],
    referrers: bool,
    allow_backward: bool,
    reason: str | None,
    preview: bool,
    as_json: bool,
    result_file: str | None,
) -> None:
    """Give the image SOURCE another place: copied by digest, tagged, and recorded in the version log.

    Without tags, a released version gets its own there: `1.4.2`, and `1.4`, `1` and `latest` where it is the highest
    of that repository. Fixed tags are never taken from other content, moving ones never go back.
    """
    if allow_backward and not reason:
        raise ConfigError("`--allow-backward` needs a reason, which is recorded", hint='add `--reason "..."`')
    session = open_session(ctx)
    session.require_trusted("promote")
    require_publishable(session, result_file)
    origin = origin_of(session, source)
    wanted = tuple(
        _guarded(session, origin, one, allow_backward=allow_backward)
        for one in destinations(session, origin, places)
    )
    promotion = Promotion(
        project=origin.project,
        source=origin.name,
        digest=origin.digest,
        destinations=wanted,
        commit=origin.commit,
        candidate=origin.candidate,
        version=origin.version,
        release=origin.release,
        reason=reason,
        allow_backward=allow_backward,
        referrers=referrers,
    )
    plan = plan_promotion(promotion)
    withheld = [(one.target, tag) for one in wanted for tag in one.withheld]
    for target, tag in withheld:
        text = f"- {target}:{tag.name} withheld: {tag.reason}"
        session.sink.emit(Note(level="info", text=text))
    report = settle(session, plan, at_destinations(session, origin.project), preview=preview)
    head: dict[str, Any] = {
        "schema": _SCHEMA,
        "from": origin.name,
        "digest": origin.digest,
        "version": origin.version,
        "to": [{"target": one.target, "tags": list(one.tags)} for one in wanted],
        "withheld": [{"target": target, "name": tag.name, "reason": tag.reason} for target, tag in withheld],
    }
    whole = change_document(report, head)
    publish_change(session, report, _changed(session, origin, wanted, reason), whole, result_file)
    show(report, whole, preview=preview, as_json=as_json)


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
    """The place without the moving tags that would go back. Raises `TagConflict` as the guard refuses."""
    repository = session.registries.open(place.target)
    releases = known_at(session, origin.project, repository) if place.moving else KnownReleases()
    candidate = origin.candidate or Candidate(commit=origin.commit or "")
    kept, withheld = [], []
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
                kept.append(tag)  # also what could not be known: the step asks again, and says so
    names = {one.name for one in withheld}
    held_tags = tuple(one for one in place.held.held if one.tag not in names)
    rest = msgspec.structs.replace(
        place, moving=tuple(kept), withheld=tuple(withheld), held=HeldTags(held=held_tags)
    )
    recorded, follows = history(session.log_state, rest.target, rest.tags, origin.digest)
    return msgspec.structs.replace(rest, recorded=recorded, follows=follows)
