"""Formats decisions, plans and reports as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.cli.output.columns import columns
from release.plan.operands import Attest, MoveTag, PutTag, image_of
from release.plan.outcome import Outcome, Report
from release.plan.release_input import ReleaseInput
from release.tagging.model import Decision

_FINISHED = {"made", "done", "withheld"}
_MARK = {"free": "+", "made": "+", "done": "=", "withheld": "-", "skipped": " "}


def decision_lines(decision: Decision, *, width: int | None = None) -> list[str]:
    """A decision as lines: the version, then each tag and each withheld tag with its reason. `width`: of the lines."""
    head = f"{decision.component} {decision.version or '(no version)'}  {decision.channel}"
    lines = [f"{head}, commit {decision.commit[:12]}"]
    rows = [(tag.name, _kind(tag), tag.reason) for tag in decision.tags]
    rows += [(one.name, "withheld", one.reason) for one in decision.withheld]
    lines += [f"  {row}" for row in columns(rows, width=width and width - 2)]
    return lines


def _kind(tag: object) -> str:
    return "fixed" if type(tag).__name__ == "FixedTag" else "moving"


def preview_lines(
    report: Report, subjects: Sequence[ReleaseInput], *, verbose: bool = False, width: int | None = None
) -> list[str]:
    """A preview as lines: the decisions, then the steps with their states, then a summary. `width`: of the lines."""
    settled = {release.component: release.decision for release in report.plan.releases}
    lines: list[str] = []
    for subject in subjects:
        lines += [*decision_lines(settled.get(subject.component, subject.decision), width=width), ""]
    rows = said_once(_all_rows(report) if verbose else _main_rows(report))
    lines += [f"  {row}" for row in columns(rows, width=width and width - 2)]
    closing = summary_line(report.outcomes) if verbose else _main_summary(report.outcomes)
    return [*lines, "", closing] if rows else [*lines, closing]


def said_once(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows of mark, step and reason, in which an obstacle of several steps is spelled out only for the first step."""
    first: dict[str, str] = {}
    return [
        (
            mark,
            step,
            reason if mark != "!" or first.setdefault(reason, step) == step else f"as `{first[reason]}`",
        )
        for mark, step, reason in rows
    ]


def _all_rows(report: Report) -> list[tuple[str, ...]]:
    return [_row(outcome) for outcome in report.outcomes]


def _main_rows(report: Report) -> list[tuple[str, ...]]:
    """The rows of a preview without `-v`: how the image is obtained and pushed, obstacles, and how many tags to put."""
    rows: list[tuple[str, ...]] = []
    tags: dict[str, list[str]] = {}
    for outcome in report.outcomes:
        operands = outcome.step.operands
        if isinstance(operands, PutTag | MoveTag) and outcome.state == "free":
            tags.setdefault(operands.target, []).append(outcome.step.id)
        elif not _is_bookkeeping(outcome):
            rows.append(_row(outcome))
    rows += [("+", f"tags:{target}", f"{len(steps)} to put or move") for target, steps in tags.items()]
    return rows


def _row(outcome: Outcome) -> tuple[str, ...]:
    return (_MARK.get(outcome.state, "!"), outcome.step.id, outcome.reason)


def _is_bookkeeping(outcome: Outcome) -> bool:
    """Whether only `-v` shows the step: a record without an error, or a check without a finding."""
    if outcome.step.kind == "record":
        return outcome.error is None
    return outcome.step.phase in {"preflight", "permission"} and outcome.state in {"done", "made", "free"}


def run_lines(report: Report) -> list[str]:
    """A line for the release on each target, with primary tag and digest: `ghcr.io/acme/app:1.4.2@sha256:…`."""
    lines: list[str] = []
    for release in report.plan.releases:
        digest = report.bindings.get(image_of(release.component)) or ""
        primary = release.decision.tags[0].name
        lines += [
            f"{operands.target}:{primary}@{digest}"
            for outcome in report.outcomes
            if isinstance(operands := outcome.step.operands, PutTag)
            and operands.tag.name == primary
            and outcome.step.scope == release.component
            and outcome.state in {"made", "done", "withheld"}
        ]
    return lines


def lacking(report: Report) -> dict[str, str]:
    """Maps each optional target that lacks the release to the reason of its first failed step."""
    found: dict[str, str] = {}
    for outcome in report.outcomes:
        operands = outcome.step.operands
        target = getattr(operands, "target", None)
        if target is None or outcome.error is None or isinstance(operands, Attest):
            continue
        if not outcome.step.required:
            found.setdefault(target, outcome.reason)
    return found


def unattested(report: Report) -> dict[str, str]:
    """Maps each target that has the release without its release statement to the reason."""
    return {
        operands.target: outcome.reason
        for outcome in report.outcomes
        if isinstance(operands := outcome.step.operands, Attest) and outcome.error is not None
    }


def withheld_lines(report: Report) -> list[str]:
    """A line for each tag that the decision withholds, with the reason."""
    several = len(report.plan.releases) > 1
    return [
        f"- {f'{release.component}: ' if several else ''}{one.name} withheld: {one.reason}"
        for release in report.plan.releases
        for one in release.decision.withheld
    ]


def _main_summary(outcomes: Sequence[Outcome]) -> str:
    """The summary of a preview without `-v`: counts what its rows show, and says how many steps they leave out."""
    hidden = sum(_is_bookkeeping(outcome) for outcome in outcomes)
    shown = [outcome for outcome in outcomes if not _is_bookkeeping(outcome)]
    if not hidden or all(outcome.state in _FINISHED for outcome in shown):
        return summary_line(outcomes)
    return f"{summary_line(shown)} `-v` lists {hidden} checks and records, too."


def summary_line(outcomes: Sequence[Outcome]) -> str:
    """A line that counts the steps that are to do, done, withheld, and in the way (failed or in conflict)."""
    count = {"to do": 0, "done": 0, "withheld": 0, "in the way": 0}
    names = {"free": "to do", "made": "done", "done": "done", "withheld": "withheld", "skipped": "to do"}
    for outcome in outcomes:
        count[names.get(outcome.state, "in the way")] += 1
    if not outcomes:
        return "nothing to release"
    if count["to do"] == 0 and count["in the way"] == 0:
        return f"nothing to do: {count['done']} steps are done"
    return ", ".join(f"{number} {name}" for name, number in count.items() if number) + "."
