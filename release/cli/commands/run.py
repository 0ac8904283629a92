"""`shipmark run`: make the plan and carry it out."""

from __future__ import annotations

from typing import Any

import click

from release.app.cache import trim_at_exit
from release.app.releases.builds import Builds
from release.app.releases.execute import execute
from release.app.releases.release import make_plan, refusal, wishes_from, with_withheld
from release.app.releases.release_sources import at_own_targets
from release.app.releases.wait import wait_for_others
from release.app.session import Session
from release.cli.options import (
    Command,
    global_options,
    image_options,
    result_option,
    wish_options,
)
from release.cli.output.ci_outputs import outputs_of_report, publish, require_publishable, summary_of
from release.cli.output.documents import report_document
from release.cli.output.stdout import data, document
from release.cli.output.text import lacking, run_lines, summary_line, unattested, withheld_lines
from release.cli.session import open_session
from release.errors import ConfigError, StalePlan
from release.events import Note
from release.filesystem.files import read_file
from release.limits import PLAN_BYTES
from release.plan.earlier import read_plan
from release.plan.freshness import moved_since
from release.plan.model import Plan
from release.plan.release_input import ReleaseInput
from release.runner import Report


@click.command(cls=Command)
@image_options
@global_options
@wish_options
@click.option(
    "--plan", "plan_file", metavar="FILE", help="Only if the world is as this plan of `preview -o` found it."
)
@click.option(
    "--wait", is_flag=True, help="First wait for runs that are at work on the same images, by the log."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.run/1`.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    plan_file: str | None,
    wait: bool,
    as_json: bool,
    result_file: str | None,
    **wished: Any,
) -> int:
    """Release: build, push, tag, record. Killed anywhere, the next run finishes.

    Pushes content by digest first, then fixed tags everywhere, then moving tags; what is done already is left
    alone, so running it again is always right. For a request of another repository nothing is released.
    """
    session = open_session(ctx)
    require_publishable(session, result_file)
    if not session.trust.trusted:
        from release.cli.untrusted import run

        return run(session, as_json=as_json, result_file=result_file)
    if wait:
        wait_for_others(session)
    report = _run(session, plan_file, wished)
    _say(session, report)
    outputs = outputs_of_report(report, "shipmark.run/1", pushed=True)
    publish(session, outputs, result_file, summary=summary_of(report, outputs))
    if as_json:
        document(report_document("shipmark.run/1", report))
    elif lines := run_lines(report):
        data(*lines)
    if report.error is not None:
        raise report.error
    return 0


def _run(session: Session, plan_file: str | None, wished: dict[str, Any]) -> Report:
    earlier = None if plan_file is None else _read(plan_file)
    if earlier is not None and not any(value not in {None, False} for value in wished.values()):
        wished = _wished(earlier["request"])
    refused = refusal(session)
    if refused is not None:
        raise refused
    with Builds() as builds:
        subjects, plan = make_plan(session, wishes_from(**wished), builds)
        if earlier is not None:
            _require_fresh(earlier, subjects, plan)
        trim_at_exit(session)
        report = execute(session, plan, at_own_targets(session), builds=builds)
    return with_withheld(report, report.error)


def _say(session: Session, report: Report) -> None:
    """What the steps themselves do not say: what was withheld from the start, and that nothing had to be done."""
    notes = withheld_lines(report)
    if report.error is None and not report.acted:
        notes.append("nothing to release" if not report.outcomes else summary_line(report.outcomes))
    for text in notes:
        session.sink.emit(Note(level="info", text=text))
    for target, reason in lacking(report).items():
        text = f"`{target}` lacks this release, and is not required: {reason}"
        session.sink.emit(Note(level="warning", text=text, hint="run again when it answers"))
    for target, reason in unattested(report).items():
        text = f"`{target}` has this release without its statement: {reason}"
        session.sink.emit(
            Note(level="warning", text=text, hint="the next run attaches it; `attest: never` does without")
        )


def _read(path: str) -> dict[str, Any]:
    try:
        raw = read_file(path, limit=PLAN_BYTES)
    except OSError as error:
        raise ConfigError(
            f"plan `{path}` cannot be read: {error.strerror}", hint="check its rights"
        ) from error
    if raw is None:
        raise ConfigError(f"there is no plan `{path}`", hint="write it with `preview -o`")
    return read_plan(raw, path)


def _wished(request: dict[str, Any]) -> dict[str, Any]:
    names = {
        "version": "version",
        "reason": "reason",
        "allow_backward": "allow_backward",
        "rebuild_of": "rebuild",
    }
    return {option: request[name] for name, option in names.items() if name in request}


def _require_fresh(earlier: dict[str, Any], subjects: tuple[ReleaseInput, ...], plan: Plan) -> None:
    own = frozenset(subject.recorded.digest for subject in subjects if subject.recorded.digest)
    moved = moved_since(earlier, plan, own)
    if moved:
        raise StalePlan(f"the plan is stale: {'; '.join(moved)}", hint="look at a new `shipmark preview -o`")
