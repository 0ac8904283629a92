"""Makes the content of the job summary: the state first, then what to pull, the error or the tags, and the steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ci.context import CiContext
from ci.outputs import Outputs
from ci.summary import Summary, Table
from release.app.releases.results import RunReport
from release.cli.output.outputs import tag_of
from release.errors import ReleaseError
from release.plan.operands import MoveTag, PushContent, PutTag, SetTag, built_of
from release.plan.outcome import Outcome, Report
from release.tagging.model import FixedTag

if TYPE_CHECKING:
    from release.app.lifecycle.results import ChangeResult

#: Steps that took less are left out of the table of steps, unless they failed.
_SHORT_MS = 100
_WRONG = frozenset({"failed", "conflict", "unknown"})
_PARTLY = 7
#: Rows of the table of steps: a release has as many slow steps as targets and platforms.
_STEPS = 20


def summary_of(
    report: RunReport, outputs: Outputs, ci: CiContext, details: Report | None = None, *, untrusted: str = ""
) -> Summary:
    """The summary of `preview` or `run`. `untrusted`: why the run is not trusted, if it is not."""
    names = [one.component for one in report.releases] or [one.component for one in report.unchanged]
    subject = f"{names[0] if len(names) == 1 else f'{len(names)} components'} {outputs.version}".strip()
    state = _state(report, details, untrusted)
    failed = [f"component {one.component}: {one.message}" for one in report.failed]
    return Summary(
        title=f"{state}: {subject}" if names else state,
        problem=report.error.message if report.error is not None else "",
        hint=(report.error.hint or "") if report.error is not None else "",
        pull=_pulls(report, details),
        tables=(_tags(report), *_steps(report, details)),
        links=links_of(ci),
        notes=[
            *([f"Nothing is released: this run is not trusted, because {untrusted}."] if untrusted else []),
            *failed,
            *_images(details),
            *([f"Log entry {outputs.log_entry}"] if outputs.log_entry else []),
        ],
    )


def change_summary(result: ChangeResult, outputs: Outputs, ci: CiContext) -> Summary:
    """The summary of `promote`, `rollback` or `restore`: a table of all tags."""
    error: ReleaseError | None = result.error
    outcomes = result.details.outcomes
    rows = [
        (f"{operands.target}:{tag_of(operands)}", outcome.state, outcome.reason)
        for outcome in outcomes
        if isinstance(operands := outcome.step.operands, PutTag | MoveTag | SetTag)
    ]
    state = "Done" if result.details.acted else "Nothing to do"
    if error is not None:
        state = _failed(int(error.exit_code))
    elif any(one.state == "free" for one in outcomes):
        state = "Previewed"
    return Summary(
        title=f"{state}: {result.changed.title}",
        problem=error.message if error is not None else "",
        hint=(error.hint or "") if error is not None else "",
        tables=(
            Table(columns=("tag", "state", "reason"), rows=rows),
            *_slow(outcomes),
        ),
        links=links_of(ci),
        notes=[
            *result.changed.notes,
            f"Digest {outputs.digest}",
            f"Log entry {outputs.log_entry or 'none'}",
        ],
    )


def _failed(code: int) -> str:
    return "Partly released, run again" if code == _PARTLY else "Failed"


def _state(report: RunReport, details: Report | None, untrusted: str) -> str:
    tags = [tag for one in report.releases for tag in one.decision.tags]
    withheld = [one for release in report.releases for one in release.decision.withheld]
    if report.error is not None:
        return _failed(report.exit_code)
    if untrusted or (withheld and not tags):
        return "Withheld"
    if not tags:
        return "Nothing to release"
    if report.schema == "shipmark.preview/1":
        return "Previewed"
    return "Released" if details is not None and _is_visible(details) else "Nothing to do"


def _is_visible(details: Report) -> bool:
    """Whether the run changed what others see; a new entry in the log alone is no release."""
    return any(
        one.state == "made" and isinstance(one.step.operands, PushContent | PutTag | MoveTag)
        for one in details.outcomes
    )


def _pulls(report: RunReport, details: Report | None) -> tuple[str, ...]:
    """`repository@digest` of each image in a registry that holds a tag of the release now."""
    if details is None or report.schema != "shipmark.run/1":
        return ()
    found: dict[str, None] = {}
    for outcome in details.outcomes:
        operands = outcome.step.operands
        if not isinstance(operands, PutTag) or operands.target.startswith("oci:"):
            continue
        built = details.bindings.get(built_of(outcome.step.scope)) or {}
        if outcome.state in {"made", "done"} and built.get("digest"):
            found[f"{operands.target}@{built['digest']}"] = None
    return tuple(found)


def _tags(report: RunReport) -> Table:
    rows: list[tuple[str, ...]] = []
    for release in report.releases:
        of_component = [
            (tag.name, "fixed" if isinstance(tag, FixedTag) else "moving", tag.reason)
            for tag in release.decision.tags
        ]
        of_component += [(one.name, "withheld", one.reason) for one in release.decision.withheld]
        rows += [(release.component, *row) for row in of_component]
    rows += [(one.component, one.tag, "unchanged", one.reason) for one in report.unchanged]
    columns: tuple[str, ...] = ("component", "tag", "kind", "reason")
    if len({row[0] for row in rows}) < 2:
        rows, columns = [row[1:] for row in rows], columns[1:]
    return Table(columns=columns, rows=rows)


def _steps(report: RunReport, details: Report | None) -> tuple[Table, ...]:
    """The steps that a preview found to do, or the slow and the failed steps of a run."""
    if details is None:
        return ()
    if report.schema == "shipmark.run/1":
        return _slow(details.outcomes)
    rows = [
        (one.step.id, "in the way" if one.state in _WRONG else "to do", one.reason)
        for one in details.outcomes
        if one.state in {"free", *_WRONG} and one.step.kind != "record"
    ]
    return (Table(title="Steps", columns=("step", "state", "what"), rows=rows),)


def _slow(outcomes: Sequence[Outcome]) -> tuple[Table, ...]:
    slow = [one for one in outcomes if one.ms >= _SHORT_MS or one.state in _WRONG]
    kept = sorted(slow, key=lambda one: -one.ms)[:_STEPS]
    rows = [
        (one.step.id, one.state, f"{one.ms / 1000:.1f} s", _short(one.reason))
        for one in outcomes
        if one in kept
    ]
    return (Table(title="Steps", columns=("step", "state", "took", "what"), rows=rows),)


def _short(reason: str) -> str:
    """The reason with digests of twelve digits, since a table as wide as a whole one has to be scrolled."""
    return re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1", reason)


def _images(details: Report | None) -> list[str]:
    """A line for each image with its digest and platforms."""
    if details is None:
        return []
    lines = []
    for release in details.plan.releases:
        built = details.bindings.get(built_of(release.component)) or {}
        if built.get("digest"):
            names = ", ".join(one["platform"] for one in built.get("platforms", ()))
            lines.append(f"Image {built['digest']}{f' for {names}' if names else ''}")
    return lines


def links_of(ci: CiContext) -> list[tuple[str, str]]:
    """The links to commit and run, as pairs of text and address."""
    links = []
    if ci.commit:
        address = f"{ci.repository_url}/commit/{ci.commit}" if ci.repository_url else ""
        links.append((f"commit {ci.commit[:12]}", address))
    if ci.run.url:
        links.append(("run", ci.run.url))
    return links
