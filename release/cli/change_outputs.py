"""What `promote` and `rollback` hand to later CI steps: the outputs of a run, where they mean the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from ci.outputs import Outputs
from release.cli.ci_outputs import Summary, publish
from release.cli.session import Session
from release.plan.operands import MoveTag, PutTag
from release.plan.promote import SetTag
from release.runner import Outcome, Report

_HOLDS = frozenset({"made", "done"})


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `primary_tag`: the fixed tag of the version, `""` where it has none.

    `channel`: of the release, where the log knows it. `notes`: what the summary says besides the tags.
    """

    title: str
    digest: str
    version: str = ""
    channel: str = ""
    primary_tag: str = ""
    notes: tuple[str, ...] = ()


def publish_change(
    session: Session, report: Report, changed: Changed, document: Mapping[str, Any], result_file: str | None
) -> None:
    """Write outputs, result file and summary. It may warn; it never fails what was done."""
    outputs = change_outputs(session, report, changed, document)
    publish(session, outputs, result_file, summary=_summary(report, changed, outputs))


def change_outputs(
    session: Session, report: Report, changed: Changed, document: Mapping[str, Any]
) -> Outputs:
    """The outputs. `tags`: every reference that holds its image now, each once; none after a preview."""
    recorded = any(one.step.kind == "record" and one.state in _HOLDS for one in report.outcomes)
    head = session.log.head
    references = tuple(reference for one in report.outcomes if (reference := held_reference(one)) is not None)
    return Outputs(
        version=changed.version,
        channel=changed.channel,
        tags=references,
        tag_names=tuple(dict.fromkeys(one.rpartition(":")[2] for one in references)),
        primary_tag=changed.primary_tag,
        digest=changed.digest,
        pushed=report.error is None and not any(one.state == "free" for one in report.outcomes),
        log_entry=f"{head.seq}:{head.hash}" if recorded and head.seq >= 0 else "",
        json=json.dumps(document, separators=(",", ":")),
    )


def held_reference(outcome: Outcome) -> str | None:
    """`repository:tag` of a step after which the tag holds its image; None for any other step."""
    operands = outcome.step.operands
    if outcome.state not in _HOLDS or not isinstance(operands, PutTag | MoveTag | SetTag):
        return None
    return f"{operands.target}:{tag_of(operands)}"


def tag_of(operands: PutTag | MoveTag | SetTag) -> str:
    """The tag that the step is about."""
    return operands.tag.name if isinstance(operands, PutTag) else operands.tag


def _summary(report: Report, changed: Changed, outputs: Outputs) -> Summary:
    rows = [
        (f"{operands.target}:{tag_of(operands)}", outcome.state, outcome.reason)
        for outcome in report.outcomes
        if isinstance(operands := outcome.step.operands, PutTag | MoveTag | SetTag)
    ]
    notes = [*changed.notes, f"digest {outputs.digest}", f"log entry {outputs.log_entry or 'none'}"]
    if report.error is not None:
        notes.insert(0, report.error.message)
    return Summary(title=changed.title, columns=("tag", "state", "reason"), rows=rows, notes=notes)
