"""The facts that record a failed or cancelled attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release.effects.record import whole_fact
from release.errors import Interrupted, LogError, ReleaseError, Terminated
from release.log.identity import safe_message
from release.plan.model import Plan, unbound
from release.plan.operands import Record
from release.plan.outcome import Outcome

_ENDED_WELL = frozenset({"done", "made", "withheld"})


def ending_facts(
    plan: Plan, outcomes: tuple[Outcome, ...], error: ReleaseError, context: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One `failed` or `cancelled` fact for each release that the attempt began.

    Of several releases only those that are not finished get one.
    """
    if not plan.releases:
        return [{**context, **release, **_how(error, outcomes)} for release in _named(outcomes)]
    found = []
    for component, release in _released(plan, outcomes):
        own = tuple(one for one in outcomes if one.step.scope in {component, ""})
        if len(plan.releases) == 1:
            found.append({**context, **release, **_how(error, outcomes)})
        elif not all(one.state in _ENDED_WELL for one in own):
            # A component may have failed with an error of its own, or be stopped by another one's.
            own_error = next((one.error for one in own if one.error is not None), error)
            ends = error if isinstance(error, Interrupted) else own_error
            found.append({**context, **release, **_how(ends, own)})
    return found


def _released(plan: Plan, outcomes: tuple[Outcome, ...]) -> list[tuple[str, dict[str, Any]]]:
    """The releases of the plan that the attempt began, by component: those with at least one record written."""
    begun = {
        outcome.step.scope
        for outcome in outcomes
        if outcome.step.kind == "record" and outcome.state == "made"
    }
    return [
        (one.component, {"release": one.key, "project": one.project, "commit": one.decision.commit})
        for one in plan.releases
        if one.component in begun
    ]


def _named(outcomes: tuple[Outcome, ...]) -> list[dict[str, Any]]:
    """The releases that the records of a promotion or a rollback name, if any of its steps has changed something.

    A promotion of an image that is not a release in the log names no release. The log has no beginning of such a
    promotion, so no end is recorded either.
    """
    if not any(outcome.state == "made" for outcome in outcomes):
        return []
    named: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        if isinstance(operands := outcome.step.operands, Record) and "release" in operands.fact:
            said = {name: operands.fact.get(name) for name in ("release", "project", "commit")}
            named[operands.fact["release"]] = {name: text for name, text in said.items() if text}
    return list(named.values())


def unrecorded_facts(outcomes: tuple[Outcome, ...], context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The facts that the log did not take: of record steps that failed with a `LogError` and have all their values."""
    return [
        whole_fact(operands, context)
        for outcome in outcomes
        if isinstance(operands := outcome.step.operands, Record)
        and isinstance(outcome.error, LogError)
        and not unbound(operands)
    ]


def _how(error: ReleaseError, outcomes: tuple[Outcome, ...]) -> dict[str, Any]:
    if isinstance(error, Interrupted):
        return {"kind": "cancelled", "signal": "SIGTERM" if isinstance(error, Terminated) else "SIGINT"}
    step = next((outcome.step.id for outcome in outcomes if outcome.error is not None), "")
    said = {
        "code": type(error).__name__,
        "exit": error.exit_code,
        "step": step,
        "message": safe_message(error.message),
    }
    return {"kind": "failed", "error": said}
