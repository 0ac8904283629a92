"""`prune`: decides what goes, shows the plan, and executes exactly the plan that was approved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from release.app.releases.execute import execute
from release.app.releases.release_sources import at_own_targets
from release.app.releases.results import error_report, exit_code, step_reports
from release.app.retention.gather import Ground, gather
from release.app.retention.reports import (
    DeletedImage,
    PruneReport,
    PruneRequest,
    PruneResult,
    RemovedTag,
    RepositoryReport,
)
from release.app.session import Session
from release.errors import ConfigError, PartialError, RefusedError, ReleaseError, StalePlan
from release.plan.earlier import read_plan
from release.plan.model import Bindings, Plan
from release.plan.prune import PrunedTarget, plan_prune
from release.plan.prune_approval import approved
from release.retention.decide import Untag
from release.retention.rails import freed_bytes, refusals
from release.retention.times import UNKNOWN_AGE, Ages
from release.runner import Outcome, Report

# Digits of a hash that `--apply` accepts at least: a shorter one would approve plans that nobody has seen.
_SHORTEST_HASH = 8


def prune(session: Session, request: PruneRequest) -> PruneResult:
    """Show what a prune would delete, or execute the approved plan.

    Raises errors that prevent a plan, and `StalePlan` if the approved plan no longer fits; other errors are the
    result's.
    """
    session.require_trusted("prune")
    if request.plan is not None and request.apply is not None:
        raise ConfigError("`--apply` and `--plan` both approve a plan", hint="leave one of them out")
    approval = None if request.plan is None else _read(request)
    grounds = gather(session, request)
    if approval is not None:
        grounds = tuple(_approved(ground, approval["basis"]) for ground in grounds)
    plan = plan_prune([_target(ground) for ground in grounds], {})
    error = _refusal([text for ground in grounds for text in ground.refused])
    if request.apply is None and approval is None:
        return _result(Report(plan=plan, outcomes=(), bindings=Bindings()), grounds, error)
    if request.apply is not None:
        _require_hash(plan, request.apply)
    if error is not None:
        raise error
    planned = {
        ground.place.name: {tag.name: tag.digest for tag in ground.inventory.tags if tag.digest}
        for ground in grounds
    }
    run = session.entropy.token()
    details = execute(session, plan, at_own_targets(session), attempt=run, listed=planned)
    return _result(details, grounds, executed_error(details), run=run, applied=True)


def _read(request: PruneRequest) -> dict[str, Any]:
    plan = read_plan(request.plan or b"", request.plan_name, written_by="prune -o")
    if plan.get("purpose") != "prune":
        raise ConfigError(
            f"`{request.plan_name}` is a plan of `{plan.get('purpose')}`, not of a prune",
            hint="write it with `prune -o`",
        )
    return plan


def _approved(ground: Ground, basis: dict[str, str]) -> Ground:
    """The ground with the part of its decision that the plan file approved."""
    inventory = ground.inventory
    held = {tag.name: tag.digest for tag in inventory.tags}
    decision = approved(ground.decision, basis, frozenset(inventory.manifests), held)
    refused = refusals(ground.policy.limits, inventory, decision)
    return msgspec.structs.replace(ground, decision=decision, refused=refused)


def _target(ground: Ground) -> PrunedTarget:
    return PrunedTarget(
        target=ground.place.name,
        project=ground.place.project,
        decision=ground.decision,
        unfinished=ground.unfinished,
        follows=ground.known.history.follows,
    )


def _refusal(refused: Sequence[str]) -> RefusedError | None:
    if not refused:
        return None
    more = f" ({len(refused) - 1} more reasons)" if len(refused) > 1 else ""
    return RefusedError(
        f"the plan is refused: {refused[0]}{more}",
        hint="check the plan; `retention.limits` allows more if it is right",
    )


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
    failed = [one for one in details.outcomes if one.error is not None]
    if not failed:
        return None
    first: Outcome = next((one for one in failed if isinstance(one.error, PartialError)), failed[0])
    more = f" (and {len(failed) - 1} more steps)" if len(failed) > 1 else ""
    if not details.acted and isinstance(first.error, ReleaseError):
        return first.error
    hint = first.error.hint or "run `shipmark prune` again: it goes on where this run stopped"
    return PartialError(f"{first.error.message}{more}", hint=hint)


def _result(
    details: Report,
    grounds: Sequence[Ground],
    error: ReleaseError | None,
    *,
    run: str = "",
    applied: bool = False,
) -> PruneResult:
    details = msgspec.structs.replace(details, error=error)
    repositories = tuple(_repository(ground) for ground in grounds)
    report = PruneReport(
        plan=details.plan.hash,
        applied=applied,
        run=run,
        repositories=repositories,
        frees=sum(one.frees for one in repositories),
        steps=step_reports(details),
        exit_code=exit_code(details),
        error=error_report(details),
    )
    return PruneResult(report=report, details=details, error=error)


def _repository(ground: Ground) -> RepositoryReport:
    decision, inventory = ground.decision, ground.inventory
    whole = {one.digest: 1 for one in decision.deletions}
    return RepositoryReport(
        repository=ground.place.name,
        images=decision.images,
        kept=decision.images - decision.deleted_images,
        tags=len(inventory.tags),
        deleted=_deleted(ground),
        untagged=tuple(map(_removed, decision.untags)),
        shared=tuple(map(_removed, decision.shared)),
        frees=freed_bytes(inventory, whole),
        refused=ground.refused,
        finishes=len(ground.unfinished),
        unknown_age=_unknown_age(ground),
    )


def _unknown_age(ground: Ground) -> int:
    tags = ground.decision.tags.values()
    waiting = {one.digest for one in tags if one.reason.startswith(UNKNOWN_AGE)}
    waiting |= {one.digest for one in ground.decision.kept.values() if one.reason.startswith(UNKNOWN_AGE)}
    return len(waiting)


def _deleted(ground: Ground) -> tuple[DeletedImage, ...]:
    inventory = ground.inventory
    ages = Ages(ground.policy, inventory, ground.known.history)
    tops: dict[str, str] = {}
    families: dict[str, dict[str, int]] = {}
    for one in ground.decision.deletions:
        # Holders come first in the order of deletions, so the family of `because` is known, if it goes in this prune.
        top = tops[one.digest] = tops.get(one.because, one.digest)
        families.setdefault(top, {})[one.digest] = 1
    found = []
    for one in ground.decision.deletions:
        manifest = inventory.manifests[one.digest]
        family = families.get(one.digest)
        found.append(
            DeletedImage(
                digest=one.digest,
                tags=one.tags,
                rule=one.rule,
                size=manifest.size + sum(size for _, size in manifest.blobs),
                frees=None if family is None else freed_bytes(inventory, family),
                age=ages.of_digest(one.digest).milliseconds,
                because=one.because if one.because in tops else "",
            )
        )
    return tuple(found)


def _removed(one: Untag) -> RemovedTag:
    return RemovedTag(tag=one.tag, digest=one.digest, rule=one.rule, kept=one.kept)
