"""Previews or carries out a plan that gives existing images other places: promotions and rollbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.app.releases.execute import execute, survey
from release.app.releases.results import step_report
from release.app.session import Session
from release.cli.output.ci_outputs import held_reference
from release.cli.output.stdout import data, document
from release.cli.output.text import columns, summary_line
from release.effects.watch import ReleaseSource
from release.events import Note
from release.plan.model import Plan
from release.runner import Outcome, Report

_MARK = {"free": "+", "made": "+", "done": "=", "withheld": "-", "skipped": " "}


def settle(session: Session, plan: Plan, releases: ReleaseSource, *, preview: bool) -> Report:
    """Survey the plan, or carry it out. `releases`: what counts for moving tags."""
    if preview:
        return survey(session, plan, releases)
    report = execute(session, plan, releases)
    if report.error is None and not report.acted:
        session.sink.emit(Note(level="info", text=summary_line(report.outcomes)))
    return report


def show(report: Report, whole: Mapping[str, Any], *, preview: bool, as_json: bool) -> None:
    """The report on stdout, and its error to whoever called. `whole`: the document."""
    if as_json:
        document(whole)
    elif preview:
        rows = columns([_row(one) for one in report.outcomes])
        data(*rows, "", summary_line(report.outcomes))
    elif lines := _places(report):
        data(*lines)
    if report.error is not None:
        raise report.error


def change_document(report: Report, head: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON document of a change. `head`: its first members."""
    error = report.error
    return {
        **head,
        "steps": [msgspec.to_builtins(step_report(outcome)) for outcome in report.outcomes],
        "plan": report.plan.hash,
        "exit_code": 0 if error is None else error.exit_code,
        "error": None if error is None else {"message": error.message, "hint": error.hint},
    }


def _row(outcome: Outcome) -> tuple[str, ...]:
    return (_MARK.get(outcome.state, "!"), outcome.step.id, outcome.reason)


def _places(report: Report) -> list[str]:
    """`repository:tag@digest` for every tag that holds the image now."""
    lines = []
    for outcome in report.outcomes:
        reference = held_reference(outcome)
        if reference is not None:
            lines.append(f"{reference}@{getattr(outcome.step.operands, 'image', '')}")
    return lines
