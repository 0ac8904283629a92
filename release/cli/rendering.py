"""Decisions and plans as text for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.plan.subject import Subject
from release.runner import Outcome, Report
from release.tagging.model import Decision

_MARK = {"free": "+", "made": "+", "done": "=", "withheld": "-", "skipped": " "}


def decision_lines(decision: Decision) -> list[str]:
    """The version, each tag with its reason, each withheld tag with its own."""
    head = f"{decision.component} {decision.version or '(no version)'}  {decision.channel}"
    lines = [f"{head}, commit {decision.commit[:12]}"]
    rows = [(tag.name, _kind(tag), tag.reason) for tag in decision.tags]
    rows += [(one.name, "withheld", one.reason) for one in decision.withheld]
    lines += [f"  {row}" for row in columns(rows)]
    return lines or [f"{head}: nothing to name"]


def _kind(tag: object) -> str:
    return "fixed" if type(tag).__name__ == "FixedTag" else "moving"


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows with their columns aligned, the last one left as long as it is."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def preview_lines(report: Report, subjects: Sequence[Subject], *, verbose: bool = False) -> list[str]:
    """Decisions first, then every step with how it stands, then the sum."""
    settled = {release.component: release.decision for release in report.plan.releases}
    lines: list[str] = []
    for subject in subjects:
        lines += [*decision_lines(settled.get(subject.component, subject.decision)), ""]
    shown = [outcome for outcome in report.outcomes if verbose or not _is_bookkeeping(outcome)]
    rows = [(_MARK.get(outcome.state, "!"), outcome.step.id, outcome.reason) for outcome in shown]
    lines += [f"  {row}" for row in columns(rows)]
    lines += ["", summary_line(report.outcomes)] if rows else [summary_line(report.outcomes)]
    return lines


def _is_bookkeeping(outcome: Outcome) -> bool:
    """Records to be written, and checks that found nothing: what only `-v` shows."""
    if outcome.step.kind == "record":
        return outcome.error is None
    return outcome.step.phase == "preflight" and outcome.state in {"done", "made", "free"}


def run_lines(report: Report) -> list[str]:
    """What was released: one reference a line with its digest, and what was withheld."""
    lines: list[str] = []
    for release in report.plan.releases:
        digest = report.bindings.get(f"image:{release.component}", "")
        stands = {outcome.step.id.split(":", 1)[-1]: outcome.state for outcome in report.outcomes}
        lines += [
            f"{reference}@{digest}"
            for reference in release.decision.references
            if stands.get(reference) in {"made", "done"}
        ]
    return lines or ["nothing to release"]


def summary_line(outcomes: Sequence[Outcome]) -> str:
    """How many steps are to do, done, withheld, and in the way."""
    count = {"to do": 0, "done": 0, "withheld": 0, "in the way": 0}
    names = {"free": "to do", "made": "done", "done": "done", "withheld": "withheld", "skipped": "to do"}
    for outcome in outcomes:
        count[names.get(outcome.state, "in the way")] += 1
    if not outcomes:
        return "nothing to release"
    if count["to do"] == 0 and count["in the way"] == 0:
        return f"nothing to do: {count['done']} steps are done"
    return ", ".join(f"{number} {name}" for name, number in count.items() if number) + "."
