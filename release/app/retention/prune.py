"""`prune`: decides what goes, shows the plan, and executes exactly the plan that was approved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from release.app.help_topics import caught
from release.app.log.anchor import refuse_lost_entries
from release.app.releases.execute import execute
from release.app.releases.release_sources import at_own_targets
from release.app.releases.results import error_report, exit_code, step_reports
from release.app.retention.gather import Ground, Unread, gather
from release.app.retention.places import places_of
from release.app.retention.reports import PruneReport, PruneRequest, PruneResult, RepositoryReport, totals_of
from release.app.retention.repository_report import report_of, unread_report
from release.app.session import Session
from release.errors import (
    ConfigError,
    DeletionDisabled,
    PartialError,
    RefusedError,
    RegistryError,
    ReleaseError,
    StalePlan,
)
from release.oci.reference import parse_repository
from release.patterns import has_wildcard
from release.plan.earlier import read_plan
from release.plan.model import Bindings, Plan
from release.plan.outcome import Outcome, Report
from release.plan.prune.approval import approved, repositories_in
from release.plan.prune.planner import PrunedTarget, plan_prune
from release.retention.rails import refusals, way_out
from release.transfer.delete import require_deletion

# Digits of a hash that `--apply` accepts at least: a shorter one would approve plans that nobody has seen.
_SHORTEST_HASH = 8


class _Surveyed(msgspec.Struct, frozen=True, kw_only=True):
    """What stays in memory of a repository that was read. `target`: None if it could not be read.

    `tags`: tag -> digest, or `""` for a tag that leads nowhere, as the plan found them, where the plan is executed.
    """

    report: RepositoryReport
    target: PrunedTarget | None
    tags: Mapping[str, str]


def prune(session: Session, request: PruneRequest) -> PruneResult:
    """Show what a prune would delete, or execute the approved plan.

    Raises errors that prevent a plan, and `StalePlan` if the approved plan no longer fits; other errors are the
    result's.
    """
    session.require_trusted("prune")
    if request.plan is not None and request.apply is not None:
        raise ConfigError("`--apply` and `--plan` both approve a plan", hint="leave one of them out")
    approval = None if request.plan is None else _read(request)
    executes = request.apply is not None or approval is not None
    places = places_of(session, request, None if approval is None else repositories_in(approval) or None)
    basis = None if approval is None else approval["basis"]
    found = gather(session, places, partial(_surveyed, basis=basis, executes=executes))
    unread = [one for one in found if isinstance(one, Unread)]
    surveyed = [
        _Surveyed(report=unread_report(one), target=None, tags={}) if isinstance(one, Unread) else one
        for one in found
    ]
    plan = plan_prune([one.target for one in surveyed if one.target is not None], {})
    reports = [one.report for one in surveyed]
    _warn_of_empty(session, request, reports)
    error = (
        caught(refuse_lost_entries, session)
        or caught(_require_all_read, unread, len(found))
        or caught(_require_allowed, reports)
    )
    if not executes:
        return _result(Report(plan=plan, outcomes=(), bindings=Bindings()), reports, error)
    if error is not None:
        raise error
    if request.apply is not None:
        _require_hash(plan, request.apply)
    planned = {one.report.repository: one.tags for one in surveyed if one.tags}
    _require_deletion(session, planned)
    run = session.entropy.token()
    details = execute(session, plan, at_own_targets(session), attempt=run, listed=planned)
    return _result(details, reports, executed_error(details), run=run, applied=True)


def _read(request: PruneRequest) -> dict[str, Any]:
    plan = read_plan(request.plan or b"", request.plan_name, written_by="prune -o")
    if plan.get("purpose") != "prune":
        raise ConfigError(
            f"`{request.plan_name}` is a plan of `{plan.get('purpose')}`, not of a prune",
            hint="write it with `prune -o`",
        )
    return plan


def _surveyed(ground: Ground, *, basis: dict[str, str] | None, executes: bool) -> _Surveyed:
    """What a plan needs of a repository. `basis`: of the approved plan, to which the decision is reduced."""
    if basis is not None:
        ground = _approved(ground, basis)
    unfinished = ground.unfinished
    target = PrunedTarget(
        target=ground.place.name,
        project=ground.place.project,
        # Without what was decided about everything that stays, which takes as much memory as the repository.
        decision=msgspec.structs.replace(ground.decision, tags={}, kept={}),
        unfinished=unfinished,
        follows=ground.known.history.follows,
        trash=ground.place.trash,
    )
    changes = executes and not (ground.decision.is_empty and not unfinished)
    held = {tag.name: tag.digest for tag in ground.inventory.tags if tag.digest}
    tags = held | dict.fromkeys(ground.inventory.nowhere, "") if changes else {}
    return _Surveyed(report=report_of(ground), target=target, tags=tags)


def _approved(ground: Ground, basis: dict[str, str]) -> Ground:
    """The ground with the part of its decision that the plan file approved."""
    inventory = ground.inventory
    held = {tag.name: tag.digest for tag in inventory.tags}
    decision = approved(ground.decision, basis, frozenset(inventory.manifests), held)
    refused = refusals(ground.policy.limits, inventory, decision)
    return msgspec.structs.replace(ground, decision=decision, refused=refused)


def _warn_of_empty(session: Session, request: PruneRequest, reports: Sequence[RepositoryReport]) -> None:
    """Warn of repositories without images that the request names: a misspelt name would go unnoticed."""
    named = {parse_repository(one).name for one in request.repositories if not has_wildcard(one)}
    empty = [
        one.repository
        for one in reports
        if one.repository in named and not (one.images or one.tags or one.finishes or one.unread)
    ]
    if empty:
        shown = ", ".join(f"`{name}`" for name in empty[:5])
        more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
        session.warn(f"{shown}{more} {'holds' if len(empty) == 1 else 'hold'} no image: check the spelling")


def _require_all_read(unread: Sequence[Unread], repositories: int) -> None:
    """Raise `RefusedError` for a plan that does not know what some of its repositories hold."""
    if not unread:
        return
    names = ", ".join(f"`{one.place.name}`" for one in unread[:5])
    more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
    first = unread[0].error
    raise RefusedError(
        f"the plan is refused: {len(unread)} of {repositories} repositories could not be read: {names}{more}: "
        f"{first.message}",
        hint=first.hint or "try again, or leave these repositories out",
    )


def _require_allowed(reports: Sequence[RepositoryReport]) -> None:
    """Raise `RefusedError` for a plan that a rail refuses."""
    refused = [text for report in reports for text in report.refused]
    if not refused:
        return
    more = f" ({len(refused) - 1} more reasons)" if len(refused) > 1 else ""
    raise RefusedError(f"the plan is refused: {refused[0]}{more}", hint=way_out(refused[0]))


def _require_deletion(session: Session, planned: Iterable[str]) -> None:
    """Raise `DeletionDisabled` if no repository of the plan deletes anything: the run would record what cannot be.

    Where some do, the run goes on with those. Other refusals may concern single images, and come with the attempt.
    """
    disabled: DeletionDisabled | None = None
    for name in planned:
        try:
            require_deletion(session.registries.open(name))
        except DeletionDisabled as error:
            disabled = disabled or error
        except RegistryError:
            return
        else:
            return
    if disabled is not None:
        raise disabled


def _require_hash(plan: Plan, text: str) -> None:
    given = text.removeprefix("sha256:").lower()
    if len(given) < _SHORTEST_HASH or any(character not in "0123456789abcdef" for character in given):
        raise ConfigError(
            f"`--apply {text}` is not the hash of a plan", hint="`shipmark prune` prints it below its plan"
        )
    if not plan.hash.startswith(given):
        raise StalePlan(
            f"the plan {given[:12]} is stale: tags, images, log or policy have changed, it is {plan.hash[:12]} now",
            hint="look at a new `shipmark prune`; `--plan FILE` goes on although more images are old enough by now",
        )


def executed_error(details: Report) -> ReleaseError | None:
    """The error of an executed prune: steps of single digests are not required, and their errors count here."""
    if details.error is not None:
        return details.error  # type: ignore[no-any-return]  # a field that msgspec must not look into
    return caught(_require_whole, details)


def _require_whole(details: Report) -> None:
    failed = [one for one in details.outcomes if one.error is not None]
    if not failed:
        return
    first: Outcome = next((one for one in failed if isinstance(one.error, PartialError)), failed[0])
    more = f" (and {len(failed) - 1} more steps)" if len(failed) > 1 else ""
    if not details.acted and isinstance(first.error, ReleaseError):
        raise first.error
    hint = first.error.hint or "run `shipmark prune` again: it goes on where this run stopped"
    raise PartialError(f"{first.error.message}{more}", hint=hint)


def _result(
    details: Report,
    reports: Sequence[RepositoryReport],
    error: ReleaseError | None,
    *,
    run: str = "",
    applied: bool = False,
) -> PruneResult:
    details = msgspec.structs.replace(details, error=error)
    report = PruneReport(
        plan=details.plan.hash,
        applied=applied,
        run=run,
        repositories=tuple(reports),
        totals=totals_of(reports),
        frees=sum(one.frees for one in reports),
        steps=step_reports(details),
        exit_code=exit_code(details),
        error=error_report(details),
    )
    return PruneResult(report=report, details=details, error=error)
