"""Step 8 of a release: CI outputs, the summary and the result file. They may warn; they never fail a release."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ci.outputs import RESULT_LIMIT, Outputs, dotenv, outputs_text
from ci.summary import summary_markdown
from release.cli.documents import decision_document, report_document
from release.cli.foreign import clean, cleaned, json_text
from release.cli.output_files import append_output, require_outputs, write_output
from release.cli.session import Session
from release.errors import ReleaseError
from release.runner import Report
from release.tagging.model import Decision, FixedTag
from release.world import Note


def require_publishable(session: Session, result_file: str | None) -> None:
    """Raise `RefusedError`, before anything is done, where `publish` would write through a symlink."""
    require_outputs(session, [result_file], [path for path, _ in _ci_files(session)])


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the step summary says: a heading, a table, and notes below it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]


def publish(
    session: Session,
    outputs: Outputs,
    result_file: str | None,
    *,
    summary: Summary | None = None,
    output_file: bool = True,
) -> None:
    """Write what later CI steps and people read. `summary`: for systems that show one.

    `output_file`: whether GitHub's file of outputs is written, which later steps take their input from.
    The only way into these files, so known secrets, which a server's answer may repeat, are removed here.
    """
    outputs = _without_secrets(outputs)
    if result_file is not None:
        limit = RESULT_LIMIT if session.ci.system == "gitlab" else None
        _warned(session, write_output, result_file, dotenv(outputs.values(), limit=limit))
    for path, name in _ci_files(session):
        if name == "GITHUB_OUTPUT" and output_file:
            _warned(session, append_output, path, outputs_text(outputs.values(), session.entropy.token()))
        elif summary is not None and name != "GITHUB_OUTPUT":
            _warned(session, append_output, path, _markdown(summary))


def _without_secrets(outputs: Outputs) -> Outputs:
    texts = msgspec.structs.asdict(outputs)
    # As a value and not as a text: in JSON a secret may be spelled with escapes.
    texts["json"] = json_text(json.loads(outputs.json), ascii_only=True) if outputs.json else ""
    return Outputs(**{name: text if name == "json" else cleaned(text) for name, text in texts.items()})


def _markdown(summary: Summary) -> str:
    return summary_markdown(
        clean(summary.title),
        summary.columns,
        [[clean(cell) for cell in row] for row in summary.rows],
        notes=[clean(note) for note in summary.notes],
    )


def _ci_files(session: Session) -> list[tuple[str, str]]:
    """The files that the CI system gives this step, each with the variable that names it."""
    if session.ci.system not in {"github", "gitea", "forgejo"}:
        return []
    env = session.settings.env
    return [(env[name], name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY") if env.get(name)]


def _warned(session: Session, write: Callable[[Session, str, str], None], path: str, text: str) -> None:
    try:
        write(session, path, text)
    except ReleaseError as error:
        session.sink.emit(Note(level="warning", text=error.message, hint=error.hint))


def outputs_of_decision(decision: Decision) -> Outputs:
    """What is known without a release: names, and that nothing was pushed."""
    return outputs_of(None, decision, decision_document(decision))


def outputs_of_report(report: Report, schema: str, *, pushed: bool) -> Outputs:
    """The outputs of the first release; `json` holds them all."""
    document = report_document(schema, report)
    if not report.plan.releases:
        return Outputs(json=json.dumps(document, separators=(",", ":")))
    return outputs_of(report if pushed else None, report.plan.releases[0].decision, document)


def outputs_of(report: Report | None, decision: Decision, document: Mapping[str, Any]) -> Outputs:
    """Outputs from a decision, with digest and log entry where a run gave them."""
    fixed = [tag.name for tag in decision.tags if isinstance(tag, FixedTag)]
    bindings = report.bindings if report is not None else {}
    return Outputs(
        version=decision.version or "",
        channel=decision.channel,
        tags=decision.references,
        tag_names=tuple(tag.name for tag in decision.tags),
        primary_tag=fixed[0] if fixed else "",
        digest=str(bindings.get(f"image:{decision.component}", "")),
        pushed=report is not None and report.error is None,
        log_entry=str(bindings.get("log-entry", "")),
        json=json.dumps(document, separators=(",", ":")),
    )


def summary_of(report: Report, outputs: Outputs) -> Summary:
    """The release as a table."""
    rows = []
    for release in report.plan.releases:
        rows += [
            (tag.name, "fixed" if isinstance(tag, FixedTag) else "moving", tag.reason)
            for tag in release.decision.tags
        ]
        rows += [(one.name, "withheld", one.reason) for one in release.decision.withheld]
    notes = [f"digest {outputs.digest}", f"log entry {outputs.log_entry}"]
    if report.error is not None:
        notes.insert(0, f"{report.error.message}")
    title = f"shipmark {outputs.version or outputs.primary_tag or 'nothing to release'}"
    return Summary(title=title, columns=("tag", "kind", "reason"), rows=rows, notes=notes)
