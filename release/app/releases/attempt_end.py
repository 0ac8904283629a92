"""How an attempt ends when it is not by finishing: the facts that say so. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release.effects.record import whole_fact
from release.errors import Interrupted, LogError, ReleaseError, Terminated
from release.log.identity import safe_message
from release.plan.model import Plan, unbound
from release.plan.operands import Record
from release.runner import Outcome


def ending_facts(
    plan: Plan, outcomes: tuple[Outcome, ...], error: ReleaseError, context: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One `failed` or `cancelled` fact for each release that this attempt began to record."""
    begun = {
        outcome.step.scope
        for outcome in outcomes
        if outcome.step.kind == "record" and outcome.state == "made"
    }
    return [
        {**context, **_base(release.key, release.project, release.decision.commit), **_how(error, outcomes)}
        for release in plan.releases
        if release.component in begun
    ]


def unrecorded_facts(outcomes: tuple[Outcome, ...], context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is true and the log did not take: facts of records that failed although what they record was done."""
    return [
        whole_fact(operands, context)
        for outcome in outcomes
        if isinstance(operands := outcome.step.operands, Record)
        and isinstance(outcome.error, LogError)
        and not unbound(operands)
    ]


def _base(key: str, project: str, commit: str) -> dict[str, Any]:
    return {"release": key, "project": project, "commit": commit}


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
