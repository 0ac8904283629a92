"""Step 8 of a release: CI outputs, the summary and the result file. They may warn; they never fail a release."""

from __future__ import annotations

import json
import os

from ci.outputs import Outputs, dotenv, outputs_text
from ci.summary import summary_markdown
from release.cli.documents import report_document
from release.cli.session import Session
from release.runner import Report
from release.tagging.model import FixedTag
from release.world import Note


def publish(session: Session, report: Report, result_file: str | None) -> None:
    """Write what later CI steps and people read."""
    outputs = outputs_of(report)
    env = session.settings.env
    writers = []
    if result_file is not None:
        writers.append((result_file, "w", dotenv(outputs.values())))
    if session.ci.system in {"github", "gitea", "forgejo"}:
        if env.get("GITHUB_OUTPUT"):
            token = session.entropy.token()
            writers.append((env["GITHUB_OUTPUT"], "a", outputs_text(outputs.values(), token)))
        if env.get("GITHUB_STEP_SUMMARY"):
            writers.append((env["GITHUB_STEP_SUMMARY"], "a", summary_of(report, outputs)))
    for path, mode, text in writers:
        _write(session, path, mode, text)


def _write(session: Session, path: str, mode: str, text: str) -> None:
    try:
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        with open(path, mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        session.sink.emit(Note(level="warning", text=f"`{path}` cannot be written: {error.strerror}"))


def outputs_of(report: Report) -> Outputs:
    """The outputs of the first release; `json` holds them all."""
    whole = json.dumps(report_document("shipmark.run/1", report), separators=(",", ":"))
    if not report.plan.releases:
        return Outputs(json=whole)
    release = report.plan.releases[0]
    decision = release.decision
    fixed = [tag.name for tag in decision.tags if isinstance(tag, FixedTag)]
    return Outputs(
        version=decision.version or "",
        channel=decision.channel,
        tags=decision.references,
        tag_names=tuple(tag.name for tag in decision.tags),
        primary_tag=fixed[0] if fixed else "",
        digest=str(report.bindings.get(f"image:{release.component}", "")),
        pushed=report.error is None,
        log_entry=str(report.bindings.get("log-entry", "")),
        json=whole,
    )


def summary_of(report: Report, outputs: Outputs) -> str:
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
    return summary_markdown(title, ("tag", "kind", "reason"), rows, notes=notes)
