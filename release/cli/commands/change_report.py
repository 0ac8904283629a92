"""Prints the result of a promotion, a rollback or a restore, and writes its CI outputs."""

from __future__ import annotations

import json

import msgspec

from release.app.lifecycle.results import ChangeResult
from release.app.session import Session
from release.cli.output.ci_outputs import publish
from release.cli.output.columns import columns
from release.cli.output.outputs import change_outputs, held_reference
from release.cli.output.stdout import data, document
from release.cli.output.summary import change_summary
from release.cli.output.text import summary_line
from release.events import Note
from release.plan.outcome import Outcome, Report

_MARK = {"free": "+", "made": "+", "done": "=", "withheld": "-", "skipped": " "}


def publish_change(session: Session, result: ChangeResult, result_file: str | None) -> None:
    """Write outputs, result file and job summary; failures to write are warnings, since the change is already made."""
    text = json.dumps(msgspec.to_builtins(result.report), separators=(",", ":"))
    outputs = change_outputs(session, result, text)
    publish(session, outputs, result_file, summary=change_summary(result, outputs, session.ci))


def show(session: Session, result: ChangeResult, *, preview: bool, as_json: bool) -> None:
    """Print the report on stdout, then raise its error, if there is one."""
    details = result.details
    if not preview and details.error is None and not details.acted:
        session.sink.emit(Note(level="info", text=summary_line(details.outcomes)))
    if as_json:
        document(msgspec.to_builtins(result.report))
    elif preview:
        rows = columns([_row(one) for one in details.outcomes])
        data(*rows, "", summary_line(details.outcomes))
    elif lines := _places(details):
        data(*lines)
    if result.error is not None:
        raise result.error


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
