"""Prints the result of `preview` or `run` in a run that is not trusted.

Apart from stdout and stderr, only the job's summary, its copy for a comment, and the file of `--result-file` are
written.
"""

from __future__ import annotations

import msgspec

from release.app.session import Session
from release.app.untrusted import BuildCheck, UntrustedResult
from release.cli.output.ci_outputs import publish
from release.cli.output.outputs import outputs_of_report
from release.cli.output.stdout import data, document
from release.cli.output.summary import summary_of
from release.cli.output.text import decision_lines
from release.events import Note


def tell_preview(
    session: Session, result: UntrustedResult, result_file: str | None, *, as_json: bool
) -> None:
    """Print the decisions, the checks of the build and why nothing is released."""
    _publish(session, result, result_file, as_json=as_json)
    if not as_json:
        lines = [line for decision in result.decisions for line in [*decision_lines(decision), ""]]
        data(*lines, *map(_line, result.builds), "", _summary(result))


def tell_run(session: Session, result: UntrustedResult, result_file: str | None, *, as_json: bool) -> None:
    """Print a warning that says why nothing is released, and with `as_json` the report."""
    session.sink.emit(Note(level="warning", text=_summary(result)))
    _publish(session, result, result_file, as_json=as_json)


def _publish(session: Session, result: UntrustedResult, result_file: str | None, *, as_json: bool) -> None:
    outputs = outputs_of_report(result.report)
    summary = summary_of(result.report, outputs, session.ci, untrusted=result.reason)
    publish(session, outputs, result_file, summary=summary)
    if as_json:
        trust = {"verdict": session.trust.verdict, "reason": session.trust.reason}
        document({**msgspec.to_builtins(result.report), "trust": trust})


def _summary(result: UntrustedResult) -> str:
    return f"nothing is released: this run is not trusted, because {result.reason}"


def _line(check: BuildCheck) -> str:
    if check.builder is not None:
        return f"= build {check.component}: {check.shown} can be built here with `{check.builder}`"
    said = "; ".join(f"`{name}`: {reason}" for name, reason in check.problems)
    return f"? build {check.component}: {check.shown} cannot be built here: {said}"
