"""The JSON documents that commands print: contracts, so each is written here once."""

from __future__ import annotations

from typing import Any

import msgspec

from release.app.report import decision_report
from release.plan.model import Plan, plain
from release.plan.operands import BuildImage
from release.runner import Outcome, Report


def report_document(schema: str, report: Report) -> dict[str, Any]:
    """`shipmark.preview/1` and `shipmark.run/1`: the same plan, as it stands or as it went."""
    plan = report.plan
    shared = [step_document(outcome) for outcome in report.outcomes if not outcome.step.scope]
    releases = [
        {
            "component": release.component,
            "key": release.key,
            "decision": msgspec.to_builtins(decision_report(release.decision)),
            "builder": _builder(report, release.component),
            "steps": shared
            + [
                step_document(outcome)
                for outcome in report.outcomes
                if outcome.step.scope == release.component
            ],
        }
        for release in plan.releases
    ]
    error = report.error
    return {
        "schema": schema,
        "releases": releases,
        "plan": plan.hash,
        "exit_code": 0 if error is None else error.exit_code,
        "error": None if error is None else {"message": error.message, "hint": error.hint},
    }


def _builder(report: Report, component: str) -> str | None:
    """Which builder makes the image; None where nothing is built, or `preview --offline` left the choice to `run`."""
    for outcome in report.outcomes:
        operands = outcome.step.operands
        if isinstance(operands, BuildImage) and operands.component == component:
            return operands.builds_with
    return None


def plan_document(plan: Plan) -> dict[str, Any]:
    """`shipmark.plan/1`: the plan file, with the hash over the rest of it."""
    return {"schema": "shipmark.plan/1", "hash": plan.hash, "plan": plain(plan)}


def step_document(outcome: Outcome) -> dict[str, Any]:
    """One step as documents list it."""
    step = outcome.step
    return {
        "id": step.id,
        "kind": step.kind,
        "phase": step.phase,
        "required": step.required,
        "state": outcome.state,
        "reason": outcome.reason,
    }
